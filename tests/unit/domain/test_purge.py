"""Whose data a request with purge deletes, and the sentence that a person confirms."""

from __future__ import annotations

import pytest

from okapi_install.domain.jobs import Action, Change
from okapi_install.domain.planning.purge import purge_of


def disable(*ids: str) -> list[Change]:
    return [Change(id=module, action=Action.DISABLE) for module in ids]


def enable(*ids: str) -> list[Change]:
    return [Change(id=module) for module in ids]


def test_modules_that_go_because_they_need_the_named_one_are_counted_with_that_reason() -> None:
    plan = disable("ui-1.0.0", "mod-b-1.0.0", "mod-c-1.0.0", "mod-permissions-6.5.0")
    found = purge_of(plan, disable("mod-permissions"))
    assert found is not None
    assert found.unnamed == ("ui-1.0.0", "mod-b-1.0.0", "mod-c-1.0.0")
    assert found.sentence("diku") == (
        "DELETES THE DATA of 4 modules of tenant diku; 3 of them because they need mod-permissions"
    )


@pytest.mark.parametrize("named", ["mod-a", "mod-a-1.0.0"])
def test_a_module_is_named_by_product_or_id(named: str) -> None:
    found = purge_of(disable("mod-a-1.0.0"), disable(named))
    assert found is not None
    assert found.sentence("t") == "DELETES THE DATA of 1 module of tenant t"


def test_of_two_named_modules_either_may_be_the_reason() -> None:
    found = purge_of(disable("x-1.0.0", "a-1.0.0", "b-1.0.0"), disable("a", "b"))
    assert found is not None
    assert found.sentence("t").endswith("; 1 of them because it needs a or b")


def test_as_in_okapi_the_first_enable_is_purged_too_and_no_other() -> None:
    found = purge_of(enable("a-1.0.0", "b-1.0.0"), enable("b"))
    assert found is not None
    assert found.modules == ("a-1.0.0",)
    assert found.sentence("t").endswith("of tenant t; the request does not name 1 of them")


def test_a_module_that_another_replaces_has_not_gone_because_it_needs_it() -> None:
    found = purge_of([*disable("old-1.0.0"), *enable("new-1.0.0")], enable("new"))
    assert found is not None
    assert found.needed == ()


def test_a_plan_without_changes_deletes_nothing() -> None:
    assert purge_of([Change(id="a-1.0.0", action=Action.UPTODATE)], enable("a")) is None
