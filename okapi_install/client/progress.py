"""A job and its modules as a server reports them: all details from ours, less from a plain Okapi."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from okapi_install.client.errors import BadAnswer
from okapi_install.domain.foreign_text import visible_document
from okapi_install.domain.presentation.states import State

_BUSY_STAGES = ("deploy", "invoke", "undeploy")


@dataclass(frozen=True, kw_only=True, slots=True)
class ModuleProgress:
    """One module change of a job. `status` is None before it starts, then `running`, `done` or `error`.

    `reported` is the state that our server reports, which distinguishes more.
    """

    id: str
    action: str = "enable"
    from_id: str | None = None
    stage: str | None = None
    status: str | None = None
    message: str | None = None
    errors: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[Mapping[str, Any], ...] = ()
    attempts: int = 1
    started: float | None = None
    """Seconds since 1970 by the server's clock."""
    seconds: float | None = None
    """How long it took, or has been running."""
    expected: float | None = None
    """How many seconds it took in earlier jobs."""
    slow: bool = False
    instance: str | None = None
    """The address of the instance that was called."""
    tenant_job: str | None = None
    log: str | None = None
    """The address of its log."""
    reported: str | None = None

    @property
    def state(self) -> State:
        """Its state."""
        if self.reported in _STATES:
            return State(self.reported)
        return _OF_STATUS.get(self.status or "", State.NOT_STARTED)


@dataclass(frozen=True, kw_only=True, slots=True)
class JobProgress:
    """A job at one moment. `detailed` is true if our server reported it; `document` is what the server sent."""

    id: str
    tenant: str
    kind: str
    status: str
    complete: bool
    modules: tuple[ModuleProgress, ...]
    detailed: bool
    document: Mapping[str, Any] = field(default_factory=dict)
    message: str | None = None
    reason: str | None = None
    revision: int | None = None
    started: float | None = None
    seconds: float | None = None
    expected: float | None = None
    remaining: float | None = None
    estimate: str | None = None
    """How long it still takes, or why nobody knows, as a phrase of the server."""
    served_at: float | None = None
    """The time of the response, in seconds since 1970 by the server's clock."""
    name: str | None = None
    """Such as `install mod-circulation and 2 more`."""
    reported: str | None = None
    """As for a module."""
    total: float | None = None
    """The seconds since its first start, if it was retried."""
    waiting: str | None = None
    """Why nothing happens to it, as a phrase of the server; None if something does."""

    def of_status(self, status: str) -> tuple[ModuleProgress, ...]:
        """The modules in that status."""
        return tuple(m for m in self.modules if m.status == status)

    def in_state(self, state: State) -> tuple[ModuleProgress, ...]:
        """The modules in that state."""
        return tuple(m for m in self.modules if m.state is state)

    @property
    def state(self) -> State:
        """Its state."""
        if self.reported in _STATES:
            return State(self.reported)
        return State.STOPPED if self.aborted else _OF_STATUS.get(self.status, State.WAITING)

    @property
    def failed(self) -> bool:
        """Whether it ended with an error."""
        return self.complete and self.status == "error"

    @property
    def aborted(self) -> bool:
        """Whether it ended because someone aborted it."""
        return self.complete and self.reason in ("aborted", "revoked")


_STATES = frozenset(state.value for state in State)
_OF_STATUS = {
    "running": State.RUNNING,
    "aborting": State.ABORTING,
    "done": State.DONE,
    "error": State.FAILED,
}


def detailed_job(document: object, served_at: float | None = None) -> JobProgress:
    """A job from our `GET /_/install/jobs/{id}`. Its texts are safe to print.

    Raises:
        BadAnswer: the document is not a job.
    """
    job = _object(visible_document(document))
    return JobProgress(
        id=str(job.get("id", "")),
        tenant=str(job.get("tenant", "")),
        kind=str(job.get("kind", "install")),
        status=str(job.get("status", "")),
        complete=job.get("complete") is True,
        modules=tuple(_module(m) for m in _list(job.get("modules"))),
        detailed=True,
        document=_object(document),
        name=job.get("name"),
        reported=job.get("state"),
        total=_number(job.get("totalSeconds")) if job.get("retries") else None,
        waiting=_phrase(job.get("waiting")),
        message=job.get("message"),
        reason=job.get("reason"),
        revision=job.get("revision"),
        started=instant(job.get("startDate")),
        seconds=_number(job.get("seconds")),
        expected=_number(job.get("expectedSeconds")),
        remaining=_number(job.get("remainingSeconds")),
        estimate=_phrase(job.get("estimate")),
        served_at=served_at,
    )


def plain_job(document: object, tenant: str, served_at: float | None = None) -> JobProgress:
    """A job from Okapi's `GET /_/proxy/tenants/{tenant}/install/{id}`, which has no status of its own.

    Raises:
        BadAnswer: the document is not a job.
    """
    job = _object(visible_document(document))
    modules = tuple(_module(m) for m in _list(job.get("modules")))
    complete = job.get("complete") is True
    failed = next((m.message for m in modules if m.message), None)
    started, ended = instant(job.get("startDate")), instant(job.get("endDate"))
    return JobProgress(
        id=str(job.get("id", "")),
        tenant=tenant,
        kind="install",
        status=_plain_status(modules, complete=complete),
        complete=complete,
        modules=modules,
        detailed=False,
        document=_object(document),
        message=failed,
        started=started,
        seconds=ended - started if started is not None and ended is not None else None,
        served_at=served_at,
    )


def instant(text: object) -> float | None:
    """Seconds since 1970 of an ISO-8601 date, such as Okapi's `2024-03-01T10:00:00.123Z`; None for anything else."""
    try:
        return datetime.fromisoformat(str(text)).timestamp() if text else None
    except ValueError:
        return None


def _plain_status(modules: tuple[ModuleProgress, ...], *, complete: bool) -> str:
    if not complete:
        return "running"
    return "done" if all(m.status == "done" for m in modules) else "error"


def _module(document: object) -> ModuleProgress:
    module = _object(document)
    return ModuleProgress(
        id=str(module.get("id", "")),
        action=str(module.get("action") or "enable"),
        from_id=module.get("from"),
        stage=module.get("stage"),
        status=module.get("status") or _status_from_stage(module),
        message=module.get("message"),
        errors=tuple(_problem(p) for p in _list(module.get("errors"))),
        warnings=tuple(_problem(p) for p in _list(module.get("warnings"))),
        attempts=int(_number(module.get("attempts")) or 0),
        started=instant(module.get("startDate")),
        seconds=_number(module.get("seconds")),
        expected=_number(module.get("expectedSeconds")),
        slow=module.get("slow") is True,
        instance=module.get("instance"),
        tenant_job=module.get("tenantJob"),
        log=module.get("log"),
        reported=module.get("state"),
    )


def _status_from_stage(module: Mapping[str, Any]) -> str | None:
    if module.get("message"):
        return "error"
    stage = module.get("stage")
    if stage == "done":
        return "done"
    return "running" if stage in _BUSY_STAGES else None


def _problem(document: object) -> Mapping[str, Any]:
    if isinstance(document, dict):
        return document
    return {"message": document if isinstance(document, str) else json.dumps(document, ensure_ascii=False)}


def _object(document: object) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise BadAnswer("the server's response is not a job")
    return document


def _phrase(value: object) -> str | None:
    text = value.get("text") if isinstance(value, dict) else None
    return text if isinstance(text, str) else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
