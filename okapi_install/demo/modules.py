"""The tenant interface of every simulated module: sorts a call, finds its rule, and answers as that says."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from typing import cast

from okapi_install.demo.behaviours import GARBAGE, Behaviour, Rulebook, SimulatedJob
from okapi_install.demo.ledger import Call, Ledger
from okapi_install.demo.tenant_jobs import RunningJob, SimulatedJobs
from okapi_install.demo.wire import Reply, Request

_MODULE_PATH = re.compile(r"/m/([^/]+)(/.*)?")
_JOB_PATH = re.compile(r"/_/tenant/([^/]+)")
_CHANGES = ("enable", "upgrade", "disable", "purge")
_FOREVER = 10**9
_SIMPLE_KINDS = {
    ("POST", "/_/tenant/disable"): "disable",
    ("DELETE", "/_/tenant"): "purge",
    ("POST", "/_/tenantpermissions"): "permissions",
}


class SimulatedModules:
    """Plays all modules in one process. The base URL of a module ends with `/m/<module id>`."""

    def __init__(self, rules: Rulebook, ledger: Ledger, jobs: SimulatedJobs) -> None:
        self._rules = rules
        self._ledger = ledger
        self._jobs = jobs

    async def handle(self, request: Request) -> Reply:
        """Answers a call of a module; 404 for a path that is none."""
        found = _MODULE_PATH.fullmatch(request.path)
        if found is None:
            return Reply.of(404, f"no module at {request.path}")
        module, path = found[1], found[2] or "/"
        tenant = request.headers.get("x-okapi-tenant", "")
        kind = kind_of(request, path)
        call = self._ledger.record(kind, module, tenant, request)
        if kind not in _CHANGES:
            return await self._recorded(call, path)
        self._ledger.begin(tenant, module)
        running = Running(self._ledger, tenant, module)
        try:
            return await self._recorded(call, path, running)
        finally:
            running.call_ended()

    async def _recorded(self, call: Call, path: str, running: Running | None = None) -> Reply:
        try:
            reply = await self._answer(call, path, running)
        except asyncio.CancelledError:
            call.end = "hung up"
            raise
        if reply.reset or reply.raw is not None:
            call.end = "reset" if reply.reset else "garbage"
        else:
            call.end, call.status = "answered", reply.status
        return reply

    async def _answer(self, call: Call, path: str, running: Running | None) -> Reply:
        rule = self._rules.choose(call.module, call.tenant, call.kind)
        if rule.hang:
            await asyncio.sleep(_FOREVER)
        if rule.delay:
            await asyncio.sleep(rule.delay)
        if rule.reset:
            return Reply(reset=True)
        if rule.garbage is not None:
            return Reply(raw=GARBAGE[rule.garbage])
        if rule.job is not None and running is not None:
            return self._job_begins(call, rule, rule.job, running)
        if rule.status is not None or rule.body is not None:
            return _slowed(Reply.of(rule.status or 200, rule.body, rule.headers), rule)
        return _slowed(await self._usual(call, path, rule), rule)

    async def _usual(self, call: Call, path: str, rule: Behaviour) -> Reply:
        """What a module answers that is told nothing else."""
        job_path = _JOB_PATH.fullmatch(path)
        if call.kind == "poll" and job_path is not None:
            return await self._jobs.poll(call.module, job_path[1], call.request.query)
        if call.kind == "cancel" and job_path is not None:
            return self._jobs.cancel(call.module, job_path[1])
        if call.kind == "auth":
            return Reply.of(202, None, {"x-okapi-token": "simulated", **rule.headers})
        if call.kind == "other":
            return Reply.of(404, f"{call.module} has no {call.request.method} {path}")
        return Reply.of(200, None, rule.headers)

    def _job_begins(self, call: Call, rule: Behaviour, plan: SimulatedJob, running: Running) -> Reply:
        job = self._jobs.start(call.module, call.tenant, _document(call.request.body), plan, running.job_ended)
        running.has_job = True
        headers = dict(rule.headers)
        if not plan.no_location:
            headers = {"location": f"/_/tenant/{job.id}"} | headers
        return _slowed(Reply.of(rule.status or 201, _first_body(rule, job), headers), rule)


class Running:
    """A module's change for a tenant: in progress until its call is answered and its tenant job, if any, has ended."""

    def __init__(self, ledger: Ledger, tenant: str, module: str) -> None:
        self._ledger = ledger
        self._where = (tenant, module)
        self.has_job = False
        self._over = False

    def call_ended(self) -> None:
        """The call is answered, or its caller has gone."""
        if not self.has_job:
            self.job_ended()

    def job_ended(self) -> None:
        """Nothing more happens."""
        if not self._over:
            self._over = True
            self._ledger.finish(*self._where)


def kind_of(request: Request, path: str) -> str:
    """One of behaviours.KINDS: what this call of a module is for."""
    if "x-okapi-filter" in request.headers:
        return "auth"
    simple = _SIMPLE_KINDS.get((request.method, path))
    if simple is not None:
        return simple
    if request.method == "POST" and path == "/_/tenant":
        return _kind_of_post(request.body)
    if _JOB_PATH.fullmatch(path):
        return {"GET": "poll", "DELETE": "cancel"}.get(request.method, "other")
    return "other"


def _kind_of_post(body: bytes) -> str:
    document = _document(body)
    if not isinstance(document, dict):
        return "enable"
    if document.get("purge") is True:
        return "purge"
    if "module_to" not in document:
        return "disable"
    return "upgrade" if document.get("module_from") else "enable"


def _document(body: bytes) -> object:
    """The body as JSON; None if it is none."""
    try:
        return cast("object", json.loads(body))
    except ValueError:
        return None


def _first_body(rule: Behaviour, job: RunningJob) -> object:
    if rule.body is not None:
        return rule.body
    if job.plan.not_json:
        return "the job has begun"
    document = job.document()
    if job.plan.no_id:
        del document["id"]
    return document


def _slowed(reply: Reply, rule: Behaviour) -> Reply:
    if not rule.slow:
        return reply
    return replace(reply, slow=rule.slow)
