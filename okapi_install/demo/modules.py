"""The tenant interface of all simulated modules: classifies a call, finds its rule, and responds accordingly."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from okapi_install.demo.behaviours import Behaviour, Rulebook, SimulatedJob
from okapi_install.demo.tenant_jobs import RunningJob, SimulatedJobs
from okapi_install.demo.wire import Reply, Request

_MODULE_PATH = re.compile(r"/m/([^/]+)(/.*)?")
_JOB_PATH = re.compile(r"/_/tenant/([^/]+)")
CHANGES = ("enable", "upgrade", "disable", "purge")
_SIMPLE_KINDS = {
    ("POST", "/_/tenant/disable"): "disable",
    ("DELETE", "/_/tenant"): "purge",
    ("POST", "/_/tenantpermissions"): "permissions",
}


@dataclass(slots=True)
class Call:
    """A call of a module; `kind` is one of behaviours.KINDS."""

    kind: str
    module: str
    tenant: str
    request: Request


class SimulatedModules:
    """Simulates all modules in one process. The base URL of a module ends with `/m/<module id>`."""

    def __init__(self, rules: Rulebook, jobs: SimulatedJobs) -> None:
        self._rules = rules
        self._jobs = jobs

    async def handle(self, request: Request) -> Reply:
        """The reply to a call of a module; 404 for any other path."""
        found = _MODULE_PATH.fullmatch(request.path)
        if found is None:
            return Reply.of(404, f"no module at {request.path}")
        module, path = found[1], found[2] or "/"
        tenant = request.headers.get("x-okapi-tenant", "")
        return await self.answer(Call(kind_of(request, path), module, tenant, request), path)

    async def answer(self, call: Call, path: str) -> Reply:
        """The reply to a call, by the rules."""
        return await self.follow(self._rules.choose(call.module, call.tenant, call.kind), call, path)

    async def follow(self, rule: Behaviour, call: Call, path: str) -> Reply:
        """The reply to a call, by that rule."""
        if rule.delay:
            await asyncio.sleep(rule.delay)
        if rule.job is not None and call.kind in CHANGES:
            return self._job_begins(call, rule, rule.job)
        if rule.status is not None or rule.body is not None:
            return Reply.of(rule.status or 200, rule.body, rule.headers)
        return await self._usual(call, path, rule)

    async def _usual(self, call: Call, path: str, rule: Behaviour) -> Reply:
        """A module's usual reply, with the status and body of the rule."""
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

    def job_begins(self, call: Call) -> Callable[[], None]:  # noqa: ARG002 - for subclasses
        """Called when a call starts a tenant job. The result is called when that job is complete or forgotten."""
        return lambda: None

    def _job_begins(self, call: Call, rule: Behaviour, plan: SimulatedJob) -> Reply:
        document, on_end = _document(call.request.body), self.job_begins(call)
        job = self._jobs.start(call.module, call.tenant, document, plan, on_end)
        headers = dict(rule.headers)
        if not plan.no_location:
            headers = {"location": f"/_/tenant/{job.id}"} | headers
        return Reply.of(rule.status or 201, _first_body(rule, job), headers)


def kind_of(request: Request, path: str) -> str:
    """The purpose of a call of a module, one of behaviours.KINDS."""
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
    """The body as JSON; None if it is not JSON."""
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
