"""Text from other programs: how much of it is stored, and how it is shown.

Modules, clients and registries may send very long texts, escape sequences of terminals, line breaks that forge lines of
a log, and characters that reverse the direction of text. Input goes through `bounded`; whatever is shown to a person
goes through `visible`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

MOST_CHARACTERS = 4000
"""The limit of one text: a page or two."""
MOST_OF_A_LINE = 300

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_INVISIBLE = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_LINE_BREAK = re.compile("\r\n?|\n")


def bounded(value: object, most: int = MOST_CHARACTERS) -> str:
    """The text, cut to a number of characters, with its original length if it was longer. Other values become JSON.

    NUL and unpaired surrogates, which databases refuse, are replaced.
    """
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if len(text) > most:
        text = f"{text[:most]} … ({len(text)} characters)"
    return _UNSTORABLE.sub("\ufffd", text)


def visible(text: str, *, lines: bool = False) -> str:
    r"""The text with escapes such as `\u001b` for what a terminal or a browser would interpret instead of showing.

    Line breaks become `\n`, unless `lines`. A JSON document stays valid and keeps its meaning.
    """
    if text.isprintable():
        return text
    text = _LINE_BREAK.sub("\n" if lines else r"\\n", text)
    return _INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def visible_document(document: Any) -> Any:
    """A JSON document in which all texts are `visible`. Line breaks stay."""
    if isinstance(document, str):
        return visible(document, lines=True)
    if isinstance(document, Mapping):
        return {visible(str(name)): visible_document(value) for name, value in document.items()}
    if isinstance(document, Sequence):
        return [visible_document(item) for item in document]
    return document


def one_line(text: str, most: int = MOST_OF_A_LINE) -> str:
    """The first line that is not empty, for a list."""
    line = next((line for line in text.splitlines() if line.strip()), "").strip()
    return line if len(line) <= most else line[:most] + " …"
