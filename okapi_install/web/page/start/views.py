"""The values that the templates of the start form show, in the words of the page. There is no HTML here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson

from okapi_install.domain.errors import Unresolvable, UserError
from okapi_install.domain.jobs import Action, Change, Problem
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.domain.registry.index import Index
from okapi_install.domain.registry.releases import newest_release
from okapi_install.domain.solutions.solution import Solution
from okapi_install.service.jobs.proposals import Proposal
from okapi_install.service.jobs.snapshots import JobSnapshot, StepSnapshot
from okapi_install.service.ports import Tenant
from okapi_install.web.page.start.form import StartForm, What
from okapi_install.web.standing import estimate_text
from okapi_install.web.words import counted

MOST_LISTED_TENANTS = 300
"""With more tenants, the form has a field for their names instead of a list."""

_WORDS = {
    Action.DISABLE: "disable",
    Action.UPTODATE: "already up to date",
    Action.SUGGEST: "suggestion",
    Action.CONFLICT: "conflict",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductBox:
    """A product that can be picked. `latest` is its newest release, or its newest version if it has no release."""

    product: str
    latest: str
    picked: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantBox:
    """A tenant that can be picked."""

    id: str
    name: str | None
    picked: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class FormView:
    """The form. `tenants` is empty if there are too many to list."""

    form: StartForm
    tenants: tuple[TenantBox, ...]
    products: tuple[ProductBox, ...]
    too_many: bool
    unknown: str
    """The form's tenants that are not in the list."""
    open_options: bool

    @classmethod
    def of(cls, form: StartForm, tenants: Iterable[Tenant], index: Index) -> FormView:
        """The form with what can be picked."""
        known = list(tenants)
        too_many = len(known) > MOST_LISTED_TENANTS
        boxes = [] if too_many else known
        listed = {tenant.id for tenant in boxes}
        return cls(
            form=form,
            tenants=tuple(TenantBox(id=t.id, name=t.name, picked=t.id in form.tenants) for t in boxes),
            products=tuple(_products(index, frozenset(form.products))),
            too_many=too_many,
            unknown=" ".join(tenant for tenant in form.tenants if tenant not in listed),
            open_options=bool(form.flags or form.texts),
        )


def _products(index: Index, picked: frozenset[str]) -> Iterable[ProductBox]:
    for product in sorted(index.products):
        newest = newest_release(index, product) or index.products[product][-1]
        version = newest.module_id.version
        yield ProductBox(product=product, latest=version.text if version else "", picked=product in picked)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanRow:
    """A module of a plan. `words` say what is done, and `usually` is how many seconds that took before."""

    id: str
    words: str
    usually: float | None
    deletes: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class SolutionView:
    """A solution, and the fields of a form that asks for its plan."""

    number: int
    sentence: str
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    added: tuple[str, ...]
    modules: int
    best: bool
    fields: list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProposalView:
    """What the request does to some tenants."""

    tenants: tuple[str, ...]
    behind: tuple[str, ...]
    refusal: tuple[str, ...]
    """Why the request is refused, in Okapi's words; empty if it is not."""
    lines: tuple[str, ...]
    conflict: str | None
    solutions: tuple[SolutionView, ...]
    solutions_complete: bool
    unsolved: bool
    rows: tuple[PlanRow, ...]
    summary: str
    takes: str
    warnings: tuple[Problem, ...]
    deletions: tuple[str, ...]
    """For each tenant a sentence that says whose data is deleted."""
    startable: bool
    alone: list[tuple[str, str]]
    """The fields of a form for these tenants only."""

    @classmethod
    def of(cls, proposal: Proposal, form: StartForm) -> ProposalView:
        """A proposal in words."""
        advice, refusal, purge = proposal.advice, proposal.refusal, proposal.purge
        lines = advice.explanation.lines
        return cls(
            tenants=proposal.tenants,
            behind=proposal.behind,
            refusal=_reasons(refusal),
            lines=() if refusal is None or lines == (refusal.message,) else lines,
            conflict=advice.findings.conflict.sentence if advice.findings.conflict else None,
            solutions=tuple(
                _solution(number, solution, proposal, form)
                for number, solution in enumerate(advice.findings.solutions, 1)
            ),
            solutions_complete=advice.findings.complete,
            unsolved=proposal.unsolved,
            rows=tuple(_rows(proposal)),
            summary=_summary(proposal.changes),
            takes=_takes(proposal.preview),
            warnings=advice.explanation.warnings,
            deletions=() if purge is None else tuple(purge.sentence(tenant) for tenant in proposal.tenants),
            startable=proposal.startable,
            alone=form.fields(tenants=proposal.tenants),
        )


def _reasons(refusal: UserError | None) -> tuple[str, ...]:
    if isinstance(refusal, Unresolvable) and refusal.reasons:
        return tuple(reason.message for reason in refusal.reasons)
    return () if refusal is None else (refusal.message,)


def _solution(number: int, solution: Solution, proposal: Proposal, form: StartForm) -> SolutionView:
    document = [{"id": change.id, "action": change.action.value} for change in solution.request]
    text = orjson.dumps(document).decode()
    return SolutionView(
        number=number,
        sentence=solution.sentence,
        removed=solution.removed,
        changed=solution.changed,
        added=solution.added,
        modules=sum(change.action is not Action.UPTODATE for change in solution.plan),
        best=solution.best,
        fields=form.fields(tenants=proposal.tenants, modules=text, what=What.INSTALL),
    )


def _rows(proposal: Proposal) -> Iterable[PlanRow]:
    if proposal.preview is None:
        return
    deleted = frozenset(proposal.purge.modules) if proposal.purge else frozenset()
    for step in proposal.preview.steps:
        yield _row(step, deletes=step.step.change.id in deleted)


def _row(it: StepSnapshot, *, deletes: bool) -> PlanRow:
    change = it.step.change
    words = _words(change)
    return PlanRow(
        id=change.id,
        words=f"{words}, delete its data" if deletes else words,
        usually=None if change.action is Action.UPTODATE else it.expected,
        deletes=deletes,
    )


def _words(change: Change) -> str:
    """What a change does: `install`, `upgrade from 1.0.0`, `reinstall`, `disable`."""
    if change.action is not Action.ENABLE:
        return _WORDS[change.action]
    if change.from_id is None:
        return "install"
    if change.from_id == change.id:
        return "reinstall"
    before, after = ModuleId.parse(change.from_id), ModuleId.parse(change.id)
    if before.product != after.product or before.version is None:
        return f"replace {change.from_id}"
    return f"{'upgrade' if before < after else 'downgrade'} from {before.version.text}"


_COUNTED = {
    "install": "installed",
    "upgrade": "upgraded",
    "downgrade": "downgraded",
    "reinstall": "reinstalled",
    "replace": "replaced",
    "disable": "disabled",
    "already": "already up to date",
}
"""The first word of what is done with a module, and what a count of them says."""


def _summary(changes: Iterable[Change]) -> str:
    """`3 modules: 2 installed, 1 upgraded`."""
    counts = Counter(_words(change).partition(" ")[0] for change in changes)
    parts = [f"{counts[first]} {word}" for first, word in _COUNTED.items() if counts[first]]
    return f"{counted(counts.total(), 'module')}: {', '.join(parts)}" if parts else "Nothing to do"


def _takes(preview: JobSnapshot | None) -> str:
    """How long it takes, or why nobody knows."""
    return "" if preview is None else estimate_text(preview.summary) or ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What became of one tenant's request: a job, or a reason why there is none."""

    tenant: str
    job: str | None
    problem: str | None = None


def started(results: Iterable[Result]) -> Mapping[bool, int]:
    """How many were started, and how many were not."""
    return Counter(result.job is not None for result in results)
