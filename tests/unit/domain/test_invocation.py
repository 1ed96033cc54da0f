"""The `invoke` parameter."""

from __future__ import annotations

import time

import pytest

from okapi_install.domain.errors import UserError
from okapi_install.domain.invocation import MOST_CHARACTERS, DecidedRule, InvokeRule

EXPLODING = [".?" * 40 + "!", "(a+)+!", "(.*)*!", "(m|mo|mod)*!", "(.*){500}!", ".*" * 490 + "!", "(?:.{0,300}){3}!"]
"""What takes an engine that goes back and tries again longer than anybody lives."""


def test_without_a_pattern_it_is_all_or_nothing() -> None:
    assert InvokeRule.parse(None).allows("mod-a-1.0.0")
    assert InvokeRule.parse("true").allows("mod-a-1.0.0")
    assert not InvokeRule.parse("false").allows("mod-a-1.0.0")


def test_a_pattern_must_match_the_whole_id() -> None:
    rule = InvokeRule.parse("mod-[ab]-.*")
    assert rule.allows("mod-a-1.0.0")
    assert not rule.allows("mod-ab-1.0.0")
    assert not rule.allows("x-mod-a-1.0.0")


@pytest.mark.parametrize(
    ("pattern", "allowed", "refused"),
    [
        (r"mod-(users|login)-\d+.*|edge-[*+]*.*", "mod-login-1.0.0", "mod-x-1.0.0"),
        (r"(mod-)+a.*?", "mod-mod-a-1.0.0", "a-1.0.0"),
        (r"(?i)MOD-[A-F&]-.*", "mod-b-1.0.0", "mod-x-1.0.0"),
        (r"\Qmod-a-1.0.0\E.{0,3}", "mod-a-1.0.0", "mod-a-1x0.0"),
        (r"(?<name>mod|edge)-[^]x].*", "edge-a-1.0.0", "edge-x-1.0.0"),
        (r"\p{L}+-a\b.*$", "mod-a-1.0.0", "mod-ab-1.0.0"),
        (r"mod-a-1\.0\.0\{2\}", "mod-a-1.0.0{2}", "mod-a-1.0.00"),
    ],
)
def test_patterns_mean_what_they_mean_in_okapi(pattern: str, allowed: str, refused: str) -> None:
    rule = InvokeRule.parse(pattern)
    assert (rule.allows(allowed), rule.allows(refused)) == (True, False)


@pytest.mark.parametrize("pattern", EXPLODING)
def test_no_pattern_takes_long(pattern: str) -> None:
    began = time.process_time()
    assert not InvokeRule.parse(pattern).allows("mod-inventory-storage-" + "a" * 400)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("[", "missing"),
        ("(", "missing"),
        ("a" * (MOST_CHARACTERS + 1), "longer than"),
        ("(?=mod)mod.*", "invalid perl operator"),
        ("(?<!a)b", "invalid perl operator"),
        ("(?>a|b)c", "invalid perl operator"),
        (r"(a)\1", "back reference"),
        (r"(a)\12", "back reference"),
        ("a++", "bad repetition operator"),
        ("[a-z&&[^b]]", "intersection"),
        ("[a[b]]", "class within a class"),
        ("[[:alpha:]]", "class within a class"),
        ("x{,5}", "brace"),
        ("{", "brace"),
        ("(?U)a", "flags"),
        ("(?P<name>a)", "flags"),
        (r"\C", "write"),
        (r"\h", "invalid escape"),
        ("(x{1000}){1000}", "repetition size"),
        ("\ud800", "surrogate"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_the_clients_error(pattern: str, why: str) -> None:
    with pytest.raises(UserError, match=f"Bad pattern for parameter invoke: .*{why}"):
        InvokeRule.parse(pattern)


def test_what_was_decided_is_not_decided_again() -> None:
    decisions = InvokeRule.parse("mod-a.*").decisions(["mod-b-1.0.0", "mod-a-1.0.0", "mod-a-1.0.0"])
    assert decisions == (("mod-a-1.0.0", True), ("mod-b-1.0.0", False))
    assert InvokeRule.parse("true").decisions(["mod-a-1.0.0"]) == ()
    rule = DecidedRule.of("[", decisions)
    assert rule.allows("mod-a-1.0.0")
    assert not rule.allows("mod-b-1.0.0")
    assert DecidedRule.of("mod-c.*", decisions).allows("mod-c-1.0.0")
