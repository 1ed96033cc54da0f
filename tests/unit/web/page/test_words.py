"""Numbers and times as the page writes them."""

from __future__ import annotations

import pytest

from okapi_install.domain.presentation.states import OF_JOBS, OF_MODULES, State
from okapi_install.web.page.svg import element, shortened
from okapi_install.web.states import STYLES
from okapi_install.web.words import DASH, counted, duration, moment, rough


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, DASH),
        (0.0, "0.00 s"),
        (9.994, "9.99 s"),
        (9.996, "10.0 s"),
        (59.96, "1 min 00 s"),
        (125.0, "2 min 05 s"),
        (3720.0, "1 h 02 min"),
    ],
)
def test_a_duration_is_as_exact_as_it_is_short(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.5, "a few seconds"), (22.0, "about 20 s"), (58.0, "about 1 min"), (5400.0, "about 1 h 30 min")],
)
def test_an_estimate_does_not_pretend(seconds: float, words: str) -> None:
    assert rough(seconds) == words


def test_a_moment_is_in_utc() -> None:
    assert moment(0.0) == "1970-01-01 00:00:00 UTC"
    assert moment(None) == DASH


def test_things_are_counted_in_words() -> None:
    assert [counted(1, "job"), counted(2, "job"), counted(0, "retry", "retries")] == ["1 job", "2 jobs", "0 retries"]


def test_a_long_id_keeps_its_version() -> None:
    assert shortened("mod-source-record-storage-5.9.3", 20) == "mod-source…age-5.9.3"
    assert len(shortened("mod-source-record-storage-5.9.3", 20)) == 20


def test_an_element_escapes_attributes_and_text() -> None:
    assert element("text", "<b>", class_='"x"', x=1.0, y=None) == '<text class="&#34;x&#34;" x="1">&lt;b&gt;</text>'


def test_every_state_has_a_word_of_its_own_and_an_icon_that_tells_it_without_colour() -> None:
    assert set(STYLES) == set(State)
    for kind in (OF_JOBS, OF_MODULES):
        styles = [STYLES[state] for state in kind if state is not State.ABORTING]  # which becomes STOPPED
        assert len({style.word for style in styles}) == len({style.icon for style in styles}) == len(styles)


def test_the_page_has_the_words_of_the_states() -> None:
    assert {style.word.lower() for style in STYLES.values()} == {state.word for state in State}
