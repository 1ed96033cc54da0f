"""JSON as Okapi reads it (Jackson, set up by Vert.x): with comments, and with replacements for invalid characters.

The caller tries a strict reader first, and uses this only if that refuses the text.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r'"(?:[^"\\]++|\\.)*+"?+'  # a string, perhaps without its end
    r"|/\*(?:[^*]++|\*(?!/))*+(?:\*/)?+"  # a comment, perhaps without its end
    r"|//[^\r\n]*+",
    re.DOTALL,
)
"""No alternative backtracks, so the time is linear."""
_ESCAPE = re.compile(
    r"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|(\\.)", re.DOTALL
)
_NOT_LINE_END = re.compile(r"[^\r\n]")


def as_strict_json(sent: bytes) -> str:
    """The same in strict JSON.

    Bytes that are not UTF-8 become U+FFFD, half a surrogate pair becomes `?` (both as in Okapi), and comments become
    spaces, so that positions in error messages stay correct.
    """
    return _TOKEN.sub(_strict, sent.decode("utf-8", "replace"))


def _strict(token: re.Match[str]) -> str:
    text = token.group()
    if text.startswith('"'):
        return _ESCAPE.sub(_whole_character, text) if "\\u" in text else text
    if text.startswith("/*") and (len(text) < 4 or not text.endswith("*/")):
        return text  # it has no end: the strict reader reports that
    return _NOT_LINE_END.sub(" ", text)


def _whole_character(escape: re.Match[str]) -> str:
    return "?" if escape[2] else escape.group()
