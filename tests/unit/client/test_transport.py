"""What a client makes of answers, and of none."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from okapi_install.client.errors import BadAnswer, ClientError, NotAllowed, NotFound, Refused, Unavailable, Unreachable
from okapi_install.client.transport import Ask, HttpTransport
from tests.fixtures.back_end.process import BackEnd

MODULE = "mod-a-1.0.0"
PATH = f"/m/{MODULE}/_/tenant"


@pytest.fixture(scope="module")
def process() -> Iterator[BackEnd]:
    with BackEnd.start() as started:
        yield started


@pytest.fixture
def server(process: BackEnd) -> BackEnd:
    process.reset()
    return process


def post(url: str, token: str | None = None, timeout: float = 10) -> ClientError | str:
    """The error, or the text of the answer."""
    transport = HttpTransport(url, token=token)
    try:
        return transport(Ask(method="POST", path=PATH, body=[], timeout=timeout)).text
    except ClientError as problem:
        return problem
    finally:
        transport.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (404, NotFound),
        (401, NotAllowed),
        (403, NotAllowed),
        (500, Refused),
        (502, Unreachable),
        (503, Unavailable),
        (504, Unreachable),
        (302, BadAnswer),
    ],
)
def test_every_status_has_its_error_and_the_server_s_words(
    server: BackEnd, status: int, kind: type[ClientError]
) -> None:
    server.behave(MODULE, status=status, body="because")
    problem = post(server.url)
    assert type(problem) is kind
    assert isinstance(problem, BadAnswer) or "because" in problem.message


def test_an_error_without_a_word_says_its_status(server: BackEnd) -> None:
    server.behave(MODULE, status=500)
    assert "500" in str(post(server.url))


@pytest.mark.parametrize("how", [{"reset": True}, {"garbage": "http"}, {"garbage": "cut"}])
def test_an_answer_that_breaks_off_is_none(server: BackEnd, how: dict[str, Any]) -> None:
    server.behave(MODULE, **how)
    assert type(post(server.url)) is Unreachable


def test_no_answer_in_time_is_none(server: BackEnd) -> None:
    server.behave(MODULE, hang=True)
    problem = post(server.url, timeout=0.1)
    assert type(problem) is Unreachable
    assert "in time" in str(problem)


def test_a_refused_connection_is_known_to_have_changed_nothing() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    problem = post(f"http://127.0.0.1:{port}")
    assert type(problem) is Unavailable
    assert "refuses connections" in str(problem)


def test_a_host_that_does_not_exist_is_unreachable() -> None:
    assert isinstance(post("http://no-such-host.invalid"), Unreachable)


@pytest.mark.parametrize("url", ["localhost:9130", "diku", "ftp://localhost", "http://"])
def test_what_is_no_address_is_said_to_be_none(url: str) -> None:
    assert "is not a server address; begin with http:// or https://" in str(post(url))


def test_a_token_with_a_line_break_is_not_sent(server: BackEnd) -> None:
    assert "token cannot be sent" in str(post(server.url, token="a\nb"))
    assert server.calls() == []


def test_the_token_is_sent_and_a_netrc_is_not(server: BackEnd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n", "utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    assert post(server.url, token="abc") == ""
    (call,) = server.calls()
    assert call["headers"]["x-okapi-token"] == "abc"
    assert "authorization" not in call["headers"]


def test_an_answer_that_is_no_json_is_said_to_be_none(server: BackEnd) -> None:
    server.behave(MODULE, status=200, body="<html>")
    reply = HttpTransport(server.url)(Ask(method="POST", path=PATH))
    with pytest.raises(BadAnswer, match="is not JSON"):
        reply.document()


def test_nothing_of_requests_gets_through(server: BackEnd) -> None:
    for how in ({"reset": True}, {"garbage": "http"}, {"garbage": "cut"}):
        server.behave(MODULE, **how)
        assert not isinstance(post(server.url), requests.RequestException)
