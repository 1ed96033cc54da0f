"""Numbers, times and addresses as the page writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

DASH = "\N{EN DASH}"


def duration(seconds: float | None) -> str:
    """Seconds for people: `0.34 s`, `12.3 s`, `2 min 05 s`, `1 h 02 min`, or a dash for None."""
    if seconds is None:
        return DASH
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def rough(seconds: float) -> str:
    """An estimate for people, without misleading precision: `a few seconds`, `about 20 s`, `about 3 min`."""
    if seconds < 5:
        return "a few seconds"
    if seconds < 57.5:
        return f"about {round(seconds / 5) * 5} s"
    minutes = round(seconds / 60)
    return f"about {minutes} min" if minutes < 60 else f"about {minutes // 60} h {minutes % 60:02} min"


def moment(seconds: float | None) -> str:
    """Seconds since 1970 as a date and time in UTC, or a dash for None."""
    return DASH if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def machine_moment(seconds: float) -> str:
    """Seconds since 1970 for the attribute `datetime` of HTML."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 module`, `2 modules`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def segment(text: str) -> str:
    """An id as one segment of a path."""
    return quote(text, safe="")
