"""Errors and warnings of modules, whatever they send."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from okapi_install.domain.jobs import Parameter, Problem
from okapi_install.domain.problems import errors_of_body, merge, messages_of, parse_object, problems, to_json

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def test_the_errors_of_a_422_are_read_as_they_are() -> None:
    body = '{"errors": [{"message": "m", "type": "1", "code": "-1", "parameters": [{"key": "k", "value": "v"}]}]}'
    wanted = Problem(message="m", type="1", code="-1", parameters=(Parameter(key="k", value="v"),))
    assert errors_of_body(body) == (wanted,)
    assert to_json(wanted) == {"message": "m", "type": "1", "code": "-1", "parameters": [{"key": "k", "value": "v"}]}


def test_a_body_that_is_no_object_has_no_errors() -> None:
    assert errors_of_body("oops") == errors_of_body("[1]") == errors_of_body("") == ()


def test_what_two_places_say_is_said_once() -> None:
    one, two = Problem(message="a"), Problem(message="b")
    assert merge([one, two], [one]) == (one, two)


def test_deep_nesting_is_no_object() -> None:
    assert parse_object('{"a":' * 100_000) is None


@given(JSON)
def test_any_list_of_a_module_can_be_read_and_written_again(document: object) -> None:
    for item in problems(document):
        assert "\x00" not in item.message
        assert to_json(item)["message"] == item.message


@given(st.dictionaries(st.text(), JSON))
def test_any_messages_of_a_tenant_job_are_texts(document: dict[str, object]) -> None:
    assert all(isinstance(text, str) for text in messages_of({"messages": list(document.values())}))


def test_a_list_without_end_is_kept_in_part_and_says_how_many_were_left_out() -> None:
    found = problems([{"message": f"{number}"} for number in range(80)])
    assert len(found) == 51
    assert (found[-1].message, found[-1].code) == ("30 more were left out", "left_out")


def test_a_list_of_long_problems_is_bounded_as_a_whole() -> None:
    long = {"message": "w" * 10_000, "parameters": [{"key": "k" * 9000, "value": "v" * 9000}] * 100}
    found = problems([long] * 80)
    assert found[-1].code == "left_out"
    assert sum(len(json.dumps(to_json(one))) for one in found) < 100_000


def test_words_that_are_not_texts_are_shown_as_json() -> None:
    (found,) = problems([{"message": {"x": 1}, "code": [2], "parameters": [{"key": True, "value": None}]}])
    assert (found.message, found.code) == ('{"x": 1}', "[2]")
    assert found.parameters == (Parameter(key="true", value="null"),)
