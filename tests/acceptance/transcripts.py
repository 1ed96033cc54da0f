"""Compares what a page shows with what came: ids, times and addresses count as equal, `…` is whatever was left out."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

ANY = "…"
_NORMAL = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| UTC)?"), "TIME"),
    (re.compile(r"\b\d+(\.\d+)? (ms|s|min)\b"), "SECONDS"),
    (re.compile(r"\b(localhost|127\.0\.0\.1):\d+"), "ADDRESS"),
    (re.compile(r"[ \t]+"), " "),
)


def normal(text: str) -> str:
    """The text without what differs from run to run."""
    for pattern, word in _NORMAL:
        text = pattern.sub(word, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def shows_text(shown: str, came: str) -> bool:
    """Whether the text is what the page shows. A line that is `…` stands for any lines, `…` in a line for any text."""
    pattern = "".join(
        r"(?:.*\n)*?" if line == ANY else ".*".join(map(re.escape, line.split(ANY))) + r"\n"
        for line in normal(shown).splitlines()
    )
    return re.fullmatch(pattern, normal(came) + "\n") is not None


def shows_json(shown: object, came: object) -> bool:
    """The same for JSON: `…` for any value, as a key for more keys, as the last entry of a list for more entries."""
    if shown == ANY:
        return True
    if isinstance(shown, dict):
        return isinstance(came, dict) and _shows_object(shown, came)
    if isinstance(shown, list):
        return isinstance(came, list) and _shows_list(shown, came)
    if isinstance(shown, str) and isinstance(came, str):
        return normal(shown) == normal(came)
    return type(shown) is type(came) and shown == came


def _shows_object(shown: dict[str, object], came: dict[str, object]) -> bool:
    wanted = {key: value for key, value in shown.items() if key != ANY}
    if not came.keys() >= wanted.keys() or (ANY not in shown and came.keys() != wanted.keys()):
        return False
    return all(shows_json(value, came[key]) for key, value in wanted.items())


def _shows_list(shown: Sequence[object], came: Sequence[object]) -> bool:
    begins = shown[-1:] == [ANY]
    wanted = shown[:-1] if begins else shown
    if len(came) < len(wanted) or (not begins and len(came) != len(wanted)):
        return False
    return all(shows_json(one, other) for one, other in zip(wanted, came, strict=False))


def shows(language: str, shown: str, came: str) -> bool:
    """Whether the output is what a fence of that language shows."""
    if language != "json":
        return shows_text(shown, came)
    try:
        return shows_json(json.loads(shown), json.loads(came))
    except ValueError:
        return False
