"""Plans for several tenants: alike ones are planned together, and the solver is not asked for each of many."""

from __future__ import annotations

import pytest

from okapi_install.domain.errors import NotFound
from okapi_install.domain.jobs import Change, InstallOptions, JobKind
from okapi_install.service.jobs.proposals import ProposalService, Wanted, digest
from okapi_install.service.jobs.snapshots import SnapshotService
from okapi_install.service.jobs.solutions import Constraints, SolutionService
from okapi_install.service.jobs.timings import TimingsService
from okapi_install.service.ports import Tenant
from okapi_install.service.registry import RegistryService
from tests.fakes.inline_solver import InlineSolver
from tests.unit.service.house import CHAIN, House, descriptor, disable, enable

AMBIGUOUS = (
    descriptor("x-1.0.0", ["choice 1.0"]),
    descriptor("y-1.0.0", ["choice 1.0"]),
    descriptor("needs-1.0.0", [], ["choice 1.0"]),
    *(descriptor(f"other{number}-1.0.0") for number in range(6)),
)


class Planning:
    """A house in which requests for several tenants are planned."""

    def __init__(self) -> None:
        self.house = House(*CHAIN, *AMBIGUOUS)
        store = self.house.store
        self.solver = InlineSolver()
        solutions = SolutionService(self.house.installs, store, RegistryService(store), self.solver)
        snapshots = SnapshotService(TimingsService(store, self.house.clock))
        self.service = ProposalService(self.house.installs, solutions, snapshots)

    def tenant(self, name: str, *enabled: str) -> None:
        self.house.store.add_tenant(Tenant(id=name), enabled)


@pytest.fixture
def planning() -> Planning:
    return Planning()


def wanted(*tenants: str, request: tuple[Change, ...] = enable("b-1.0.0"), **options: object) -> Wanted:
    return Wanted(
        kind=JobKind.INSTALL,
        tenants=tenants,
        request=request,
        options=InstallOptions(asynchronous=True, **options),  # type: ignore[arg-type]
        constraints=Constraints(),
    )


def test_tenants_with_the_same_modules_share_a_plan(planning: Planning) -> None:
    planning.tenant("one")
    planning.tenant("two", "a-1.0.0")
    planning.tenant("three")
    found = planning.service.proposals(wanted("one", "two", "three"))
    assert [p.tenants for p in found] == [("one", "three"), ("two",)]
    assert [[change.id for change in p.changes] for p in found] == [["a-1.0.0", "b-1.0.0"], ["b-1.0.0"]]


def test_a_plan_starts_from_what_earlier_jobs_leave(planning: Planning) -> None:
    planning.house.submit(*enable("a-1.0.0"))
    (found,) = planning.service.proposals(wanted("diku"))
    assert (found.behind, [change.id for change in found.changes]) == (("diku",), ["b-1.0.0"])


def test_of_many_different_refusals_a_few_are_solved_and_the_rest_say_so(planning: Planning) -> None:
    for number in range(6):
        planning.tenant(f"t{number}", f"other{number}-1.0.0")
    found = planning.service.proposals(wanted(*(f"t{n}" for n in range(6)), request=enable("needs-1.0.0")))
    assert all(p.refusal for p in found)
    assert [bool(p.advice.findings.solutions) for p in found] == [True] * 3 + [False] * 3
    assert [p.unsolved for p in found] == [False] * 3 + [True] * 3
    assert len(planning.solver.wishes) == 3


def test_what_a_purge_deletes_is_part_of_the_proposal(planning: Planning) -> None:
    planning.tenant("one", "a-1.0.0", "b-1.0.0")
    (found,) = planning.service.proposals(wanted("one", request=disable("a-1.0.0"), purge=True))
    assert found.purge is not None
    assert found.purge.modules == ("b-1.0.0", "a-1.0.0")
    (kept,) = planning.service.proposals(wanted("one", request=disable("a-1.0.0")))
    assert kept.purge is None


def test_the_digest_tells_plans_and_tenants_apart(planning: Planning) -> None:
    planning.tenant("one")
    planning.tenant("two")
    propose = planning.service.proposals
    both = digest(propose(wanted("one", "two")))
    assert both == digest(propose(wanted("two", "one")))
    assert both != digest(propose(wanted("one")))
    assert both != digest(propose(wanted("one", "two", request=enable("c-1.0.0"))))
    planning.house.carried_out(*enable("a-1.0.0"), tenant="two")
    assert both != digest(propose(wanted("one", "two")))


def test_an_unknown_tenant_is_named(planning: Planning) -> None:
    with pytest.raises(NotFound, match="nobody"):
        planning.service.proposals(wanted("nobody"))
