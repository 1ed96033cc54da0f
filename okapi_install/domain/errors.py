"""What can go wrong, as one tree; HTTP status codes are given to it at the boundary and nowhere else.

OkapiInstallError
├── UserError              the request is wrong (Okapi: ErrorType.USER, 400)
│   ├── Unresolvable       no plan satisfies the request; carries the reasons as data
│   ├── TooManyJobs        the tenant's queue is full
│   └── KeyReused          an Idempotency-Key came again with another request
├── NotFound               there is no such thing (Okapi: ErrorType.NOT_FOUND, 404)
├── InternalError          it failed on this side (Okapi: ErrorType.INTERNAL, 500)
│   ├── DatabaseNotMigrated    the tables are missing or those of an older version
│   └── StoreUnavailable   the store does not answer; nothing is lost, try again
│       └── StoreNotWritable   it answers, but takes no changes: disk full, read-only
├── ModuleCallFailed       a module's tenant interface answered with an error, or not at all
├── LostJob                this worker no longer owns the job: another does, or it was aborted
└── InvalidTransition      a job cannot go from one state to the other
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class OkapiInstallError(Exception):
    """The root. `message` is one sentence for an operator, `code` is stable for programs."""

    code = "error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UserError(OkapiInstallError):
    """The request asks for something that cannot be; it says what to change."""

    code = "bad_request"


@dataclass(frozen=True, kw_only=True, slots=True)
class Provider:
    """A module that offers an interface, in the version that it offers."""

    module: str
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """One link of the chain that makes a request impossible.

    `kind` is one of `unknown_module`, `missing_interface`, `incompatible_interface`, `ambiguous_provider`,
    `provided_twice`, `sticky_module`, `out_of_order`. `required_by` is a module id, `needed` an interface version as
    the descriptor writes it, `providers` are those known, compatible or not.
    """

    kind: str
    message: str
    module: str | None = None
    interface: str | None = None
    needed: str | None = None
    required_by: str | None = None
    providers: tuple[Provider, ...] = ()


class Unresolvable(UserError):
    """No plan satisfies the request. The message is Okapi's; the reasons say the same as data."""

    code = "unresolvable"

    def __init__(self, message: str, reasons: Sequence[Reason] = ()) -> None:
        super().__init__(message)
        self.reasons = tuple(reasons)


class TooManyJobs(UserError):
    """The tenant has as many jobs waiting as the settings allow."""

    code = "too_many_jobs"


class KeyReused(UserError):
    """The same Idempotency-Key was sent before with another request."""

    code = "idempotency_key_reused"


class NotFound(OkapiInstallError):
    """There is no such tenant, module, instance or job. Okapi answers with the bare id."""

    code = "not_found"


class InternalError(OkapiInstallError):
    """It failed on this side, or in a way that is not the client's doing."""

    code = "internal"


class DatabaseNotMigrated(InternalError):
    """The database has no tables, or those of an older version."""

    code = "database_not_migrated"


class StoreUnavailable(InternalError):
    """The store does not answer for now."""

    code = "store_unavailable"


class StoreNotWritable(StoreUnavailable):
    """The store can be read but not written: its disk is full, or it is read-only."""

    code = "store_not_writable"


class ModuleCallFailed(OkapiInstallError):
    """A call of a module failed: `status` is its HTTP status, or None when it did not answer.

    `body` is what it answered (text, at most what the settings allow), `user` tells whether Okapi reports
    such a failure as the client's error (400) or as internal (500). `hint` is what else is known.
    """

    code = "module_call_failed"

    def __init__(self, message: str, *, status: int | None = None, body: str = "", user: bool = True) -> None:
        super().__init__(message)
        self.status = status
        self.body = body
        self.user = user
        self.hint: str | None = None


class LostJob(OkapiInstallError):
    """The job is no longer this worker's: its lease was taken over, it was aborted, or it is gone."""

    code = "lost_job"

    def __init__(self, job_id: str) -> None:
        super().__init__(f"job {job_id} is no longer owned by this worker")
        self.job_id = job_id


class InvalidTransition(OkapiInstallError):
    """The table of transitions has no such arrow."""

    code = "invalid_transition"
