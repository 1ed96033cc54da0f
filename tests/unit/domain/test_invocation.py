"""The `invoke` parameter."""

from __future__ import annotations

import pytest

from okapi_install.domain.errors import UserError
from okapi_install.domain.invocation import InvokeRule


def test_without_a_pattern_it_is_all_or_nothing() -> None:
    assert InvokeRule.parse(None).allows("mod-a-1.0.0")
    assert InvokeRule.parse("true").allows("mod-a-1.0.0")
    assert not InvokeRule.parse("false").allows("mod-a-1.0.0")


def test_a_pattern_must_match_the_whole_id() -> None:
    rule = InvokeRule.parse("mod-[ab]-.*")
    assert rule.allows("mod-a-1.0.0")
    assert not rule.allows("mod-ab-1.0.0")
    assert not rule.allows("x-mod-a-1.0.0")
    assert InvokeRule.parse(r"mod-(users|login)-\d+.*|edge-[*+]*.*").allows("mod-login-1.0.0")


@pytest.mark.parametrize("pattern", ["[", "(", "(a+)+$", "(a|a)*b", ".*.*.*.*.*x", "a" * 2000])
def test_a_pattern_that_cannot_be_used_is_the_clients_error(pattern: str) -> None:
    with pytest.raises(UserError, match="Bad pattern for parameter invoke"):
        InvokeRule.parse(pattern)
