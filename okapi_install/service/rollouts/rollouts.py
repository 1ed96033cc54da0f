"""What clients do with rollouts: submit, simulate, follow, pause, resume, retry, abort and remove them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from okapi_install.domain.errors import NotFound, OkapiInstallError, UserError
from okapi_install.domain.passed_headers import kept_with_job
from okapi_install.domain.rollouts import words
from okapi_install.domain.rollouts.estimate import Pace, forecast
from okapi_install.domain.rollouts.failures import key_of
from okapi_install.domain.rollouts.rollout import Rollout, RolloutStatus, RolloutTenant, Tally, TenantStatus
from okapi_install.domain.rollouts.waves import allowed_failures, waves
from okapi_install.service.jobs.callbacks import CallbackRule
from okapi_install.service.jobs.installs import InstallService
from okapi_install.service.jobs.proposals import Proposal, ProposalService, Wanted
from okapi_install.service.jobs.solutions import Constraints
from okapi_install.service.ports import (
    NewRollout,
    Notifier,
    RolloutPage,
    RolloutStore,
    RolloutView,
)
from okapi_install.service.rollouts.advance import RolloutAdvancer
from okapi_install.service.rollouts.observer import RolloutObserver
from okapi_install.service.rollouts.orders import RolloutOrder, Simulation, SubmittedRollout
from okapi_install.service.tenants import TenantService

_SAMPLE = 10
"""So many tenants are planned before a rollout is accepted: a request that none of them can have is refused."""
_NO_SOLUTIONS = Constraints(most=0)
_SUPERTENANT = "supertenant"


class RolloutService:
    """The operations of clients on rollouts. `now` gives the time in seconds since 1970, for simulations only."""

    def __init__(
        self,
        store: RolloutStore,
        installs: InstallService,
        proposals: ProposalService,
        tenants: TenantService,
        advancer: RolloutAdvancer,
        observer: RolloutObserver,
        notifier: Notifier,
        now: Callable[[], float],
        callbacks: CallbackRule | None = None,
    ) -> None:
        self._store = store
        self._installs = installs
        self._proposals = proposals
        self._tenants = tenants
        self._advancer = advancer
        self._observer = observer
        self._notifier = notifier
        self._now = now
        self._callbacks = callbacks or CallbackRule()

    def submit(self, order: RolloutOrder) -> SubmittedRollout:
        """Writes the rollout, and starts its first tenants if they may start.

        Raises:
            UserError: the order is invalid, or no plan is possible for any of the first tenants.
            KeyReused: its idempotency key was used before with another order.
        """
        members = self._waves(order)
        callback_url = self._callbacks.url_for(order.callback_url)
        first = [tenant for wave in members for tenant in wave][:_SAMPLE]
        proposals = self._planned(order, first)
        if all(proposal.refusal for proposal in proposals):
            raise proposals[0].refusal or UserError(words.no_tenants())
        rollout = _new_rollout(order, members, callback_url)
        tenants = [(tenant, wave) for wave, names in enumerate(members) for tenant in names]
        new = NewRollout(
            rollout=rollout,
            tenants=tuple(RolloutTenant(pos=pos, tenant=name, wave=wave) for pos, (name, wave) in enumerate(tenants)),
            headers=kept_with_job(order.headers),
            tenant_seconds=_mean_seconds(proposals),
            idempotency_key=order.idempotency_key,
            request_digest=order.digest() if order.idempotency_key else None,
        )
        added = self._store.add_rollout(new)
        if added.id != rollout.id:
            return SubmittedRollout(rollout=added, replayed=True)
        self._observer.submitted(added, len(tenants))
        self._advance(added.id)
        return SubmittedRollout(rollout=added)

    def simulate(self, order: RolloutOrder) -> Simulation:
        """What the order would do to each tenant, and how long it would take. Raises as `submit`."""
        members = self._waves(order)
        proposals = self._planned(order, [tenant for wave in members for tenant in wave])
        pace = Pace(planned=_mean_seconds(proposals))
        idle = {tenant for one in proposals if not one.startable for tenant in one.tenants}
        tally = Tally(
            waves={
                wave: {TenantStatus.WAITING: len([name for name in names if name not in idle])}
                for wave, names in enumerate(members)
            }
        )
        expected = forecast(_new_rollout(order, members, None), tally, pace, self._now())
        return Simulation(
            waves=tuple(members),
            proposals=tuple(proposals),
            seconds=None if expected is None else expected.seconds,
            end=None if expected is None else expected.end,
        )

    def _planned(self, order: RolloutOrder, tenants: Sequence[str]) -> list[Proposal]:
        wanted = Wanted(
            kind=order.kind,
            tenants=tuple(tenants),
            request=order.request,
            options=order.options,
            constraints=_NO_SOLUTIONS,
        )
        return self._proposals.proposals(wanted)

    def _waves(self, order: RolloutOrder) -> list[tuple[str, ...]]:
        """The tenants of each wave. Raises UserError if one does not exist, or there are none."""
        known = {tenant.id for tenant in self._tenants.all()}
        tenants = sorted(known - {_SUPERTENANT}) if order.tenants is None else order.tenants
        named = [*tenants, *order.excepted, *(name for size in order.waves if isinstance(size, tuple) for name in size)]
        unknown = sorted({tenant for tenant in named if tenant not in known})
        if unknown:
            raise UserError(words.unknown_tenants(unknown))
        if len(set(tenants)) < len(tenants):
            raise UserError(words.tenant_twice(next(name for name in tenants if tenants.count(name) > 1)))
        found = waves([tenant for tenant in tenants if tenant not in order.excepted], order.waves)
        if not found:
            raise UserError(words.no_tenants())
        return found

    def members(self, order: RolloutOrder) -> tuple[str, ...]:
        """All tenants of an order, in the order of their waves. Raises UserError."""
        return tuple(tenant for wave in self._waves(order) for tenant in wave)

    def view(self, rollout_id: str) -> RolloutView:
        """One rollout. Raises NotFound."""
        return self._store.rollout(rollout_id)

    def tenants(self, rollout_id: str) -> list[RolloutTenant]:
        """Its tenants, in order. Raises NotFound."""
        return self._store.rollout_tenants(rollout_id)

    def find(self, limit: int, offset: int) -> RolloutPage:
        """Rollouts, newest first."""
        return self._store.find_rollouts(limit, offset)

    def wait_changed(self, rollout_id: str, revision: int, seconds: float, look_again: float = 0.5) -> None:
        """Waits until the rollout changes, is over or removed, or until the timeout."""
        left = seconds
        with self._notifier.listen(rollout_id) as listener:
            while left > 0 and self._store.rollout_revision(rollout_id) == revision:
                listener.wait(min(left, look_again))
                left -= look_again

    def pause(self, rollout_id: str) -> Rollout:
        """Starts no more tenants; what runs, runs on. Raises NotFound; UserError if it is over."""
        before = self._store.rollout(rollout_id).rollout
        return self._changed(before, self._store.pause_rollout(rollout_id))

    def resume(self, rollout_id: str) -> Rollout:
        """Goes on. If it was paused because of failures, these do not count any more. Raises NotFound; UserError."""
        before = self._store.rollout(rollout_id).rollout
        after = self._changed(before, self._store.resume_rollout(rollout_id))
        self._advance(rollout_id)
        return after

    def retry(self, rollout_id: str, tenants: Collection[str] | None = None, group: str | None = None) -> Rollout:
        """Lets failed tenants wait for their turn again: all, those, or those of a group of failures.

        Raises:
            NotFound: there is no such rollout.
            UserError: none of them has failed, or the rollout was aborted.
        """
        if group is not None:
            failed = [one for one in self.tenants(rollout_id) if one.status is TenantStatus.ERROR]
            tenants = [one.tenant for one in failed if key_of(one) == group]
            if not tenants:
                raise UserError(words.unknown_group(group))
        before = self._store.rollout(rollout_id).rollout
        after = self._changed(before, self._store.retry_rollout(rollout_id, tenants))
        self._advance(rollout_id)
        return after

    def abort(self, rollout_id: str, *, jobs: bool, by: str | None = None) -> Rollout:
        """Starts nothing any more. With `jobs`, its running jobs are aborted too; else they run to their end.

        Raises NotFound; UserError if it is over.
        """
        before = self._store.rollout(rollout_id).rollout
        running = self._store.abort_rollout(rollout_id)
        for job_id in running if jobs else ():
            with suppress(NotFound):
                self._installs.abort(job_id, keep=True, by=by)
        after = self._changed(before, self._store.rollout(rollout_id).rollout)
        self._advance(rollout_id)
        return after

    def remove(self, rollout_id: str) -> None:
        """Removes a complete rollout; its jobs stay. Raises NotFound; UserError if it is not over."""
        self._store.remove_rollout(rollout_id)
        self._observer.removed(rollout_id)

    def _changed(self, before: Rollout, after: Rollout) -> Rollout:
        self._observer.changed(before, after)
        self._notifier.changed(after.id, now=True)
        return after

    def _advance(self, rollout_id: str) -> None:
        """Does at once what a worker's sweep would do in a moment."""
        with suppress(OkapiInstallError):
            self._advancer.advance(rollout_id, rounds=1)


def _new_rollout(order: RolloutOrder, members: Sequence[Sequence[str]], callback_url: str | None) -> Rollout:
    return Rollout(
        id=str(uuid.uuid4()),
        name=order.name,
        kind=order.kind,
        status=RolloutStatus.RUNNING,
        options=order.options,
        request=order.request,
        wave_count=len(members),
        max_concurrent=order.max_concurrent,
        max_failures=allowed_failures(order.max_failures, sum(map(len, members))),
        max_per_module=order.max_per_module,
        pause_after_wave=order.pause_after_wave,
        windows=order.windows,
        requested_by=order.requested_by,
        callback_url=callback_url,
        created=0.0,
    )


def _mean_seconds(proposals: Sequence[Proposal]) -> float | None:
    """How long the tenants that have something to do take on average, by earlier jobs; None if that is not known."""
    known = [
        (len(one.tenants), one.preview.summary.remaining or one.preview.expected)
        for one in proposals
        if one.startable and one.preview is not None
    ]
    counted = [(count, seconds) for count, seconds in known if seconds is not None]
    total = sum(count for count, _ in counted)
    return sum(count * seconds for count, seconds in counted) / total if total else None
