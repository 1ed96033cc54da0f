"""What a request would do to several tenants, before anybody starts it: plans, how long they take, and solutions.

Tenants that have the same modules enabled are planned together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from okapi_install.domain.errors import Unresolvable, UserError
from okapi_install.domain.jobs import Action, Change, InstallOptions, Job, JobKind, JobStatus, Step, StepStatus
from okapi_install.domain.planning.purge import Purge, purge_of
from okapi_install.service.jobs.installs import InstallService, Order
from okapi_install.service.jobs.planning import expected
from okapi_install.service.jobs.snapshots import JobSnapshot, SnapshotService
from okapi_install.service.jobs.solutions import Advice, Constraints, SolutionService

_MOST_SOLVED = 3
"""For so many different plans that are refused or remove something solutions are looked for, in one request. The solver
takes a second for each.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """A request for several tenants. `request` is None for an upgrade."""

    kind: JobKind
    tenants: tuple[str, ...]
    request: tuple[Change, ...] | None
    options: InstallOptions
    constraints: Constraints

    def order(self, tenant: str) -> Order:
        """The order for one of the tenants, without anything about who sends it."""
        return Order(kind=self.kind, tenant=tenant, request=self.request, options=self.options)


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """What the request does to tenants that have the same modules enabled, once their earlier jobs are done.

    `behind` are those of them that have earlier jobs. `preview` is the job as it would be, None if it is refused. With
    `unsolved`, nobody has looked for solutions.
    """

    tenants: tuple[str, ...]
    behind: tuple[str, ...]
    advice: Advice
    preview: JobSnapshot | None
    purge: Purge | None
    unsolved: bool = False

    @property
    def refusal(self) -> Unresolvable | UserError | None:
        """Why the request is refused; None if it is not."""
        return self.advice.explanation.refusal

    @property
    def changes(self) -> tuple[Change, ...]:
        """The plan."""
        return self.advice.explanation.changes

    @property
    def startable(self) -> bool:
        """Whether there is a plan, and something to do in it."""
        return self.refusal is None and any(change.action is not Action.UPTODATE for change in self.changes)


class ProposalService:
    """Plans for several tenants."""

    def __init__(self, installs: InstallService, solutions: SolutionService, snapshots: SnapshotService) -> None:
        self._installs = installs
        self._solutions = solutions
        self._snapshots = snapshots

    def proposals(self, wanted: Wanted) -> list[Proposal]:
        """What the request does, in the order of the tenants.

        Raises:
            NotFound: a tenant does not exist; the message is its id.
            UserError: an id of the constraints cannot be read.
        """
        alike: dict[frozenset[str], list[str]] = {}
        behind = set()
        for tenant in wanted.tenants:
            state = self._installs.tenant_state(tenant)
            alike.setdefault(expected(state), []).append(tenant)
            if state.ahead:
                behind.add(tenant)
        found: list[Proposal] = []
        for tenants in alike.values():
            solve = sum(map(_was_solved, found)) < _MOST_SOLVED
            found.append(self._proposal(wanted, tenants, behind, solve=solve))
        return found

    def _proposal(self, wanted: Wanted, tenants: list[str], behind: set[str], *, solve: bool) -> Proposal:
        constraints = wanted.constraints if solve else replace(wanted.constraints, most=0)
        advice = self._solutions.advise(wanted.order(tenants[0]), constraints)
        explanation, purge = advice.explanation, None
        if wanted.options.purge:
            purge = purge_of(explanation.changes, wanted.request or ())
        return Proposal(
            tenants=tuple(tenants),
            behind=tuple(tenant for tenant in tenants if tenant in behind),
            advice=advice,
            preview=None if explanation.refusal else self._preview(wanted, advice),
            purge=purge,
            unsolved=not solve and explanation.refusal is not None,
        )

    def _preview(self, wanted: Wanted, advice: Advice) -> JobSnapshot:
        """The job that does not exist yet."""
        plan = advice.explanation
        job = Job(
            id="",
            tenant=wanted.tenants[0],
            kind=wanted.kind,
            status=JobStatus.QUEUED,
            options=wanted.options,
            request=wanted.request,
            steps=tuple(_step(pos, change) for pos, change in enumerate(plan.changes)),
            created=self._snapshots.now(),
            edges=plan.edges,
        )
        return self._snapshots.of(job)


def _was_solved(proposal: Proposal) -> bool:
    return proposal.refusal is not None or any(change.action is Action.DISABLE for change in proposal.changes)


def _step(pos: int, change: Change) -> Step:
    """A step that is still to be done, unless there is nothing to do in it."""
    return Step(pos=pos, change=change, status=StepStatus.DONE if change.action is Action.UPTODATE else None)


def digest(proposals: Iterable[Proposal]) -> str:
    """Two lists of proposals with the same digest do the same to the same tenants."""
    plans = sorted((tenant, repr(p.changes)) for p in proposals if p.startable for tenant in p.tenants)
    return hashlib.sha256(repr(plans).encode()).hexdigest()
