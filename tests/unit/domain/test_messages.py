"""Sentences have names, and each is said somewhere."""

from __future__ import annotations

import ast
import inspect
import re
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

import okapi_install
from okapi_install.domain import messages, okapi_messages, recording_messages


def _sentences(room: ModuleType) -> dict[str, object]:
    return {name: made for name, made in vars(room).items() if inspect.isfunction(made)}


def _said(room: str) -> set[str]:
    found = set()
    for path in Path(okapi_install.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == room:
                found.add(node.attr)
    return found


@pytest.mark.parametrize("room", [messages, okapi_messages, recording_messages])
def test_each_sentence_is_said_somewhere(room: ModuleType) -> None:
    assert set(_sentences(room)) == _said(room.__name__.rpartition(".")[2])


def test_a_number_of_okapis_has_one_sentence() -> None:
    told = [inspect.getdoc(sentence) or "" for sentence in _sentences(okapi_messages).values()]
    numbers = Counter(number for text in told for number in re.findall(r"\b1\d{4}\b", text))
    assert [number for number, count in numbers.items() if count > 1] == []
    assert all(text.startswith("Okapi") for text in told)
