"""Text that somebody else wrote is kept within bounds, and printed so that nothing obeys it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from okapi_install.domain.foreign_text import bounded, one_line, visible, visible_document

FORGED = "\x1b]0;owned\x07\x1b[2J red\u202egnp.exe\r\n2026-01-01T00:00:00Z [info] forged\n"


def test_what_a_terminal_obeys_is_shown_instead() -> None:
    assert visible(FORGED) == (r"\u001b]0;owned\u0007\u001b[2J red\u202egnp.exe\n2026-01-01T00:00:00Z [info] forged\n")
    assert visible(FORGED, lines=True).splitlines()[1] == "2026-01-01T00:00:00Z [info] forged"


def test_words_of_any_language_stay_as_they_are() -> None:
    for words in ("Prøve på dansk", "לא נמצא", "无法连接", "tab\there"):
        assert visible(words) == words


@given(st.text())
def test_no_text_moves_a_cursor_or_starts_a_line(text: str) -> None:
    shown = visible(text)
    assert not any(ord(sign) < 32 and sign != "\t" for sign in shown)
    assert not set(shown) & set("\r\n\x1b\x7f\x9b\u2028\u2029\u202e\u2066\u2069")
    shown.encode()
    assert visible(shown) == shown


@given(st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_says_the_same_after_it_was_made_visible(document: object) -> None:
    text = json.dumps(document, ensure_ascii=False, indent=2)
    assert json.loads(visible(text, lines=True)) == document
    visible_document(document)


@given(st.text() | st.integers() | st.lists(st.text()))
def test_what_is_kept_is_short_and_can_be_stored(value: object) -> None:
    kept = bounded(value, 10)
    assert len(kept) <= 10 + len(" … (100000000 characters)")
    assert "\0" not in kept
    kept.encode()


def test_what_is_too_long_says_how_long_it_was() -> None:
    assert bounded("E" * 5000, 3) == "EEE … (5000 characters)"
    assert bounded({"a": [1]}) == '{"a": [1]}'


def test_a_list_has_the_first_line_that_says_something() -> None:
    assert one_line("\n  \nno room\non the disk") == "no room"
    assert one_line("x" * 400, 5) == "xxxxx …"
    assert one_line("") == ""
