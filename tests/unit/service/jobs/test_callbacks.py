"""Callbacks about ended jobs: what is sent, when again, and to whom; over a real little HTTP server."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from okapi_install.adapters.webhook import HttpWebhook
from okapi_install.domain.errors import UserError
from okapi_install.domain.jobs import InstallOptions, Job, JobKind
from okapi_install.service.jobs.callbacks import (
    MOST_ATTEMPTS,
    CallbackRule,
    CallbackService,
    WebhookFailed,
    pause_after,
    signature,
)
from okapi_install.service.jobs.installs import Order
from okapi_install.service.observer import JobObserver
from okapi_install.service.outgoing_rules import OutgoingRules
from tests.fakes.fake_modules import answer
from tests.unit.service.house import House, enable
from tests.unit.web.jobs_site import JobsSite

NOW = 1_800_000_000
SECRET = "a long random text"


@dataclass
class Heard:
    """A request that came."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Listener:
    """A server that answers with these statuses, one after the other; the last one for ever."""

    statuses: list[int] = field(default_factory=lambda: [200])
    heard: list[Heard] = field(default_factory=list)
    url: str = ""

    def status(self) -> int:
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


@pytest.fixture
def listener() -> Iterator[Listener]:
    """One, on a free port."""
    found = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.heard.append(Heard(self.path, dict(self.headers.items()), body))
            status = found.status()
            self.send_response(status)
            if status in (301, 302, 307, 308):
                self.send_header("Location", found.url + "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 - its name

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield found
        server.shutdown()
        thread.join()


def ended(house: House, url: str | None, module: str = "b-1.0.0") -> Job:
    """A job that names that address, carried out."""
    order = Order(
        kind=JobKind.INSTALL,
        tenant="diku",
        request=enable(module),
        options=InstallOptions(asynchronous=True),
        headers={"X-Okapi-Token": "the-token", "X-Okapi-Install-Callback": url or ""},
        requested_by="ada",
        callback_url=url,
    )
    job = house.installs.submit(order).job
    assert job is not None
    house.work()
    return house.store.job(job.id)


def service(house: House, secret: str | None = None) -> CallbackService:
    """What delivers."""
    webhook, public = HttpWebhook(OutgoingRules()), "http://okapi"
    observer = JobObserver(house.notifier, house.meters)
    return CallbackService(
        house.store, webhook, house.tasks, observer, lambda: float(NOW), public_url=public, secret=secret
    )


def test_the_end_of_a_job_is_told_once(listener: Listener) -> None:
    house = House()
    job = ended(house, listener.url + "/hook?x=1")
    callbacks = service(house)
    callbacks.deliver_due()
    house.store.pass_time(10_000)
    callbacks.deliver_due()
    (heard,) = listener.heard
    assert heard.path == "/hook?x=1"
    assert heard.headers["Content-Type"] == "application/json"
    told = json.loads(heard.body)
    assert told["id"] == job.id
    assert (told["tenant"], told["kind"], told["status"], told["reason"]) == ("diku", "install", "done", None)
    assert told["modules"] == {"total": 2, "running": 0, "done": 2, "error": 0}
    assert (told["link"], told["self"]) == (f"http://okapi/jobs/{job.id}", f"http://okapi/_/install/jobs/{job.id}")
    assert (told["requestedBy"], told["retries"], told["message"]) == ("ada", 0, None)
    assert all(re.fullmatch(r"\d{4}-.*\.\d{3}Z", told[name]) for name in ("created", "startDate", "endDate"))


def test_a_failure_is_told_with_its_words(listener: Listener) -> None:
    house = House()
    house.script("d-1.0.0", lambda _: answer(500, "no room"))
    ended(house, listener.url, "d-1.0.0")
    service(house).deliver_due()
    told = json.loads(listener.heard[0].body)
    assert (told["status"], told["reason"]) == ("error", "failed")
    assert told["message"] == "POST request for d-1.0.0 /_/tenant failed with 500: no room"


def test_no_header_of_the_request_is_passed_on(listener: Listener) -> None:
    house = House()
    ended(house, listener.url)
    service(house).deliver_due()
    heard = listener.heard[0]
    assert "the-token" not in f"{heard.headers} {heard.body!r}"
    assert {name.lower() for name in heard.headers} == {
        *("host", "user-agent", "connection", "content-type", "content-length", "accept-encoding"),
        "x-okapi-install-delivery",
    }


def test_a_receiver_can_verify_the_signature_as_the_documentation_says(listener: Listener) -> None:
    house = House()
    ended(house, listener.url)
    service(house, SECRET).deliver_due()
    heard = listener.heard[0]
    parts = dict(part.split("=", 1) for part in heard.headers["X-Okapi-Install-Signature"].split(","))
    wanted = hmac.new(SECRET.encode(), f"{parts['t']}.".encode() + heard.body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(wanted, parts["v1"])
    assert int(parts["t"]) == NOW


def test_a_signature_is_of_the_time_the_body_and_the_secret() -> None:
    known = {signature("a", 1, b"x"), signature("b", 1, b"x"), signature("a", 2, b"x"), signature("a", 1, b"y")}
    assert len(known) == 4
    expected = "t=1,v1=" + hmac.new(b"a", b"1.x", hashlib.sha256).hexdigest()
    assert signature("a", 1, b"x") == expected


def test_a_callback_is_tried_again_under_the_same_delivery_id(listener: Listener) -> None:
    house = House()
    listener.statuses = [500, 404, 204]
    job = ended(house, listener.url)
    callbacks = service(house)
    for _ in range(6):
        callbacks.deliver_due()
        house.store.pass_time(25)
    assert [heard.headers["X-Okapi-Install-Delivery"] for heard in listener.heard] == [f"{job.id}.0"] * 3
    assert house.store.job(job.id).callback_attempts == 3


def test_a_retried_job_tells_its_new_end_under_another_delivery_id(listener: Listener) -> None:
    house = House()
    house.script("d-1.0.0", lambda _: answer(500, "broken"))
    job = ended(house, listener.url, "d-1.0.0")
    callbacks = service(house)
    callbacks.deliver_due()
    house.script("d-1.0.0", lambda _: answer())
    house.installs.retry(job.id, {})
    house.work()
    callbacks.deliver_due()
    assert [heard.headers["X-Okapi-Install-Delivery"] for heard in listener.heard] == [f"{job.id}.0", f"{job.id}.1"]
    assert [json.loads(heard.body)["status"] for heard in listener.heard] == ["error", "done"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_counts_as_a_failure(listener: Listener, status: int) -> None:
    house = House()
    listener.statuses = [status, 200]
    ended(house, listener.url)
    callbacks = service(house)
    callbacks.deliver_due()
    assert [heard.path for heard in listener.heard] == ["/"]
    house.store.pass_time(11)
    callbacks.deliver_due()
    assert [heard.path for heard in listener.heard] == ["/", "/"]


def test_an_address_that_is_gone_is_given_up_at_once(listener: Listener) -> None:
    house = House()
    listener.statuses = [410]
    ended(house, listener.url)
    callbacks = service(house)
    callbacks.deliver_due()
    house.store.pass_time(100_000)
    callbacks.deliver_due()
    assert len(listener.heard) == 1


def test_an_address_that_does_not_answer_is_tried_for_about_a_day(free_port: int) -> None:
    house = House()
    ended(house, f"http://127.0.0.1:{free_port}/")
    callbacks, passed = service(house), 0
    while house.store.job(next(iter(house.store._records))).callback_attempts < MOST_ATTEMPTS and passed < 200_000:
        callbacks.deliver_due()
        house.store.pass_time(600)
        passed += 600
    assert 80_000 < passed < 110_000
    house.store.pass_time(100_000)
    assert house.store.due_callbacks(10) == []


def test_pauses_grow_to_an_hour_and_end() -> None:
    pauses = [pause_after(attempts) for attempts in range(1, MOST_ATTEMPTS + 1)]
    assert pauses[:3] == [10.0, 20.0, 40.0]
    assert pauses[-2:] == [3600.0, None]
    waited = sum(pause or 0 for pause in pauses)
    assert 20 * 3600 < waited <= 24 * 3600


def test_outcomes_are_counted(listener: Listener) -> None:
    house = House()
    listener.statuses = [500, 200]
    ended(house, listener.url)
    callbacks = service(house)
    callbacks.deliver_due()
    house.store.pass_time(11)
    callbacks.deliver_due()
    counts = {labels: value for (name, labels), value in house.meters.take().items() if "callbacks" in name}
    assert counts == {(("outcome", "failed"),): 1.0, (("outcome", "delivered"),): 1.0}


def test_an_order_is_told_to_its_own_address_or_else_to_the_servers() -> None:
    house = House(callbacks=CallbackRule(default="http://server/"))
    assert ended(house, None, "a-1.0.0").callback_url == "http://server/"
    assert ended(house, "http://own/", "d-1.0.0").callback_url == "http://own/"


def test_orders_may_be_kept_from_naming_an_address() -> None:
    house = House(callbacks=CallbackRule(default="http://server/", per_job=False))
    with pytest.raises(UserError, match="leave X-Okapi-Install-Callback out"):
        ended(house, "http://own/", "d-1.0.0")
    assert ended(house, None, "d-1.0.0").callback_url == "http://server/"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/", "gopher://host/", "", "http://", "http://[::1"])
def test_what_is_no_http_url_is_not_called(url: str) -> None:
    with pytest.raises(WebhookFailed):
        HttpWebhook(OutgoingRules()).post(url, b"{}", {})


@pytest.mark.parametrize("url", ["file:///x", "http://[::1", "http://host:99999/", "http:///x", "http://a b/", ""])
def test_what_is_no_http_url_is_refused_when_it_is_named(url: str) -> None:
    headers = {"X-Okapi-Install-Callback": url}
    refused = JobsSite().client.post("/_/proxy/tenants/diku/install", json=[{"id": "a-1.0.0"}], headers=headers)
    assert refused.status_code == 400
    assert "http or https URL" in refused.text
