"""The documentation as data: its pages, their fences, links, headings, and the paths that they name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.fixtures.parts import ROOT

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")
_OURS = ("okapi_install/", "worker/", "tests/", "scripts/", "config/", "docs/")


@dataclass(frozen=True, kw_only=True, slots=True)
class Fence:
    """A fenced block: `language` is the first word after its opening, `output` tells that it shows an output."""

    page: str
    line: int
    language: str
    output: bool
    text: str

    @property
    def where(self) -> str:
        """For a person to find it."""
        return f"{self.page}:{self.line}"

    def commands(self) -> list[str]:
        """What is to be typed: the lines after a prompt, without the prompt and the comment."""
        typed = (line.removeprefix("$ ") for line in self.text.splitlines() if line.startswith("$ "))
        return [re.sub(r"\s+# .*$", "", line).strip() for line in typed]


def pages() -> list[str]:
    """All pages, by their path from the root of the checkout."""
    found = [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    ]
    return [path.relative_to(ROOT).as_posix() for path in found]


@cache
def text_of(page: str) -> str:
    """What stands on it."""
    return (ROOT / page).read_text(encoding="utf-8")


def fences(page: str) -> list[Fence]:
    """Its fences, in their order."""
    text = text_of(page)
    return [
        Fence(
            page=page,
            line=text.count("\n", 0, found.start()) + 1,
            language=(found["info"].split() or [""])[0],
            output=found["info"].split()[1:] == ["output"],
            text=found["text"],
        )
        for found in _FENCE.finditer(text)
    ]


def prose(page: str) -> str:
    """The page without its fences."""
    return _FENCE.sub("", text_of(page))


def links(page: str) -> list[str]:
    """Where its links and pictures lead."""
    return _LINK.findall(re.sub(r"`[^`\n]*`", "", prose(page)))


def anchors(path: Path) -> set[str]:
    """The fragments that lead to its headings, as GitHub makes them."""
    headings = _HEADING.findall(_FENCE.sub("", path.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def named_paths(page: str) -> Iterator[str]:
    """Files and folders of the checkout that are named in code; not those that only tests make."""
    for code in _CODE.findall(prose(page)):
        for word in code.split():
            if word.startswith(_OURS) and re.fullmatch(r"[\w./-]+", word) and "/." not in word:
                yield word
