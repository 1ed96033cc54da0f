"""Module ids, semantic versions and the version filter, as in Okapi."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okapi_install.domain.errors import UserError
from okapi_install.domain.modules.versions import ModuleId, SemVer, VersionFilter

ASCENDING = [
    "1",
    "1.0",
    "1.0.0-2",
    "1.0.0-10",
    "1.0.0-alpha",
    "1.0.0-alpha.2",
    "1.0.0-alpha.10",
    "1.0.0-alpha.beta",
    "1.0.0",
    "1.0.0+5",
    "1.0.9",
    "1.0.10",
    "1.0.10.1",
    "10.0.0-SNAPSHOT",
    "10.0.0",
]


def test_versions_sort_as_in_okapi() -> None:
    assert [v.text for v in sorted(map(SemVer.parse, reversed(ASCENDING)))] == ASCENDING


@given(st.sampled_from(ASCENDING), st.sampled_from(ASCENDING))
def test_a_comparison_turned_round_has_the_other_sign(a: str, b: str) -> None:
    assert SemVer.parse(a).compare(SemVer.parse(b)) == -SemVer.parse(b).compare(SemVer.parse(a))


@pytest.mark.parametrize(
    ("a", "b", "level"),
    [
        ("2.0.0", "1.9.9", 4),
        ("1.2.0", "1.1.9", 3),
        ("1.1.2", "1.1.10", -2),
        ("1.1.1.1", "1.1.1", 2),
        ("1.1", "1.1.0", -2),
        ("1", "1.5", -3),
        ("1.0.0", "1.0.0-a", 1),
        ("1.0", "01.0", 0),
        ("1.0.0+a", "1.0.0+b", -1),
    ],
)
def test_a_comparison_tells_the_part_that_differs(a: str, b: str, level: int) -> None:
    assert SemVer.parse(a).compare(SemVer.parse(b)) == level


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "missing major version: "),
        ("x", "missing major version: x"),
        ("1.", "missing version component"),
        ("1.0.0-", "missing pre-release version component"),
        ("1.0.0-a.", "missing pre-release version component"),
        ("1.0.0x", "invalid semver: 1.0.0x"),
        ("1" * 19, "at most 18 digits for numeric component"),
    ],
)
def test_a_bad_version_is_refused_in_okapis_words(text: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        SemVer.parse(text)
    assert caught.value.message == words


def test_a_pre_release_number_of_any_length_can_be_read() -> None:
    assert SemVer.parse("1.0.0-" + "9" * 5000).has_pre_release


@pytest.mark.parametrize(
    ("module", "prefix", "fits"),
    [
        ("mod-a-1.2.3", "mod-a", True),
        ("mod-a-1.2.3", "mod-a-1.2", True),
        ("mod-a-1.2.3", "mod-a-1.3", False),
        ("mod-a-1.2", "mod-a-1.2.3", False),
        ("mod-a-1.2.3-SNAPSHOT.1", "mod-a-1.2.3-SNAPSHOT", True),
        ("mod-a-1.2.3", "mod-a-1.2.3-SNAPSHOT", False),
        ("mod-a-1.2.3+5", "mod-a-1.2.3+5", True),
        ("mod-a-1.2.3", "mod-a-1.2.3+5", False),
        ("mod-ab-1.0.0", "mod-a", False),
        ("mod-a", "mod-a", False),
    ],
)
def test_a_prefix_ends_where_a_part_ends(module: str, prefix: str, fits: bool) -> None:
    assert ModuleId.parse(module).has_prefix(ModuleId.parse(prefix)) is fits


def test_the_version_begins_after_the_first_minus_that_a_digit_follows() -> None:
    parsed = ModuleId.parse("mod-z3950-x-1.0.0-a-2")
    assert (parsed.product, str(parsed.version and parsed.version.text)) == ("mod-z3950-x", "1.0.0-a-2")
    assert ModuleId.parse("mod-users").version is None
    assert not ModuleId.parse("mod-users-").has_sem_ver


def test_module_ids_compare_by_product_first() -> None:
    assert ModuleId.parse("a-9.0.0").compare(ModuleId.parse("b-1.0.0")) == -5
    assert ModuleId.parse("a").compare(ModuleId.parse("a-1.0.0")) == -4
    assert ModuleId.parse("a-1.0.0") == ModuleId.parse("a-01.0.0")


def test_the_latest_is_of_the_same_product() -> None:
    known = ["mod-a-1.0.0", "mod-a-1.10.0", "mod-a-1.9.0", "mod-b-9.0.0"]
    assert ModuleId.parse("mod-a").latest(known) == "mod-a-1.10.0"
    assert ModuleId.parse("mod-a-2.0.0").latest(known) == "mod-a-2.0.0"
    assert ModuleId.parse("mod-c").latest(known) == "mod-c"


@pytest.mark.parametrize(
    ("pre_release", "npm_snapshot", "kept"),
    [
        (None, None, "abc"),
        ("false", None, "ac"),
        ("only", None, "bc"),
        (None, "false", "ab"),
        (None, "only", "bc"),
        ("only", "only", "bc"),
        ("false", "false", "a"),
        ("true", "true", "abc"),
    ],
)
def test_a_filter_lets_kinds_of_versions_through(pre_release: str | None, npm_snapshot: str | None, kept: str) -> None:
    kinds = {"a": "m-1.0.0", "b": "m-1.0.0-SNAPSHOT.1", "c": "m-1.0.10001"}
    versions = VersionFilter.parse(pre_release, npm_snapshot)
    assert "".join(k for k, v in kinds.items() if versions.matches(ModuleId.parse(v))) == kept


def test_a_bad_filter_is_refused_in_okapis_words() -> None:
    with pytest.raises(UserError) as caught:
        VersionFilter.parse("maybe", None)
    assert caught.value.message == (
        'Expected "true", "false", "only" or undefined/null for parameter preRelease, but got: maybe'
    )
