"""The operations of a server: those of Okapi's API, and those of ours where the server has it.

Our server is recognised by the path `/_/install/jobs`: a plain Okapi responds with 404.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlsplit

from okapi_install.client.errors import BadAnswer, NotFound, NotOffered, Refused, Unavailable, Unreachable
from okapi_install.client.options import InstallOptions
from okapi_install.client.progress import JobProgress, detailed_job, plain_job
from okapi_install.client.transport import Ask, Reply, Transport
from okapi_install.domain.foreign_text import visible_document
from okapi_install.domain.presentation.states import states_named

Module = Mapping[str, Any]
"""Okapi's TenantModuleDescriptor: `id`, `action`, `from`."""

_SLACK = 15.0
_PLAN_TIMEOUT = 300.0
_EVENTS_AT_ONCE = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRef:
    """The id of a job, and its tenant if known; a plain Okapi needs the tenant."""

    id: str
    tenant: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A requested change of a tenant: `modules` to install, or None for an upgrade of all that it has."""

    tenant: str
    modules: Sequence[Module] | None
    options: InstallOptions = field(default_factory=InstallOptions)

    @property
    def path(self) -> str:
        """Okapi's path for the request."""
        verb = "upgrade" if self.modules is None else "install"
        return f"/_/proxy/tenants/{quote(self.tenant, safe='')}/{verb}"

    def ask(
        self,
        extra: Mapping[str, str],
        *,
        timeout: float | None = _PLAN_TIMEOUT,
        headers: Mapping[str, str] | None = None,
    ) -> Ask:
        """The request as a POST, with further query parameters and headers."""
        return Ask(
            method="POST",
            path=self.path,
            query=self.options.query() | dict(extra),
            body=None if self.modules is None else list(self.modules),
            headers=headers or {},
            timeout=timeout,
        )


class OkapiClient:
    """A client of one server. All methods raise only ClientError and its subclasses."""

    def __init__(self, transport: Transport, *, url: str = "the server") -> None:
        """`url` is the address that error messages name."""
        self._send = transport
        self._url = url
        self._ours: bool | None = None

    @property
    def ours(self) -> bool:
        """Whether the server is ours and has the paths below `/_/install`. Requested once, then remembered."""
        if self._ours is None:
            try:
                self._send(Ask(method="GET", path="/_/install/jobs", query={"limit": "1"}))
                self._ours = True
            except NotFound:
                self._ours = False
        return self._ours

    def send(self, method: str, path: str, body: object = None, *, timeout: float = 60.0) -> Reply:
        """The reply to any other request."""
        return self._send(Ask(method=method, path=path, body=body, timeout=timeout))

    def plan(self, request: Request) -> list[Module]:
        """The plan of a request: the module changes in order. Changes nothing."""
        with self.naming("tenant", request.tenant):
            return _modules(self._send(request.ask({"simulate": "true"})))

    def explain(
        self, request: Request, *, solutions: int = 0, keep: Sequence[str] = (), prefer: Sequence[str] = ()
    ) -> Mapping[str, Any]:
        """Why a request is refused: `message`, `reasons`, `explanation`; and what can be done instead: `solutions`, at
        most so many, or `conflict`.

        Raises:
            NotOffered: the server is a plain Okapi.
        """
        if not self.ours:
            raise NotOffered("a plain Okapi cannot explain why it refuses")
        given = {"keep": ",".join(keep), "prefer": ",".join(prefer)}
        constraints = {name: value for name, value in given.items() if value}
        question = Ask(
            method="POST",
            path="/_/install/explain",
            query=request.options.query() | {"tenant": request.tenant, "solutions": str(solutions)} | constraints,
            body=None if request.modules is None else list(request.modules),
            timeout=_PLAN_TIMEOUT,
        )
        with self.naming("tenant", request.tenant):
            document = self._send(question).document()
        if not isinstance(document, dict):
            raise BadAnswer("the server's response is not an explanation")
        return document

    def run(self, request: Request) -> list[Module]:
        """The module changes that were made, by one synchronous request, however long it takes."""
        with self.naming("tenant", request.tenant):
            return _modules(self._send(request.ask({}, timeout=None)))

    def start(self, request: Request, on_trouble: Callable[[Unreachable], bool] = lambda _problem: False) -> JobRef:
        """Starts a job. If the response is lost, `on_trouble` decides whether to retry the request.

        A retry cannot start a second job: our server recognises the Idempotency-Key, and with a plain Okapi the request
        is retried only if it cannot have arrived.
        """
        ask = request.ask({"async": "true"}, headers={"Idempotency-Key": str(uuid.uuid4())})
        ours = self.ours
        while True:
            try:
                with self.naming("tenant", request.tenant):
                    reply = self._send(ask)
            except Unreachable as problem:
                if not (ours or isinstance(problem, Unavailable)) or not on_trouble(problem):
                    raise
                continue
            return _ref(reply, request.tenant)

    def job(self, ref: JobRef, *, wait: float = 0, revision: int | None = None) -> JobProgress:
        """A job. Our server responds once the job is past `revision`, or after `wait` seconds."""
        if not self.ours:
            return self._plain_job(ref)
        query = {} if revision is None else {"wait": str(round(wait * 1000)), "revision": str(revision)}
        path = f"/_/install/jobs/{quote(ref.id, safe='')}"
        with self.naming("job", ref.id):
            reply = self._send(Ask(method="GET", path=path, query=query, timeout=wait + _SLACK))
        return detailed_job(reply.document(), _served_at(reply))

    def history(self, ref: JobRef) -> list[Mapping[str, Any]]:
        """What happened to a job, oldest first. Raises NotOffered: the server is a plain Okapi."""
        if not self.ours:
            raise NotOffered("a plain Okapi keeps no history of a job")
        path, events = f"/_/install/jobs/{quote(ref.id, safe='')}/history", list[Mapping[str, Any]]()
        while True:
            query = {"limit": str(_EVENTS_AT_ONCE), "offset": str(len(events))}
            with self.naming("job", ref.id):
                document = self._send(Ask(method="GET", path=path, query=query)).document()
            found = document.get("events") if isinstance(document, dict) else None
            if not isinstance(found, list):
                raise BadAnswer("the server's response is not a history")
            events += found
            if len(found) < _EVENTS_AT_ONCE:
                return events

    @contextmanager
    def naming(self, kind: str, name: str) -> Iterator[None]:
        """Makes a sentence of a 404 whose text is only what was requested, as Okapi's is."""
        try:
            yield
        except NotFound as problem:
            if problem.message.strip() not in (name, ""):
                raise
            raise NotFound(f"There is no {kind} {name} at {self._url}", problem.status) from problem

    def _plain_job(self, ref: JobRef) -> JobProgress:
        tenants = [ref.tenant] if ref.tenant else self.tenants()
        for tenant in tenants:
            path = f"/_/proxy/tenants/{quote(tenant, safe='')}/install/{quote(ref.id, safe='')}"
            try:
                reply = self._send(Ask(method="GET", path=path))
            except NotFound:
                continue
            return plain_job(reply.document(), tenant, _served_at(reply))
        raise NotFound(f"There is no job {ref.id} at {self._url}", 404)

    def jobs(
        self, *, tenant: str | None = None, status: str | None = None, limit: int = 20, offset: int = 0
    ) -> Mapping[str, Any]:
        """A page of jobs, newest first: `jobs` and `total`, in the format of our API also for a plain Okapi."""
        if not self.ours:
            return self._plain_jobs(tenant, status, limit, offset)
        query = {"limit": str(limit), "offset": str(offset)}
        query |= {"tenant": tenant} if tenant else {}
        query |= {"status": status} if status else {}
        document = self._send(Ask(method="GET", path="/_/install/jobs", query=query)).document()
        if not isinstance(document, dict) or not isinstance(document.get("jobs"), list):
            raise BadAnswer("the server's response is not a list of jobs")
        return document

    def _plain_jobs(self, tenant: str | None, status: str | None, limit: int, offset: int) -> Mapping[str, Any]:
        found = []
        for name in [tenant] if tenant else self.tenants():
            with self.naming("tenant", name):
                reply = self._send(Ask(method="GET", path=f"/_/proxy/tenants/{quote(name, safe='')}/install"))
            found += [summary(plain_job(job, name)) for job in reply.document()]
        states = None if status is None else states_named(status)
        wanted = [job for job in found if states is None or job["state"] in states]
        wanted.sort(key=lambda job: str(job["startDate"] or ""), reverse=True)
        return {"jobs": wanted[offset : offset + limit], "total": len(wanted)}

    def workers(self) -> list[Mapping[str, Any]]:
        """The worker processes. Its texts are safe to print.

        Raises:
            NotOffered: the server is a plain Okapi.
        """
        if not self.ours:
            raise NotOffered("a plain Okapi has no workers")
        document = visible_document(self._send(Ask(method="GET", path="/_/install/workers")).document())
        found = document.get("workers") if isinstance(document, dict) else None
        if not isinstance(found, list):
            raise BadAnswer("the server's response is not a list of workers")
        return found

    def tenants(self) -> list[str]:
        """Ids of all tenants."""
        document = self._send(Ask(method="GET", path="/_/proxy/tenants")).document()
        return [str(tenant.get("id")) for tenant in document]

    def abort(self, ref: JobRef) -> JobProgress | None:
        """The job after it was aborted; None if it no longer exists.

        Raises:
            NotOffered: the job runs on a plain Okapi.
        """
        if self.ours:
            with self.naming("job", ref.id):
                reply = self._send(Ask(method="POST", path=f"/_/install/jobs/{quote(ref.id, safe='')}/abort"))
            return detailed_job(reply.document(), _served_at(reply)) if reply.text else None
        job = self._plain_job(ref)
        if job.complete:
            return job
        path = f"/_/proxy/tenants/{quote(job.tenant, safe='')}/install/{quote(ref.id, safe='')}"
        try:
            self._send(Ask(method="DELETE", path=path))
        except Refused as refusal:
            text = f"a plain Okapi cannot abort a job, and the job continues; it says: {refusal.message}"
            raise NotOffered(text) from refusal
        return None

    def retry(self, ref: JobRef, choice: Mapping[str, Any] | None = None) -> JobProgress:
        """Runs the unfinished steps again, in the same job, or those of the choice (see the API's RetryChoice).

        Raises:
            NotOffered: the server is a plain Okapi.
        """
        reply = self._retry(ref, choice, {})
        return detailed_job(reply.document(), _served_at(reply))

    def retry_plan(self, ref: JobRef, choice: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a retry with that choice would do: `run`, `skipped`, `left`, `unmet`. Raises as `retry`."""
        document = self._retry(ref, choice, {"simulate": "true"}).document()
        if not isinstance(document, dict):
            raise BadAnswer("the server's response is not the plan of a retry")
        return document

    def _retry(self, ref: JobRef, choice: Mapping[str, Any] | None, query: Mapping[str, str]) -> Reply:
        if not self.ours:
            raise NotOffered("a plain Okapi cannot retry a job; install the rest in a new one")
        path = f"/_/install/jobs/{quote(ref.id, safe='')}/retry"
        with self.naming("job", ref.id):
            return self._send(Ask(method="POST", path=path, query=dict(query), body=dict(choice) if choice else None))


def summary(job: JobProgress) -> dict[str, Any]:
    """A job of a plain Okapi in the format of our list of jobs."""
    return {
        "id": job.id,
        "tenant": job.tenant,
        "kind": job.kind,
        "status": job.status,
        "state": job.state.value,
        "complete": job.complete,
        "startDate": job.document.get("startDate"),
        "endDate": job.document.get("endDate"),
        "seconds": job.seconds,
        "message": job.message,
        "modules": {
            "total": len(job.modules),
            "done": len(job.of_status("done")),
            "error": len(job.of_status("error")),
            "running": len(job.of_status("running")),
        },
    }


def _ref(reply: Reply, tenant: str) -> JobRef:
    location = urlsplit(reply.headers.get("location", "")).path
    job_id = location.rstrip("/").rpartition("/")[2]
    if not job_id:
        raise BadAnswer("the server did not say which job it has started")
    return JobRef(id=job_id, tenant=tenant)


def _modules(reply: Reply) -> list[Module]:
    document = reply.document()
    if not isinstance(document, list) or not all(isinstance(m, dict) and "id" in m for m in document):
        raise BadAnswer("the server's response is not a list of modules")
    return document


def _served_at(reply: Reply) -> float | None:
    try:
        return parsedate_to_datetime(reply.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return None
