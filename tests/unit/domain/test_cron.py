"""Which cron expressions of timers can be read."""

from __future__ import annotations

import pytest

from okapi_install.domain.modules.cron import cron_problem


@pytest.mark.parametrize("text", ["* * * * *", "*/5 0-6/2 1,15 JAN-MAR mon", "59 23 31 12 7", "3/10 0 * * *"])
def test_five_fields_with_lists_ranges_steps_and_names_can_be_read(text: str) -> None:
    assert cron_problem(text) is None


@pytest.mark.parametrize(
    "text", ["", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-3 * * * *"]
)
def test_what_is_out_of_range_is_told(text: str) -> None:
    assert cron_problem(text)


@pytest.mark.parametrize("text", ["*/0 * * * *", "*/x * * * *", "a * * * *", "1- * * * *", ", * * * *", "@daily"])
def test_what_is_no_number_is_told(text: str) -> None:
    assert cron_problem(text)
