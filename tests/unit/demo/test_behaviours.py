"""Rules of the simulated back end: which applies, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from okapi_install.demo.behaviours import DEFAULT, Behaviour, BehaviourError, Rulebook, parse_behaviour
from okapi_install.demo.wire import Reply, WireError, take_request
from tests.fixtures.back_end.faults import parse_faulty_behaviour


class Hand:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def rulebook(*rules: Mapping[str, Any], clock: Hand | None = None) -> Rulebook:
    book = Rulebook(clock or Hand())
    book.put(parse_behaviour(rule) for rule in rules)
    return book


def status(book: Rulebook, module: str = "mod-a-1.0.0", tenant: str = "t", kind: str = "enable") -> int | None:
    return book.choose(module, tenant, kind).status


def test_without_rules_everything_succeeds() -> None:
    assert rulebook().choose("mod-a-1.0.0", "t", "enable") == DEFAULT


def test_the_rule_set_last_wins() -> None:
    book = rulebook({"module": "mod-a-1.0.0", "status": 500}, {"module": "*", "status": 503})
    assert status(book) == 503


def test_a_rule_of_the_same_module_tenant_and_call_is_replaced() -> None:
    book = rulebook({"status": 500})
    book.put([Behaviour(status=400)])
    book.put([Behaviour(status=201, times=1)])
    assert [status(book), status(book)] == [201, None]


@pytest.mark.parametrize("module", ["mod-a-1.0.0", "mod-a", "mod-*", "*"])
def test_a_module_is_named_by_id_product_or_pattern(module: str) -> None:
    assert status(rulebook({"module": module, "status": 418})) == 418


@pytest.mark.parametrize("module", ["mod", "mod-a-1", "mod-a-1.0.1", "mod-b"])
def test_another_name_is_not_meant(module: str) -> None:
    assert status(rulebook({"module": module, "status": 418})) is None


def test_a_product_is_not_another_product_with_a_longer_name() -> None:
    assert status(rulebook({"module": "mod-inventory", "status": 418}), "mod-inventory-storage-1.0.0") is None


@pytest.mark.parametrize(("call", "kinds"), [("init", {"enable", "upgrade"}), ("poll", {"poll"})])
def test_a_rule_is_for_one_kind_of_call_or_for_a_group(call: str, kinds: set[str]) -> None:
    book = rulebook({"call": call, "status": 418})
    assert {k for k in ("enable", "upgrade", "disable", "purge", "poll", "cancel") if status(book, kind=k)} == kinds


def test_times_are_counted_for_every_module_and_tenant() -> None:
    book = rulebook({"status": 503, "times": 2})
    first = [status(book) for _ in range(3)]
    assert first == [503, 503, None]
    assert status(book, tenant="other") == 503


def test_seconds_run_from_the_first_use() -> None:
    clock = Hand()
    book = rulebook({"status": 503, "seconds": 2}, clock=clock)
    found = []
    for clock.now in (10.0, 11.9, 12.0):
        found.append(status(book))
    assert found == [503, 503, None]


def test_what_a_used_up_rule_hid_applies_again() -> None:
    book = rulebook({"module": "*", "status": 500}, {"module": "mod-a", "status": 503, "times": 1})
    assert [status(book), status(book)] == [503, 500]


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ([], "must be an object"),
        ({"modul": "x"}, "no such field: modul"),
        ({"job": {"second": 1}}, "no such field: second"),
        ({"times": "two"}, "wrong type: times"),
        ({"call": "dance"}, "no such call"),
    ],
)
def test_a_rule_that_is_none_is_refused(document: object, text: str) -> None:
    for parse in (parse_behaviour, parse_faulty_behaviour):
        with pytest.raises(BehaviourError, match=text):
            parse(document)


def test_only_the_modules_of_tests_send_garbage_and_only_of_a_known_kind() -> None:
    assert parse_faulty_behaviour({"garbage": "json"}).garbage == "json"
    with pytest.raises(BehaviourError, match="no such garbage: noise"):
        parse_faulty_behaviour({"garbage": "noise"})
    with pytest.raises(BehaviourError, match="no such field: garbage"):
        parse_behaviour({"garbage": "json"})


def test_a_request_is_taken_when_it_is_whole() -> None:
    whole = b"POST /m/x%20y?wait=5 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET"
    for size in range(len(whole) - 3):
        assert take_request(bytearray(whole[:size])) is None
    buffer = bytearray(whole)
    request = take_request(buffer)
    assert request is not None
    assert (request.method, request.path, request.query, request.body) == ("POST", "/m/x y", {"wait": "5"}, b"abc")
    assert buffer == b"GET"


@pytest.mark.parametrize(
    "data", [b"hello\r\n\r\n", b"GET / HTTP/1.1\r\ncontent-length: x\r\n\r\n", b"x" * 70_000, b"GET / SPDY/3\r\n\r\n"]
)
def test_what_is_no_request_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        take_request(bytearray(data))


def test_a_status_without_a_name_can_be_answered() -> None:
    assert Reply.of(299, "text").head().startswith(b"HTTP/1.1 299 ")
