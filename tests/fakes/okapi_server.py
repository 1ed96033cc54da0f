"""A server with Okapi's API for install jobs, ours or a plain one, whose jobs take a step whenever they are asked for.

Nothing in it depends on time: a job moves on at every GET, until `hold` names the module that stays running.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Document = dict[str, Any]
Answer = tuple[int, Any, dict[str, str]]
WARNING = {"message": "slow disk", "type": "warning", "code": "W1", "parameters": [{"key": "disk", "value": "sda"}]}


@dataclass
class Seen:
    """A request that came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class FakeOkapi:
    """What the server answers; tests set the fields, and read `seen`."""

    ours: bool = True
    plan: list[Document] = field(
        default_factory=lambda: [
            {"id": "mod-a-1.0.0", "action": "enable"},
            {"id": "mod-b-1.1.0", "from": "mod-b-1.0.0", "action": "enable"},
        ]
    )
    refusal: str | None = None
    explanation: list[str] = field(default_factory=list)
    solutions: list[Document] = field(default_factory=list)
    conflict: Document | None = None
    fails: dict[str, str] = field(default_factory=dict)
    warns: set[str] = field(default_factory=set)
    hold: str | None = None
    unknown_tenants: set[str] = field(default_factory=set)
    sync_gate: threading.Event = field(default_factory=threading.Event)
    """Closed, synchronous installs wait."""
    tenants: list[Document] = field(default_factory=lambda: [{"id": "other"}, {"id": "diku", "name": "Datalogisk"}])
    descriptors: list[Document] = field(default_factory=list)
    instances: list[Document] = field(default_factory=list)
    enabled: list[str] = field(default_factory=list)
    imports: bool = True
    """Whether it has Okapi's operation for many descriptors at once."""
    jobs: dict[str, Document] = field(default_factory=dict)
    retry_plan: Document = field(default_factory=dict)
    events: list[Document] = field(default_factory=list)
    """The history of every job."""
    seen: list[Seen] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _server: ThreadingHTTPServer | None = None
    _thread: threading.Thread | None = None
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __post_init__(self) -> None:
        self.sync_gate.set()

    def start(self) -> FakeOkapi:
        """Listens: the first time on a free port, then always on the same."""
        server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        server.daemon_threads = True
        self.port = server.server_address[1]
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Connections are refused from now on."""
        self.sync_gate.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None

    def count(self, method: str, path: str) -> int:
        """How many such requests came; `path` is a regular expression."""
        with self.lock:
            return sum(s.method == method and re.fullmatch(path, s.path) is not None for s in self.seen)

    def add_job(self, tenant: str = "diku", **fields: Any) -> Document:
        """A job of the plan that has just begun."""
        modules = [m | {"stage": "pending"} for m in self.plan]
        job: Document = {
            "id": str(uuid.uuid4()),
            "tenant": tenant,
            "kind": "install",
            "status": "running",
            "complete": False,
        }
        job |= {"modules": modules, "revision": 0, "message": None, "reason": None, "startDate": "2024-03-01T10:00:00Z"}
        self.jobs[job["id"]] = job | fields
        return self.jobs[job["id"]]

    def step(self, job: Document) -> None:
        """Moves the job on by one change."""
        if job["complete"]:
            return
        job["revision"] += 1
        for module in job["modules"]:
            if module["stage"] == "pending":
                module |= {"stage": "invoke", "status": "running", "seconds": 0.1}
                return
            if module["stage"] == "invoke":
                self._end_module(job, module)
                return
        self._end_job(job, "done")

    def _end_module(self, job: Document, module: Document) -> None:
        if module["id"] == self.hold:
            job["revision"] -= 1
            return
        if module["id"] in self.fails:
            message = self.fails[module["id"]]
            module |= {"status": "error", "message": message, "errors": [{"message": message}]}
            self._end_job(job, "error", message, "failed")
            return
        module |= {"stage": "done", "status": "done", "seconds": 1.5}
        if module["id"] in self.warns:
            module["warnings"] = [WARNING]

    def _end_job(self, job: Document, status: str, message: str | None = None, reason: str | None = None) -> None:
        job |= {"status": status, "complete": True, "message": message, "reason": reason}
        job |= {"endDate": "2024-03-01T10:00:09Z", "seconds": 9.0}

    def answer(self, seen: Seen) -> Answer:
        """Sorts a request."""
        with self.lock:
            self.seen.append(seen)
            for method, pattern, handler in self._routes():
                found = re.fullmatch(pattern, seen.path)
                if found and method == seen.method:
                    return handler(seen, *found.groups())
            return 404, "No suitable module found for path and tenant", {}

    def _routes(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        routes: list[tuple[str, str, Callable[..., Answer]]] = [
            ("POST", "/_/proxy/tenants/([^/]+)/(install|upgrade)", self._post),
            ("GET", "/_/proxy/tenants", lambda _: (200, self.tenants, {})),
            ("POST", "/_/proxy/tenants", self._create),
            ("GET", "/_/proxy/tenants/([^/]+)/modules", self._enabled),
            ("GET", "/_/proxy/modules", lambda _: (200, [{"id": d["id"]} for d in self.descriptors], {})),
            ("POST", "/_/proxy/modules", self._add),
            ("POST", "/_/proxy/import/modules", self._import),
            ("GET", "/_/discovery/modules", lambda _: (200, self.instances, {})),
            ("POST", "/_/discovery/modules", self._announce),
            ("DELETE", "/_/discovery/modules/[^/]+/([^/]+)", self._withdraw),
            ("GET", "/_/proxy/tenants/([^/]+)/install", self._plain_list),
            ("GET", "/_/proxy/tenants/([^/]+)/install/([^/]+)", self._plain_job),
            ("DELETE", "/_/proxy/tenants/([^/]+)/install/([^/]+)", self._plain_delete),
        ]
        if self.ours:
            routes += [
                ("GET", "/_/install/jobs", self._list),
                ("GET", "/_/install/jobs/([^/]+)", self._job),
                ("GET", "/_/install/jobs/([^/]+)/history", self._history),
                ("POST", "/_/install/jobs/([^/]+)/abort", self._abort),
                ("POST", "/_/install/jobs/([^/]+)/retry", self._retry),
                ("POST", "/_/install/explain", self._explain),
            ]
        return routes

    def _post(self, seen: Seen, tenant: str, _verb: str) -> Answer:
        if tenant in self.unknown_tenants:
            return 404, tenant, {}
        solved = [solution for solution in self.solutions if solution["request"] == seen.body]
        if self.refusal is not None and not solved:
            return 400, self.refusal, {}
        if solved:
            self.plan = solved[0]["plan"]
        if seen.query.get("simulate") == "true":
            return 200, self.plan, {}
        if seen.query.get("async") != "true":
            self.sync_gate.wait()
            return 200, self.plan, {}
        job = self.add_job(tenant)
        return 201, self.plan, {"Location": f"/_/proxy/tenants/{tenant}/install/{job['id']}"}

    def _create(self, seen: Seen) -> Answer:
        if any(tenant["id"] == seen.body["id"] for tenant in self.tenants):
            return 400, f"Duplicate tenant id {seen.body['id']}", {}
        self.tenants.append(seen.body)
        return 201, seen.body, {}

    def _enabled(self, _seen: Seen, tenant: str) -> Answer:
        if tenant in self.unknown_tenants:
            return 404, tenant, {}
        return 200, [{"id": module} for module in self.enabled], {}

    def _add(self, seen: Seen) -> Answer:
        self.descriptors.append(seen.body)
        return 201, seen.body, {}

    def _import(self, seen: Seen) -> Answer:
        if not self.imports:
            return 404, "No suitable module found for path /_/proxy/import/modules", {}
        known = {descriptor["id"] for descriptor in self.descriptors}
        self.descriptors += [descriptor for descriptor in seen.body if descriptor["id"] not in known]
        return 204, None, {}

    def _announce(self, seen: Seen) -> Answer:
        self.instances.append(seen.body)
        return 201, seen.body, {}

    def _withdraw(self, _seen: Seen, instance: str) -> Answer:
        self.instances = [known for known in self.instances if known["instId"] != instance]
        return 204, None, {}

    def _plain(self, job: Document) -> Document:
        names = ("id", "from", "action", "stage", "message")
        modules = [{name: m[name] for name in names if name in m} for m in job["modules"]]
        dates: Document = {name: job[name] for name in ("startDate", "endDate") if name in job}
        return {"id": job["id"], "complete": job["complete"], **dates, "modules": modules}

    def _plain_list(self, _seen: Seen, tenant: str) -> Answer:
        return 200, [self._plain(j) for j in self.jobs.values() if j["tenant"] == tenant], {}

    def _plain_job(self, _seen: Seen, tenant: str, job_id: str) -> Answer:
        job = self.jobs.get(job_id)
        if job is None or job["tenant"] != tenant:
            return 404, job_id, {}
        self.step(job)
        return 200, self._plain(job), {}

    def _plain_delete(self, _seen: Seen, _tenant: str, job_id: str) -> Answer:
        if not self.jobs[job_id]["complete"]:
            return 400, f"Cannot delete non-completed job {job_id}", {}
        del self.jobs[job_id]
        return 204, None, {}

    def _list(self, seen: Seen) -> Answer:
        found = [j for j in self.jobs.values() if seen.query.get("tenant") in (None, j["tenant"])]
        found = [j for j in found if seen.query.get("status") in (None, j["status"])]
        counts = {"total": 2, "done": 1, "error": 1, "running": 0}
        limit = int(seen.query.get("limit", "50"))
        return 200, {"jobs": [j | {"modules": counts} for j in found][:limit], "total": len(found)}, {}

    def _job(self, seen: Seen, job_id: str) -> Answer:
        job = self.jobs.get(job_id)
        if job is None:
            return 404, job_id, {}
        if seen.query.get("revision") == str(job["revision"]):
            self.step(job)
        return 200, job, {}

    def _history(self, seen: Seen, job_id: str) -> Answer:
        if job_id not in self.jobs:
            return 404, job_id, {}
        limit, offset = int(seen.query.get("limit", "1000")), int(seen.query.get("offset", "0"))
        return 200, {"events": self.events[offset : offset + limit], "total": len(self.events)}, {}

    def _abort(self, seen: Seen, job_id: str) -> Answer:
        job = self.jobs.get(job_id)
        if job is None:
            return 404, job_id, {}
        self._end_job(job, "error", "aborted", "aborted")
        job["revision"] += 1
        return 202, job, {}

    def _retry(self, seen: Seen, job_id: str) -> Answer:
        job = self.jobs.get(job_id)
        if job is None:
            return 404, job_id, {}
        if seen.query.get("simulate") == "true":
            return 200, self.retry_plan, {}
        job |= {"status": "queued", "complete": False, "message": None, "reason": None}
        for module in job["modules"]:
            if module["stage"] != "done":
                module |= {"stage": "pending", "status": None, "message": None, "errors": []}
        job["revision"] += 1
        return 202, job, {}

    def _explain(self, seen: Seen) -> Answer:
        reasons = [{"kind": "missing_interface", "message": self.refusal}] if self.refusal else []
        found: Document = {"message": self.refusal, "reasons": reasons, "explanation": self.explanation}
        found["plan"] = [] if self.refusal else self.plan
        found["solutions"] = self.solutions[: int(seen.query.get("solutions", "3"))]
        found["conflict"] = self.conflict
        return 200, {**found, "solutionsComplete": True}, {}


def _handler(fake: FakeOkapi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            parts = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(raw) if raw else None
            seen = Seen(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
            status, document, more = fake.answer(seen)
            data = b"" if document is None else document.encode() if isinstance(document, str) else _json(document)
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - the names that http.server looks for

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server gives
            return

    return Handler


def _json(document: Any) -> bytes:
    return json.dumps(document).encode()


@contextmanager
def fake_okapi(**fields: Any) -> Iterator[FakeOkapi]:
    """A server that runs."""
    fake = FakeOkapi(**fields).start()
    try:
        yield fake
    finally:
        fake.stop()
