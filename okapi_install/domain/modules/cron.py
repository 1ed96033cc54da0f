"""Validates the five-field cron expressions (UNIX) of timers in module descriptors."""

from __future__ import annotations

from dataclasses import dataclass

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()

    def value(self, text: str) -> int | None:
        """The number that the text stands for; None if it is not valid in this field."""
        if text.upper() in self.names:
            return self.least + self.names.index(text.upper())
        if not (text.isascii() and text.isdigit() and len(text) <= 4):
            return None
        return int(text) if self.least <= int(text) <= self.most else None


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 7, _DAYS),
)


def cron_problem(expression: str) -> str | None:
    """What is wrong with a cron expression, in a sentence; None if nothing is."""
    given = expression.split()
    if len(given) != len(_FIELDS):
        return f"A cron expression has {len(_FIELDS)} fields, but '{expression}' has {len(given)}"
    for rule, text in zip(_FIELDS, given, strict=True):
        for item in text.split(","):
            if not _fits(rule, item):
                return f"'{item}' is not a {rule.name} of a cron expression ({rule.least} to {rule.most})"
    return None


def _fits(rule: _Field, item: str) -> bool:
    span, slash, step = item.partition("/")
    if slash and not (step.isascii() and step.isdigit() and int(step[:9]) > 0):
        return False
    if span == "*":
        return True
    first, dash, last = span.partition("-")
    begin, end = rule.value(first), rule.value(last if dash else first)
    return begin is not None and end is not None and begin <= end
