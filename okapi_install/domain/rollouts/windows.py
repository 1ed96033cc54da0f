"""The hours in which a rollout may start tenants, in a real time zone, on the days when clocks change too.

The bounds of a window are turned into instants, so a window opens once on its day. A time that the clock skips is the
moment when it is moved; of a time that comes twice, the first counts. So a window is never open outside its hours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from okapi_install.domain.errors import UserError
from okapi_install.domain.rollouts import words

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)
_DAY = 24 * 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """On these weekdays (0 is Monday), from one minute of the day to another, in a zone of the time zone database.

    A window whose end is not after its start ends on the next day.
    """

    days: tuple[int, ...]
    start: int
    end: int
    zone: str

    @classmethod
    def of(cls, days: Iterable[str], start: str, end: str, zone: str) -> Window:
        """A window of words: `days` by their English names or the first three letters. Raises UserError."""
        _zone(zone)
        numbers = sorted({_day(day) for day in days}) or list(range(len(DAYS)))
        return cls(days=tuple(numbers), start=_minutes(start) % _DAY, end=_minutes(end), zone=zone)

    def bounds(self, day: date) -> tuple[float, float]:
        """When the window that starts on that day opens and closes, in seconds since 1970."""
        last = self.end if self.end > self.start else self.end + _DAY
        return _instant(day, self.start, self.zone), _instant(day, last, self.zone)

    def near(self, at: float) -> list[tuple[float, float]]:
        """The bounds of all openings that may contain that moment, or are the next ones after it, in order."""
        today = datetime.fromtimestamp(at, _zone(self.zone)).date()
        days = (today + timedelta(days=number) for number in range(-1, 9))
        return [self.bounds(day) for day in days if day.weekday() in self.days]


def is_open(windows: Sequence[Window], at: float) -> bool:
    """Whether tenants may start at that moment. Without windows they always may."""
    return not windows or any(start <= at < end for window in windows for start, end in window.near(at))


def next_opening(windows: Sequence[Window], at: float) -> float | None:
    """The moment from which tenants may start, which is `at` if they may now; None if there is none within a week."""
    if is_open(windows, at):
        return at
    later = [start for window in windows for start, end in window.near(at) if at < start < end]
    return min(later, default=None)


def closing(windows: Sequence[Window], at: float) -> float | None:
    """The moment at which the windows that are open now close; None if they never do, or are closed."""
    ends = [end for window in windows for start, end in window.near(at) if start <= at < end]
    while ends and is_open(windows, max(ends)):
        later = max(end for window in windows for start, end in window.near(max(ends)) if start <= max(ends) < end)
        if later - at > len(DAYS) * _DAY * 60:
            return None
        ends.append(later)
    return max(ends, default=None)


def open_seconds_later(windows: Sequence[Window], at: float, seconds: float) -> float | None:
    """The moment when tenants could have been started for so many seconds from `at` on; None if that takes a year."""
    left, limit = seconds, at + 366 * _DAY * 60
    while at < limit:
        opening = next_opening(windows, at)
        if opening is None:
            return None
        end = closing(windows, opening)
        if end is None or opening + left <= end:
            return opening + left
        left, at = left - (end - opening), end
    return None


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, LookupError, OSError):
        raise UserError(words.unknown_zone(name)) from None


def _instant(day: date, minutes: int, zone: str) -> float:
    whole, rest = divmod(minutes, _DAY)
    local = datetime(day.year, day.month, day.day, rest // 60, rest % 60, tzinfo=_zone(zone)) + timedelta(days=whole)
    latest, earliest = local.timestamp(), local.replace(fold=1).timestamp()
    return latest if latest <= earliest else _moved(_zone(zone), int(earliest), int(latest))


def _moved(zone: ZoneInfo, before: int, after: int) -> float:
    """The moment between the two when the clock is moved on."""
    offset = datetime.fromtimestamp(before, zone).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return float(after)


def _day(name: str) -> int:
    found = [number for number, day in enumerate(DAYS) if name.lower() in (day, day[:3])]
    if not found:
        raise UserError(words.unknown_weekday(name))
    return found[0]


def _minutes(text: str) -> int:
    if not _TIME.fullmatch(text):
        raise UserError(words.invalid_time(text))
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
