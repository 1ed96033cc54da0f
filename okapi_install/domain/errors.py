"""The tree of errors. Only `web` maps them to HTTP statuses.

OkapiInstallError
├── UserError                    the request is wrong (Okapi: ErrorType.USER)
│   ├── Unresolvable             no plan satisfies the request; carries the reasons as data
│   ├── TooManyJobs              the tenant's queue is full
│   ├── KeyMayOnlyRead           the API key has the role `read`
│   ├── KeyReused                an Idempotency-Key was used again with another request
│   ├── MisfitError              the JSON sent does not fit its bean; carries the path to it     (modules/beans.py)
│   ├── StillRunning             a synchronous request has waited as long as it may         (service/installs.py)
│   └── SettingsError            a setting is invalid; carries what to write                          (config.py)
├── NotFound                     it does not exist (Okapi: ErrorType.NOT_FOUND)
├── InternalError                this service failed (Okapi: ErrorType.INTERNAL)
│   ├── DatabaseNotMigrated      the tables are missing or those of an older version
│   └── StoreUnavailable         the store does not respond; nothing is lost, retry
│       └── StoreNotWritable     it responds, but accepts no writes: disk full, read-only
├── ModuleCallFailed             a module's tenant interface returned an error, or did not respond
│   └── RecordingFailed          it is initialised, but the platform cannot record that
├── ModuleUnreachable            one call of a module got no response                (service/ports/world.py)
│   ├── ConnectionRefused        the module was not reached                          (service/ports/world.py)
│   └── NoAnswerInTime           it was, but did not respond in time                     (service/ports/world.py)
├── PlatformUnavailable          the Okapi beside does not respond; retry   (service/ports/platform.py)
│   ├── PlatformForbids          it refuses us: a permission is missing (service/ports/platform.py)
│   └── ChangeNotRecorded        it lost a change that it had accepted  (service/ports/platform.py)
├── DescriptorGone               it has no descriptor of the module     (service/ports/platform.py)
├── GatewayFailed                it did not respond to a request that was handed on     (service/ports/gateway.py)
│   ├── GatewayUnavailable       it accepts no connection                               (service/ports/gateway.py)
│   └── GatewayTooSlow           it was silent for too long                             (service/ports/gateway.py)
├── ClientGone                   the client of such a request has closed its connection (service/ports/gateway.py)
├── LoopDetected                 such a request comes back                                 (web/http/errors.py)
├── UnusableUrl                  an address or a path that cannot be called        (modules/call_urls.py)
├── WebhookFailed                no response to a callback                            (service/callbacks.py)
├── OutgoingFailed               no usable response from another site                 (adapters/outgoing.py)
├── BrokerUnavailable            the broker does not respond                        (adapters/notifier.py)
├── TooManyWaiting               too many requests wait already                        (web/http/errors.py)
├── OutOfTime                    the solver found nothing in its time             (solutions/search.py)
├── LostJob                      this worker no longer owns the job: another does, or it was aborted
└── InvalidTransition            a job cannot change from one state to the other

Errors without a type are INTERNAL. Which HTTP status each gets is in `web/http/errors.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class ErrorType(StrEnum):
    """Whose error it is (Okapi: ErrorType). A failed job stores it for the response to a synchronous client."""

    USER = "user"
    NOT_FOUND = "not_found"
    INTERNAL = "internal"


class OkapiInstallError(Exception):
    """The root of the tree. `message` is one sentence for an operator; `code` is stable, for programs."""

    code: ClassVar[str] = "error"
    error_type: ErrorType = ErrorType.INTERNAL

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UserError(OkapiInstallError):
    """An invalid or impossible request. The message says what to change."""

    code = "bad_request"
    error_type = ErrorType.USER


@dataclass(frozen=True, kw_only=True, slots=True)
class Provider:
    """A module that provides an interface, and the version that it provides."""

    module: str
    version: str


class ReasonKind(StrEnum):
    """What makes a request impossible."""

    UNKNOWN_MODULE = "unknown_module"
    MISSING_INTERFACE = "missing_interface"
    INCOMPATIBLE_INTERFACE = "incompatible_interface"
    AMBIGUOUS_PROVIDER = "ambiguous_provider"
    PROVIDED_TWICE = "provided_twice"
    STICKY_MODULE = "sticky_module"
    OUT_OF_ORDER = "out_of_order"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """One link of the chain that makes a request impossible.

    `required_by` is a module id, `needed` an interface version as in the descriptor, `providers` are all known
    providers, compatible or not.
    """

    kind: ReasonKind
    message: str
    module: str | None = None
    interface: str | None = None
    needed: str | None = None
    required_by: str | None = None
    providers: tuple[Provider, ...] = ()


class Unresolvable(UserError):
    """No plan satisfies the request. The message is Okapi's; the reasons are the same as data."""

    code = "unresolvable"

    def __init__(self, message: str, reasons: Sequence[Reason] = ()) -> None:
        super().__init__(message)
        self.reasons = tuple(reasons)


class KeyMayOnlyRead(UserError):
    """The API key of the request has the role `read`, which does not suffice."""

    code = "key_may_only_read"


class TooManyJobs(UserError):
    """The tenant has as many queued jobs as the settings allow."""

    code = "too_many_jobs"


class KeyReused(UserError):
    """The same Idempotency-Key was sent before with another request."""

    code = "idempotency_key_reused"


class NotFound(OkapiInstallError):
    """The tenant, module, instance or job does not exist. In some cases Okapi's response is only the id."""

    code = "not_found"
    error_type = ErrorType.NOT_FOUND


class InternalError(OkapiInstallError):
    """A failure that the client did not cause."""

    code = "internal"


class DatabaseNotMigrated(InternalError):
    """The database has no tables, or those of an older version."""

    code = "database_not_migrated"


class StoreUnavailable(InternalError):
    """The store does not respond at the moment."""

    code = "store_unavailable"


class StoreNotWritable(StoreUnavailable):
    """The store can be read but not written: its disk is full, or it is read-only."""

    code = "store_not_writable"


class ModuleCallFailed(OkapiInstallError):
    """A call of a module failed. `status` is the module's HTTP status, or None if it did not respond.

    `body` is the text of its response, up to the limit in the settings. `error_type` is Okapi's for such a failure:
    USER or INTERNAL. `hint` is what else is known.
    """

    code = "module_call_failed"

    def __init__(
        self, message: str, *, status: int | None = None, body: str = "", error_type: ErrorType = ErrorType.USER
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = body
        self.error_type = error_type
        self.hint: str | None = None


class RecordingFailed(ModuleCallFailed):
    """A module is initialised, but the platform cannot record that. With `ends_job`, it cannot record anything."""

    code = "not_recorded"

    def __init__(self, message: str, *, ends_job: bool = False) -> None:
        super().__init__(message, error_type=ErrorType.INTERNAL)
        self.ends_job = ends_job


class LostJob(OkapiInstallError):
    """This worker no longer owns the job: it was taken over, aborted or removed."""

    code = "lost_job"

    def __init__(self, job_id: str) -> None:
        super().__init__(f"job {job_id} is no longer owned by this worker")
        self.job_id = job_id


class InvalidTransition(OkapiInstallError):
    """The table of transitions does not have this change of state."""

    code = "invalid_transition"
