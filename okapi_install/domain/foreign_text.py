"""Text that somebody else wrote: how much of it is kept, and how it is printed.

Modules, clients and registries send words without end, escape sequences of terminals, line breaks before a forged line
of a log, and marks that turn the direction of writing around. What comes in is `bounded`; what goes out to a person,
on whatever printer, is `visible`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

MOST_CHARACTERS = 4000
"""Of one text: a page or two, which a person may read."""
MOST_OF_A_LINE = 300

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_INVISIBLE = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_LINE_BREAK = re.compile("\r\n?|\n")


def bounded(value: object, most: int = MOST_CHARACTERS) -> str:
    """What is kept of a text: so many characters, and how many there were. What is not a text is shown as JSON.

    NUL and half a surrogate pair, which databases refuse, are replaced.
    """
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if len(text) > most:
        text = f"{text[:most]} … ({len(text)} characters)"
    return _UNSTORABLE.sub("\ufffd", text)


def visible(text: str, *, lines: bool = False) -> str:
    r"""The text with `\u001b` and the like for what a terminal or a browser would obey instead of showing it.

    Line breaks become `\n`, unless `lines`. A JSON document stays one that says the same.
    """
    if text.isprintable():
        return text
    text = _LINE_BREAK.sub("\n" if lines else r"\\n", text)
    return _INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def visible_document(document: Any) -> Any:
    """A JSON document with all its texts visible, line breaks kept."""
    if isinstance(document, str):
        return visible(document, lines=True)
    if isinstance(document, Mapping):
        return {visible(str(name)): visible_document(value) for name, value in document.items()}
    if isinstance(document, Sequence):
        return [visible_document(item) for item in document]
    return document


def one_line(text: str, most: int = MOST_OF_A_LINE) -> str:
    """The first line that says something, for a list."""
    line = next((line for line in text.splitlines() if line.strip()), "").strip()
    return line if len(line) <= most else line[:most] + " …"
