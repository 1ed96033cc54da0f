"""The relay for Slack and Matrix in docs/callbacks.md, run as it is there, with receivers in place of the services."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from okapi_install.domain.jobs import Job
from okapi_install.service.jobs.callbacks import DELIVERY, callback_document
from tests.fakes.fake_modules import answer
from tests.fixtures.parts import ROOT
from tests.unit.service.house import House, enable

PAGE = (ROOT / "docs/callbacks.md").read_text("utf-8")
WHY = 'no room for <b> & "c"'


@dataclass
class Chat:
    """A chat service that responds with `status`, and what it received: method, path, token and document."""

    status: int = 200
    url: str = ""
    received: list[tuple[str, str, str | None, Any]] = field(default_factory=list)


@pytest.fixture
def chat() -> Iterator[Chat]:
    found = Chat()

    class Handler(BaseHTTPRequestHandler):
        def _receive(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found.received.append((self.command, self.path, self.headers["Authorization"], body))
            self.send_response(found.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_PUT = _receive  # noqa: N815 - the names that http.server looks for

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 - its name

    yield from served(Handler, found)


@pytest.fixture
def relay() -> SimpleNamespace:
    """What `chat.py` defines."""
    (source,) = re.findall(r"cat > chat\.py <<'END'\n(.*?)\nEND\n", PAGE, re.DOTALL)
    names: dict[str, Any] = {"__name__": "chat"}
    exec(compile(source, "chat.py", "exec"), names)  # noqa: S102 - the sample of our own page
    return SimpleNamespace(**names)


@pytest.fixture
def relay_url(relay: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, chat: Chat) -> Iterator[str]:
    monkeypatch.setenv("SLACK_WEBHOOK", chat.url + "/services/T0/B0/x")
    monkeypatch.setattr(relay.Relay, "log_message", lambda *_: None)
    place = Chat()
    yield from (found.url for found in served(relay.Relay, place))


def served(handler: type[BaseHTTPRequestHandler], place: Chat) -> Iterator[Chat]:
    """A server on a free port, whose address is noted."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        place.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield place
        server.shutdown()
        thread.join()


def failed_job() -> Job:
    house = House()
    house.script("c-1.0.0", lambda _: answer(422, {"errors": [{"message": WHY}]}))
    return house.carried_out(*enable("c-1.0.0"))


@pytest.fixture
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(callback_document(failed_job(), "http://okapi")))
    return found


def test_a_callback_says_what_failed_and_why_in_a_line(document: dict[str, Any]) -> None:
    assert (document["state"], document["name"]) == ("failed", "install c-1.0.0")
    assert document["failures"] == [{"module": "c-1.0.0", "message": WHY}]
    assert document["summary"] == "2 of 3 modules done, 1 failed: c-1.0.0"
    assert document["counts"] == {"total": 3, "byState": {"failed": 1, "done": 2}, "warnings": 0}


def test_slack_gets_a_message_with_its_own_escapes(
    relay: SimpleNamespace, chat: Chat, document: dict[str, Any]
) -> None:
    relay.post(document, "d1", {"SLACK_WEBHOOK": chat.url + "/services/T0/B0/x"})
    (received,) = chat.received
    method, path, _, body = received
    assert (method, path) == ("POST", "/services/T0/B0/x")
    assert body == {
        "text": "\N{CROSS MARK} diku: install c-1.0.0 failed, 2 of 3 modules done, 1 failed: c-1.0.0\n"
        'c-1.0.0: no room for &lt;b&gt; &amp; "c"\n'
        f"http://okapi/jobs/{document['id']}"
    }


def test_matrix_gets_the_message_under_the_delivery_id(
    relay: SimpleNamespace, chat: Chat, document: dict[str, Any]
) -> None:
    env = {"MATRIX_SERVER": chat.url, "MATRIX_ROOM": "!r:example.org", "MATRIX_TOKEN": "secret"}
    relay.post(document, "job.0", env)
    (received,) = chat.received
    method, path, token, body = received
    assert (method, token) == ("PUT", "Bearer secret")
    assert path == "/_matrix/client/v3/rooms/%21r%3Aexample.org/send/m.room.message/job.0"
    assert body["msgtype"] == "m.text"
    assert f"c-1.0.0: {WHY}" in body["body"]


@pytest.mark.parametrize(("chat_status", "relayed"), [(200, 204), (500, 502)])
def test_a_callback_is_delivered_once_the_chat_service_has_it(
    relay_url: str, chat: Chat, document: dict[str, Any], chat_status: int, relayed: int
) -> None:
    chat.status = chat_status
    response = requests.post(relay_url, json=document, headers={DELIVERY: "d1"}, timeout=30)
    assert (response.status_code, len(chat.received)) == (relayed, 1)


def test_a_rollout_s_callback_is_accepted_and_not_relayed(relay_url: str, chat: Chat) -> None:
    response = requests.post(relay_url, json={"rollout": "r"}, headers={DELIVERY: "d1"}, timeout=30)
    assert (response.status_code, chat.received) == (204, [])
