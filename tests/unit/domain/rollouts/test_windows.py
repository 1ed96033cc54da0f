"""The hours in which tenants may start, on the days when clocks change too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okapi_install.domain.errors import UserError
from okapi_install.domain.rollouts.windows import Window, is_open, next_opening, open_seconds_later

BERLIN = "Europe/Berlin"


def _utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _open_in(window: Window, start: str, end: str) -> list[tuple[str, str]]:
    """When it is open between two moments in UTC, to the minute."""
    found: list[tuple[str, str]] = []
    at, until, since = _utc(start), _utc(end), None
    while at <= until:
        opened = is_open([window], at) and at < until
        if opened and since is None:
            since = at
        if not opened and since is not None:
            found.append((_text(since), _text(at)))
            since = None
        at += 60
    return found


def _text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%d %H:%M")


def test_without_windows_tenants_may_always_start() -> None:
    assert is_open([], 0.0)
    assert next_opening([], 5.0) == 5.0


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_opens() -> None:
    friday = Window.of(["fri"], "22:00", "02:00", BERLIN)
    assert _open_in(friday, "2026-07-01", "2026-07-08") == [("03 20:00", "04 00:00")]


def test_a_window_of_no_days_is_for_all_and_one_with_equal_bounds_lasts_a_day() -> None:
    assert Window.of([], "01:00", "02:00", "UTC").days == tuple(range(7))
    assert _open_in(Window.of(["monday"], "06:00", "06:00", "UTC"), "2026-07-05", "2026-07-09") == [
        ("06 06:00", "07 06:00")
    ]
    assert _open_in(Window.of(["mon"], "00:00", "24:00", "UTC"), "2026-07-05", "2026-07-09") == [
        ("06 00:00", "07 00:00")
    ]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("01:00", "04:00", [("29 00:00", "29 02:00")]),  # one hour is skipped
        ("02:00", "04:00", [("29 01:00", "29 02:00")]),  # opens when the clock is moved
        ("02:00", "02:30", []),  # does not exist on that day
        ("02:30", "03:00", []),
        ("01:00", "02:30", [("29 00:00", "29 01:00")]),  # closes when the clock is moved
    ],
)
def test_in_spring_a_window_is_never_open_outside_its_hours(
    start: str, end: str, expected: list[tuple[str, str]]
) -> None:
    window = Window.of(["sun"], start, end, BERLIN)
    assert _open_in(window, "2026-03-28T12:00", "2026-03-29T12:00") == expected


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("01:00", "04:00", [("24 23:00", "25 03:00")]),  # one hour comes twice
        ("02:00", "02:30", [("25 00:00", "25 00:30")]),  # the first of the two
        ("01:00", "02:30", [("24 23:00", "25 00:30")]),
    ],
)
def test_in_autumn_the_first_of_two_equal_hours_counts(start: str, end: str, expected: list[tuple[str, str]]) -> None:
    window = Window.of(["sun"], start, end, BERLIN)
    assert _open_in(window, "2026-10-24T12:00", "2026-10-25T12:00") == expected


_bounds = st.integers(0, 23).map(lambda hour: f"{hour:02}:30")
_moments = st.floats(datetime(2026, 1, 1, tzinfo=UTC).timestamp(), datetime(2027, 12, 31, tzinfo=UTC).timestamp())
_windows = st.builds(
    Window.of,
    st.lists(st.sampled_from(["mon", "wed", "sun"]), max_size=2),
    _bounds,
    _bounds,
    st.sampled_from([BERLIN, "UTC", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"]),
)


@given(_windows, _moments)
def test_an_open_window_shows_an_hour_between_its_bounds_on_its_clock(window: Window, at: float) -> None:
    if not is_open([window], at):
        return
    clock = datetime.fromtimestamp(at, ZoneInfo(window.zone))
    minutes, days = clock.hour * 60 + clock.minute, (clock.weekday(), (clock - timedelta(days=1)).weekday())
    if window.end > window.start:
        assert days[0] in window.days
        assert window.start <= minutes < window.end
    else:
        assert (days[0] in window.days and minutes >= window.start) or (days[1] in window.days and minutes < window.end)


@given(_windows, _moments)
def test_the_next_opening_is_the_first_moment_at_which_it_is_open(window: Window, at: float) -> None:
    opening = next_opening([window], at)
    assert opening is not None
    assert opening >= at
    assert is_open([window], opening)
    assert opening == at or not is_open([window], opening - 1)
    assert not any(is_open([window], at + (opening - at) * part / 50) for part in range(50) if opening > at)


def test_work_goes_on_in_the_next_window_when_one_closes() -> None:
    nights = [Window.of([], "22:00", "23:00", "UTC")]
    at = _utc("2026-07-01T21:00")
    assert open_seconds_later(nights, at, 1800.0) == _utc("2026-07-01T22:30")
    assert open_seconds_later(nights, at, 5400.0) == _utc("2026-07-02T22:30")
    assert open_seconds_later([], at, 5.0) == at + 5.0
    assert open_seconds_later([Window.of([], "00:00", "24:00", "UTC")], at, 1e6) == at + 1e6
    assert open_seconds_later(nights, at, 1e9) is None


@pytest.mark.parametrize(
    ("days", "start", "zone", "said"),
    [
        (["someday"], "01:00", "UTC", "'someday' is not a weekday"),
        ([], "25:00", "UTC", "'25:00' is not a time"),
        ([], "1:00", "UTC", "Use HH:MM"),
        ([], "01:00", "Mars/Olympus", "'Mars/Olympus' is not a time zone"),
        ([], "01:00", "../etc/passwd", "is not a time zone"),
        ([], "01:00", "Europe", "is not a time zone"),
    ],
)
def test_a_window_that_cannot_be_is_refused_with_what_to_write(
    days: list[str], start: str, zone: str, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        Window.of(days, start, "02:00", zone)
