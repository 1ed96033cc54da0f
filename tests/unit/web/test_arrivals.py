"""When a request has arrived, and what of it is refused before there is one."""

from __future__ import annotations

import pytest
from gunicorn.http import errors
from hypothesis import given
from hypothesis import strategies as st

from okapi_install.web.connections.arrivals import (
    BODY_SECONDS,
    HEAD_SECONDS,
    MOST_BODY,
    MOST_HEAD,
    MOST_LINE,
    Arrival,
    Verdict,
)
from okapi_install.web.connections.refusals import refusal_bytes, refusal_for
from okapi_install.web.connections.timed_reading import TooSlow

NOW = 100.0


def arrived(*pieces: bytes) -> Verdict:
    arrival = Arrival(NOW)
    return [arrival.add(piece, NOW) for piece in pieces][-1]


def line_of(length: int) -> bytes:
    return b"GET /" + b"a" * (length - len("GET / HTTP/1.1")) + b" HTTP/1.1"


POST = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n"


@pytest.mark.parametrize(
    ("pieces", "verdict"),
    [
        ([b"GET / HTTP/1.1\r\n\r\n"], Verdict.READY),
        ([b"\r\nGET / HTTP/1.1\r\n\r\n"], Verdict.READY),
        ([b"GET / HTTP/1.1\r\nHost: here\r\n"], Verdict.WAIT),
        ([b"GET / HTTP/1.1\r\nHost: here\r\n\r", b"\n"], Verdict.READY),
        ([POST % 3, b"ab"], Verdict.WAIT),
        ([POST % 3, b"ab", b"c"], Verdict.READY),
        ([POST % (MOST_BODY + 1)], Verdict.READY),
        ([b"POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"], Verdict.READY),
        ([b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n"], Verdict.READY),
        ([b"GET / HTTP/1.1\nHost: here\n"], Verdict.READY),
        ([line_of(MOST_LINE) + b"\r\n\r\n"], Verdict.READY),
        ([line_of(MOST_LINE + 1) + b"\r\n\r\n"], Verdict.LINE_TOO_LONG),
        ([b"a" * (MOST_LINE + 2)], Verdict.LINE_TOO_LONG),
        ([b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (MOST_HEAD // 6)], Verdict.HEAD_TOO_LARGE),
    ],
)
def test_a_request_is_given_a_thread_when_all_of_it_is_there(pieces: list[bytes], verdict: Verdict) -> None:
    assert arrived(*pieces) is verdict


@given(cuts=st.lists(st.integers(1, 20), min_size=1), length=st.integers(0, 50))
def test_it_does_not_matter_in_what_pieces_it_comes(cuts: list[int], length: int) -> None:
    whole = POST % length + b"x" * length
    arrival = Arrival(NOW)
    verdicts: list[Verdict] = []
    while whole:
        size = cuts[len(verdicts) % len(cuts)]
        verdicts.append(arrival.add(whole[:size], NOW))
        whole = whole[size:]
    assert set(verdicts[:-1]) <= {Verdict.WAIT}
    assert verdicts[-1] is Verdict.READY


def test_the_head_has_a_deadline_from_its_first_byte_and_the_body_one_from_its_own() -> None:
    arrival = Arrival(NOW + 75)
    assert (arrival.idle, arrival.deadline) == (True, NOW + 75)
    arrival.add(b"GET", NOW)
    arrival.add(b" /", NOW + 5)
    assert (arrival.idle, arrival.deadline) == (False, NOW + HEAD_SECONDS)
    body = Arrival(NOW)
    body.add(POST % 2048, NOW)
    assert NOW + BODY_SECONDS <= body.deadline <= NOW + BODY_SECONDS + 3


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (errors.LimitRequestLine(9000, 8192), 414),
        (errors.LimitRequestHeaders("many"), 431),
        (errors.InvalidRequestLine("\x1b[2J\nforged"), 400),
        (errors.InvalidHeaderName("\x1b"), 400),
        (errors.UnsupportedTransferCoding("gzip"), 501),
        (errors.ExpectationFailed("x"), 417),
        (TooSlow(), 408),
        (errors.InvalidResponseHeader("ours"), 500),
        (RuntimeError("secret"), 500),
    ],
)
def test_what_the_server_refuses_is_plain_text_without_the_words_of_the_client(problem: Exception, status: int) -> None:
    found, text = refusal_for(problem)
    assert found == status
    answer = refusal_bytes(found, text)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"Content-Type: text/plain\r\n" in answer
    assert b"forged" not in answer
    assert b"\x1b" not in answer
    assert b"secret" not in answer
