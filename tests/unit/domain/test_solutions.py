"""Solutions by examples: what is offered where a request is refused, what it says of itself, and why there is none."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from okapi_install.domain.jobs import Change, InstallOptions
from okapi_install.domain.modules.descriptors import ModuleSummary
from okapi_install.domain.modules.internal_module import internal_module
from okapi_install.domain.planning.resolver import resolve
from okapi_install.domain.registry.registry import Registry
from okapi_install.domain.solutions.search import Findings
from okapi_install.domain.solutions.solution import Choice, Solution, removed_by
from okapi_install.domain.solutions.wish import Wish
from tests.fakes.inline_solver import InlineSolver
from tests.unit.domain.registries import enable, module, told

LOGIN = [
    module("ui-1.0.0", [], ["login 1.0"]),
    module("mod-login-1.0.0", ["login 1.0"]),
    module("mod-login-2.0.0", ["login 1.0"]),
    module("mod-keycloak-1.0.0", ["login 1.0"], ["users 1.0"]),
    module("mod-users-1.0.0", ["users 1.0"]),
]
STORAGE = [
    module("app-1.0.0", [], ["store 1.0"]),
    module("app-2.0.0", [], ["store 2.0"]),
    module("tool-1.0.0", [], ["store 1.0"]),
    module("storage-1.0.0", ["store 1.0"]),
    module("storage-2.0.0", ["store 2.0"]),
]


def found(
    modules: Iterable[ModuleSummary],
    request: tuple[Change, ...] | None,
    enabled: Iterable[str] = (),
    *,
    most: int = 3,
    options: InstallOptions | None = None,
    keep: tuple[str, ...] = (),
    prefer: tuple[str, ...] = (),
) -> Findings:
    wish = Wish(
        enabled=frozenset(enabled), request=request, options=options or InstallOptions(), keep=keep, prefer=prefer
    )
    return InlineSolver().find(Registry(modules), wish, most)


def only(findings: Findings) -> Solution:
    (solution,) = findings.solutions
    return solution


def test_each_choice_between_providers_is_a_solution_and_the_one_that_adds_least_comes_first() -> None:
    first, second = found(LOGIN, enable("ui")).solutions
    assert told(first.request) == ["enable mod-login-2.0.0", "enable ui-1.0.0"]
    assert told(first.plan) == ["enable mod-login-2.0.0", "enable ui-1.0.0"]
    assert first.added == ("mod-login-2.0.0",)
    assert first.choices == (Choice(interface="login", candidates=("mod-keycloak", "mod-login"), chosen="mod-login"),)
    assert second.added == ("mod-keycloak-1.0.0", "mod-users-1.0.0")
    assert second.sentence == (
        "Takes mod-keycloak for login, not mod-login. "
        "Removes and changes nothing; adds mod-keycloak-1.0.0 and mod-users-1.0.0."
    )


def test_a_preferred_provider_comes_first() -> None:
    first, second = found(LOGIN, enable("ui"), prefer=("mod-keycloak",)).solutions
    assert first.choices[0].chosen == "mod-keycloak"
    assert second.choices[0].chosen == "mod-login"


def test_as_few_solutions_are_given_as_are_wanted() -> None:
    assert len(found(LOGIN, enable("ui"), most=1).solutions) == 1


def test_a_module_is_changed_rather_than_removed() -> None:
    modules = [*STORAGE, module("tool-2.0.0", [], ["store 2.0"])]
    solution = only(found(modules, enable("app-2.0.0"), ["app-1.0.0", "tool-1.0.0", "storage-1.0.0"]))
    assert (solution.removed, solution.changed) == ((), ("storage-2.0.0", "tool-2.0.0"))
    assert solution.sentence == "Removes nothing; changes to storage-2.0.0 and tool-2.0.0."


def test_what_cannot_stay_is_removed_and_said_to_be() -> None:
    solution = only(found(STORAGE, enable("app-2.0.0"), ["app-1.0.0", "tool-1.0.0", "storage-1.0.0"]))
    assert solution.removed == ("tool-1.0.0",)
    assert told(solution.request) == ["disable tool-1.0.0", "enable app-2.0.0", "enable storage-2.0.0"]
    assert solution.sentence == "Removes tool-1.0.0; changes to storage-2.0.0."


def test_what_is_kept_makes_the_request_impossible_and_is_named() -> None:
    findings = found(STORAGE, enable("app-2.0.0"), ["app-1.0.0", "tool-1.0.0", "storage-1.0.0"], keep=("tool",))
    assert findings.solutions == ()
    assert findings.conflict is not None
    assert [(d.action, d.id) for d in findings.conflict.demands] == [("enable", "app-2.0.0"), ("keep", "tool")]
    assert findings.conflict.sentence == (
        "Nothing makes it possible to enable app-2.0.0 and keep tool together: app-2.0.0 requires store 2.0; "
        "tool-1.0.0 requires store 1.0; no set of modules has all of this."
    )


@pytest.mark.parametrize(
    ("modules", "request_", "sentence"),
    [
        (
            [module("a-1.0.0", ["x 1.0"]), module("b-1.0.0", ["x 1.0"])],
            enable("a", "b"),
            (
                "Nothing makes it possible to enable a and enable b together: "
                "a-1.0.0 and b-1.0.0 both provide x, and one enabled module may provide it."
            ),
        ),
        (
            [module("a-1.0.0", [], ["x 2.0"]), module("b-1.0.0", ["x 1.0"])],
            enable("a-1.0.0", "b-1.0.0"),
            (
                "Nothing makes it possible to enable a-1.0.0: "
                "a-1.0.0 requires x 2.0, and no module of the registry provides that."
            ),
        ),
        (
            [module("a-1.0.0", [], ["x 1.0"]), module("b-1.0.0", ["x 1.0"], ["y 1.0"])],
            enable("a"),
            (
                "Nothing makes it possible to enable a: "
                "a-1.0.0 requires x 1.0, and b-1.0.0, which provides that, cannot be enabled."
            ),
        ),
        (
            [module("a-1.0.0")],
            enable("a-1.0.0", "c-1.0.0"),
            (
                "Nothing makes it possible to enable c-1.0.0: "
                "the registry has no c-1.0.0 in a version that the request allows."
            ),
        ),
        (
            [module("a-1.0.0"), module("a-2.0.0")],
            enable("a-1.0.0", "a-2.0.0"),
            (
                "Nothing makes it possible to enable a-1.0.0 and enable a-2.0.0 together: "
                "a-1.0.0 and a-2.0.0 are versions of one product, of which a tenant has one."
            ),
        ),
        (
            [internal_module().summary(), module("mod-facade-1.0.0", ["okapi 1.9"])],
            enable("mod-facade"),
            (
                "Nothing makes it possible to enable mod-facade: "
                "mod-facade-1.0.0 provides okapi, and the built-in okapi module provides that already."
            ),
        ),
    ],
)
def test_without_a_solution_the_smallest_part_of_the_request_that_cannot_be_is_told(
    modules: list[ModuleSummary], request_: tuple[Change, ...], sentence: str
) -> None:
    findings = found(modules, request_)
    assert findings.solutions == ()
    assert findings.complete
    assert findings.conflict is not None
    assert findings.conflict.sentence == sentence


def test_the_smallest_conflict_is_found_among_larger_ones() -> None:
    """The three a, b, c cannot be together, and neither can d and e."""
    modules = [
        module("a-1.0.0", [], ["x 1.0"]),
        module("b-1.0.0", [], ["y 1.0"]),
        module("c-1.0.0", [], ["z 1.0"]),
        module("p-1.0.0", ["x 1.0", "y 1.0"]),
        module("p-2.0.0", ["y 1.0", "z 1.0"]),
        module("p-3.0.0", ["x 1.0", "z 1.0"]),
        module("d-1.0.0", ["v 1.0"]),
        module("e-1.0.0", ["v 1.0"]),
    ]
    findings = found(modules, enable("a", "b", "c", "d", "e"))
    assert findings.conflict is not None
    assert [d.id for d in findings.conflict.demands] == ["d", "e"]


def test_the_built_in_module_is_named_where_another_one_provides_its_interface() -> None:
    modules = [
        internal_module().summary(),
        module("mod-facade-1.0.0", ["okapi 1.9"]),
        module("a-1.0.0", [], ["okapi 1.8"]),
    ]
    solution = only(found(modules, enable("a")))
    assert told(solution.request) == ["enable a-1.0.0", "enable okapi-7.0.0"]
    assert solution.choices == (Choice(interface="okapi", candidates=("mod-facade", "okapi"), chosen="okapi"),)


def test_an_upgrade_has_a_solution_that_removes_nothing_and_one_that_is_as_new_as_possible() -> None:
    modules = [*STORAGE, module("app-3.0.0", [], ["store 2.0"])]
    enabled = ["app-1.0.0", "tool-1.0.0", "storage-1.0.0"]
    careful, newest = found(modules, None, enabled).solutions
    assert (careful.removed, careful.changed, careful.plan) == ((), ("app-1.0.0", "storage-1.0.0"), ())
    assert (newest.removed, newest.changed) == (("tool-1.0.0",), ())
    assert newest.sentence == "Removes tool-1.0.0."
    assert careful.sentence == "Removes nothing; leaves app-1.0.0 and storage-1.0.0 behind."


def test_what_a_module_replaces_may_go_and_does_not_count() -> None:
    modules = [module("old-1.0.0", ["x 1.0"]), module("new-1.0.0", ["x 1.0"], replaces=["old"])]
    solution = only(found(modules, enable("new"), ["old-1.0.0"]))
    assert solution.removed == ()
    assert "disable old-1.0.0" in told(solution.request)


def test_a_provider_in_whose_way_a_circle_is_comes_last() -> None:
    """Both add two modules; of p and q neither could be enabled first."""
    modules = [
        module("a-1.0.0", [], ["x 1.0"]),
        module("p-1.0.0", ["x 1.0"], ["y 1.0"]),
        module("q-1.0.0", ["y 1.0"], ["x 1.0"]),
        module("r-1.0.0", ["x 1.0"], ["z 1.0"]),
        module("s-1.0.0", ["z 1.0"], ["v 1.0"]),
        module("t-1.0.0", ["v 1.0"]),
    ]
    solution = only(found(modules, enable("a")))
    assert solution.added == ("r-1.0.0", "s-1.0.0", "t-1.0.0")


def test_where_requirements_can_only_be_met_in_a_circle_they_are() -> None:
    modules = [
        module("p-1.0.0", ["x 1.0"], ["y 1.0"]),
        module("q-1.0.0", ["y 1.0"], ["x 1.0"]),
    ]
    assert only(found(modules, enable("p"))).added == ("q-1.0.0",)


def test_versions_that_the_filter_leaves_out_are_in_no_solution() -> None:
    modules = [module("a-1.0.0", [], ["x 1.0"]), module("p-1.0.0", ["x 1.0"]), module("p-1.1.0-SNAPSHOT.7", ["x 1.0"])]
    assert only(found(modules, enable("a"))).added == ("p-1.1.0-SNAPSHOT.7",)
    assert only(found(modules, enable("a"), options=InstallOptions(pre_release="false"))).added == ("p-1.0.0",)


def test_what_a_plan_removes_beyond_the_request_is_known() -> None:
    registry = Registry(STORAGE)
    wish = Wish(enabled=frozenset(["app-1.0.0", "tool-1.0.0", "storage-1.0.0"]), request=enable("app-2.0.0"))
    plan = resolve(registry, wish.enabled, wish.request, wish.options)
    assert removed_by(registry, wish, plan) == ("tool-1.0.0",)
