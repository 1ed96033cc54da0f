"""Which tenant is in which wave, and how many may fail."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okapi_install.domain.errors import UserError
from okapi_install.domain.rollouts.waves import WaveSize, allowed_failures, waves

TENANTS = [f"t{number}" for number in range(20)]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([], [20]),
        ([1, "10%"], [1, 2, 17]),
        ([1, "10%", "rest"], [1, 2, 17]),
        ([1, "1%", 100], [1, 1, 18]),
        (["rest", 5], [20]),
        (["33%", "33%"], [7, 7, 6]),
        (["100%"], [20]),
    ],
)
def test_sizes_are_numbers_percentages_of_all_or_the_rest(sizes: Sequence[WaveSize], expected: list[int]) -> None:
    found = waves(TENANTS, sizes)
    assert [len(wave) for wave in found] == expected
    assert [tenant for wave in found for tenant in wave] == TENANTS


def test_a_tenant_that_a_later_wave_names_is_in_that_wave_only() -> None:
    assert waves(["a", "b", "c", "d"], [2, ("b", "a")]) == [("c", "d"), ("b", "a")]
    assert waves(["a", "b", "c"], [("c",), 1]) == [("c",), ("a",), ("b",)]


_sizes = st.lists(
    st.one_of(
        st.integers(1, 30),
        st.floats(0.01, 100).map(lambda part: f"{part:.2f}%").filter(lambda text: text != "0.00%"),
        st.just("rest"),
    ),
    max_size=6,
)


@given(st.lists(st.text(min_size=1), unique=True, max_size=40), _sizes)
def test_each_tenant_is_in_one_wave_and_no_wave_is_empty(tenants: list[str], sizes: list[WaveSize]) -> None:
    found = waves(tenants, sizes)
    assert sorted(tenant for wave in found for tenant in wave) == sorted(tenants)
    assert all(found)


@pytest.mark.parametrize("size", [0, -1, "0%", "101%", "ten", "", "5"])
def test_a_size_that_is_none_is_refused(size: WaveSize) -> None:
    with pytest.raises(UserError, match="is not the size of a wave"):
        waves(TENANTS, [size])


def test_a_wave_cannot_name_a_tenant_twice_or_one_that_is_not_in_the_rollout() -> None:
    with pytest.raises(UserError, match="named twice"):
        waves(TENANTS, [("t1",), ("t1",)])
    with pytest.raises(UserError, match="the tenant x, which is not one of"):
        waves(TENANTS, [("x",)])


def test_a_percentage_of_failures_is_rounded_down() -> None:
    assert [allowed_failures(limit, 30) for limit in (0, 7, "5%", "0%", "100%")] == [0, 7, 1, 0, 30]
    for wrong in (-1, "many", "-5%", "200%"):
        with pytest.raises(UserError, match="is not a number of failures"):
            allowed_failures(wrong, 30)
