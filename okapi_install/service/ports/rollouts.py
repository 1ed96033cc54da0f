"""What the use cases need of a store to keep rollouts, and the values they exchange with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from okapi_install.domain.jobs import Step
from okapi_install.domain.rollouts.estimate import Pace
from okapi_install.domain.rollouts.rollout import Rollout, RolloutTenant, Tally
from okapi_install.service.ports.values import JobRef, NewJob


@dataclass(frozen=True, kw_only=True, slots=True)
class NewRollout:
    """A rollout to be added: it runs at once. `headers` are those of the request that modules get.

    `tenant_seconds` is how long a tenant is expected to take, None if that is not known.
    """

    rollout: Rollout
    tenants: tuple[RolloutTenant, ...]
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tenant_seconds: float | None = None
    idempotency_key: str | None = None
    request_digest: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutView:
    """A rollout with its counts and the pace of its tenants, all from one moment (`now`, by the store's clock)."""

    rollout: Rollout
    tally: Tally
    pace: Pace
    now: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutPage:
    """A page of rollouts, newest first, and the total number."""

    views: tuple[RolloutView, ...]
    total: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Advanced:
    """A rollout after its decision was stored: the tenants that may start now, and what their jobs need.

    `before` is the rollout as it was stored until now.
    """

    before: Rollout
    rollout: Rollout
    tenants: tuple[RolloutTenant, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class StartJob:
    """A new job for the tenant."""

    tenant: str
    job: NewJob


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryJob:
    """The tenant's job runs again with those steps (all of them)."""

    tenant: str
    job_id: str
    steps: tuple[Step, ...]
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    task_id: str
    by: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class EndTenant:
    """The tenant is over without a job: up to date, or an error with a message if no plan is possible."""

    tenant: str
    message: str | None = None


Start = StartJob | RetryJob | EndTenant


class RolloutStore(Protocol):
    """Rollouts. Workers of all processes call these at once; each change is one transaction that decides again."""

    def add_rollout(self, new: NewRollout) -> Rollout:
        """Adds a rollout. If there is one with its idempotency key, that one is returned (compare the id).

        Raises:
            KeyReused: the key was used with another digest.
        """

    def rollout(self, rollout_id: str) -> RolloutView:
        """One rollout. Raises NotFound."""

    def rollout_revision(self, rollout_id: str) -> int | None:
        """Its revision, a cheap read; None if it does not exist. The state of its jobs is not in it."""

    def rollout_tenants(self, rollout_id: str) -> list[RolloutTenant]:
        """All its tenants in order, as their jobs are now. Raises NotFound."""

    def find_rollouts(self, limit: int, offset: int) -> RolloutPage:
        """Rollouts, newest first."""

    def open_rollouts(self) -> list[str]:
        """The ids of the rollouts that are not over, oldest first."""

    def advance_rollout(self, rollout_id: str, most: int) -> Advanced:
        """Takes over how jobs ended, stores the next state, and returns at most `most` tenants that may start.

        The tenants are not reserved: of two callers that start the same tenant, one wins. Raises NotFound.
        """

    def start_in_rollout(self, rollout_id: str, starts: Sequence[Start], *, most_waiting: int) -> list[JobRef]:
        """Adds the jobs of those tenants that are still waiting and may start now; the others are left out.

        A job that cannot be added ends its tenant as an error. The jobs whose message has to be sent. Raises NotFound.
        """

    def pause_rollout(self, rollout_id: str) -> Rollout:
        """Pauses a running rollout; a paused one stays as it is. Raises NotFound; UserError in other states."""

    def resume_rollout(self, rollout_id: str) -> Rollout:
        """Lets a paused rollout run; a running one stays as it is. If it was paused because of failures, these do not
        count any more. Raises NotFound; UserError in other states.
        """

    def retry_rollout(self, rollout_id: str, tenants: Collection[str] | None) -> Rollout:
        """Makes failed tenants wait again: all of them, or those. One that had ended runs again, and the failures that
        are left do not count any more.

        Raises:
            NotFound: the rollout does not exist.
            UserError: it is aborted, one of the tenants has not failed, or none has.
        """

    def abort_rollout(self, rollout_id: str) -> list[str]:
        """Skips all waiting tenants; the ids of the jobs that still run, which end the rollout when they end.

        Raises NotFound; UserError if it is over.
        """

    def remove_rollout(self, rollout_id: str) -> None:
        """Removes a complete rollout; its jobs stay. Raises NotFound; UserError if it is open, or a job runs again."""

    def purge_rollouts(self, older_than: float) -> int:
        """Removes rollouts that ended more than that many seconds ago; how many. One with a pending callback stays."""

    def due_rollout_callbacks(self, limit: int) -> list[RolloutView]:
        """Rollouts whose callback is due now, each returned to one caller only (leased for a minute)."""

    def rollout_callback_done(self, rollout_id: str, *, delivered: bool, retry_in: float | None) -> None:
        """Records the outcome of a callback. With `retry_in` None, there is no further attempt."""

    def rollout_census(self) -> Mapping[str, int]:
        """How many rollouts are in which state."""
