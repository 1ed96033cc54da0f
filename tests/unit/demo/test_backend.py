"""The simulated back end as a process: what callers of a module see, and what it counts."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.fixtures.back_end.process import BackEnd

MODULE = "mod-a-1.0.0"


@pytest.fixture(scope="module")
def process() -> Iterator[BackEnd]:
    with BackEnd.start() as started:
        yield started


@pytest.fixture
def back_end(process: BackEnd) -> BackEnd:
    process.reset()
    return process


def call(
    back_end: BackEnd, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
) -> requests.Response:
    given = {"X-Okapi-Tenant": "t"} | (headers or {})
    return requests.request(method, back_end.url_of(MODULE) + path, json=body, headers=given, timeout=10)


def enable(back_end: BackEnd) -> requests.Response:
    return call(back_end, "POST", "/_/tenant", {"module_to": MODULE})


def until(condition: Callable[[], bool]) -> bool:
    """Whether it becomes so, within a time that is long enough for any machine."""
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_a_call_that_no_rule_is_about_succeeds(back_end: BackEnd) -> None:
    response = enable(back_end)
    assert (response.status_code, response.content) == (200, b"")
    assert back_end.counts("t") == {MODULE: {"enable": 1}}


@pytest.mark.parametrize(
    ("method", "path", "body", "kind"),
    [
        ("POST", "/_/tenant", {"module_to": "x"}, "enable"),
        ("POST", "/_/tenant", {"module_to": "x", "module_from": "w"}, "upgrade"),
        ("POST", "/_/tenant", {"module_from": "x"}, "disable"),
        ("POST", "/_/tenant", {"module_from": "x", "purge": True}, "purge"),
        ("POST", "/_/tenant/disable", {"module_from": "x"}, "disable"),
        ("DELETE", "/_/tenant", None, "purge"),
        ("POST", "/_/tenantpermissions", {"moduleId": "x"}, "permissions"),
        ("GET", "/_/tenant/1", None, "poll"),
        ("DELETE", "/_/tenant/1", None, "cancel"),
        ("GET", "/users", None, "other"),
    ],
)
def test_every_call_of_the_tenant_interface_is_known(
    back_end: BackEnd, method: str, path: str, body: object, kind: str
) -> None:
    call(back_end, method, path, body)
    assert [c["call"] for c in back_end.calls()] == [kind]


def test_the_auth_filter_is_answered_with_a_token(back_end: BackEnd) -> None:
    response = call(back_end, "POST", "/_/tenant", None, {"X-Okapi-Filter": "auth"})
    assert (response.status_code, response.headers["x-okapi-token"]) == (202, "simulated")
    assert back_end.counts("t") == {MODULE: {"auth": 1}}


def test_a_call_is_written_down_with_its_headers_and_body(back_end: BackEnd) -> None:
    call(back_end, "POST", "/_/tenant?a=b", {"module_to": MODULE}, {"X-Okapi-Token": "secret", "Cookie": "no"})
    (found,) = back_end.calls(module=MODULE)
    assert found["headers"]["x-okapi-token"] == "secret"
    assert "cookie" not in found["headers"]
    assert json.loads(found["body"]) == {"module_to": MODULE}
    assert (found["query"], found["status"], found["end"]) == ({"a": "b"}, 200, "answered")


def test_status_body_and_headers_are_as_told(back_end: BackEnd) -> None:
    back_end.behave(MODULE, status=422, body={"errors": []}, headers={"X-Extra": "1"})
    response = enable(back_end)
    assert (response.status_code, response.json(), response.headers["x-extra"]) == (422, {"errors": []}, "1")


def test_a_module_can_fail_for_a_while(back_end: BackEnd) -> None:
    back_end.behave(MODULE, status=503, body="starting", times=2)
    assert [enable(back_end).status_code for _ in range(3)] == [503, 503, 200]


@pytest.mark.parametrize("how", [{"reset": True}, {"garbage": "http"}])
def test_an_answer_can_be_none(back_end: BackEnd, how: dict[str, Any]) -> None:
    back_end.behave(MODULE, **how)
    with pytest.raises(requests.ConnectionError):
        enable(back_end)
    assert back_end.calls()[0]["end"] in ("reset", "garbage")


def test_an_answer_can_be_no_json(back_end: BackEnd) -> None:
    back_end.behave(MODULE, garbage="json")
    assert enable(back_end).text == '{"id": tr'


def test_an_answer_can_be_cut_off(back_end: BackEnd) -> None:
    back_end.behave(MODULE, garbage="cut")
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        enable(back_end)


def test_a_hanging_call_is_in_progress_until_the_caller_hangs_up(back_end: BackEnd) -> None:
    back_end.behave(MODULE, hang=True)
    with socket.create_connection(("127.0.0.1", int(back_end.url.rsplit(":", 1)[1]))) as client:
        client.sendall(f"POST /m/{MODULE}/_/tenant HTTP/1.1\r\nX-Okapi-Tenant: t\r\n\r\n".encode())
        assert until(lambda: back_end.running()["now"] == 1)
    assert until(lambda: back_end.running()["now"] == 0)
    assert back_end.calls()[0]["end"] == "hung up"


def test_a_head_can_be_slow(back_end: BackEnd) -> None:
    back_end.behave(MODULE, slow=0.2, status=204)
    started = time.monotonic()
    assert enable(back_end).status_code == 204
    assert time.monotonic() - started >= 0.2


def test_a_tenant_job_runs_for_its_time_and_a_held_poll_sees_the_end(back_end: BackEnd) -> None:
    back_end.behave(MODULE, job={"seconds": 0.2, "messages": ["a"], "extra": {"warnings": [{"message": "w"}]}})
    begun = enable(back_end)
    assert begun.status_code == 201
    assert begun.headers["location"] == f"/_/tenant/{begun.json()['id']}"
    assert begun.json()["complete"] is False
    job = call(back_end, "GET", begun.headers["location"] + "?wait=60000").json()
    assert (job["complete"], job["messages"], job["warnings"]) == (True, ["a"], [{"message": "w"}])
    assert job["tenantAttributes"] == {"module_to": MODULE}
    assert call(back_end, "DELETE", begun.headers["location"]).status_code == 204
    assert call(back_end, "GET", begun.headers["location"]).status_code == 404


def test_a_tenant_job_can_end_at_a_poll_with_an_error(back_end: BackEnd) -> None:
    back_end.behave(MODULE, job={"polls": 3, "error": "no space", "holds": False})
    where = enable(back_end).headers["location"]
    states = [call(back_end, "GET", f"{where}?wait=60000").json() for _ in range(3)]
    assert [s["complete"] for s in states] == [False, False, True]
    assert "error" not in states[0]
    assert states[2]["error"] == "no space"


def test_a_tenant_job_can_be_complete_at_once(back_end: BackEnd) -> None:
    back_end.behave(MODULE, job={"complete_at_once": True})
    assert enable(back_end).json()["complete"] is True
    assert back_end.running()["now"] == 0


def test_a_tenant_job_ends_when_it_is_told_to(back_end: BackEnd) -> None:
    back_end.behave(MODULE, job={"never_ends": True})
    where = enable(back_end).headers["location"]
    assert call(back_end, "GET", where).json()["complete"] is False
    assert (back_end.finish_jobs("mod-b-1.0.0"), back_end.finish_jobs()) == (0, 1)
    assert call(back_end, "GET", where).json()["complete"] is True


def test_a_tenant_job_can_be_forgotten(back_end: BackEnd) -> None:
    back_end.behave(MODULE, job={"never_ends": True, "forgets_after": 1})
    where = enable(back_end).headers["location"]
    assert [call(back_end, "GET", where).status_code for _ in range(2)] == [200, 404]
    assert back_end.running()["now"] == 0


def test_a_poll_can_fail_as_rmb_does_without_its_database(back_end: BackEnd) -> None:
    back_end.behave(MODULE, job={"seconds": 0})
    back_end.behave(MODULE, call="poll", status=404, body="finishConnect(..) failed: Connection refused", times=2)
    where = enable(back_end).headers["location"]
    assert [call(back_end, "GET", f"{where}?wait=1000").status_code for _ in range(3)] == [404, 404, 200]


@pytest.mark.parametrize(
    ("plan", "missing"), [({"no_id": True}, "id"), ({"not_json": True}, "id"), ({"no_location": True}, "location")]
)
def test_the_answer_that_begins_a_job_can_be_wrong(back_end: BackEnd, plan: dict[str, Any], missing: str) -> None:
    back_end.behave(MODULE, job=plan)
    response = enable(back_end)
    found = {name.lower() for name in response.headers}
    if not plan.get("not_json"):
        found |= set(response.json())
    assert response.status_code == 201
    assert missing not in found


def test_the_most_at_once_is_counted_for_every_tenant(back_end: BackEnd) -> None:
    back_end.behave("*", job={"never_ends": True})
    for tenant, number in (("one", 1), ("three", 3)):
        for n in range(number):
            url = back_end.url_of(f"mod-{n}-1.0.0")
            requests.post(f"{url}/_/tenant", json={}, headers={"X-Okapi-Tenant": tenant}, timeout=10)
    running = back_end.running()
    assert (running["now"], running["peak"]) == (4, 4)
    assert running["tenants"] == {"one": {"now": 1, "peak": 1}, "three": {"now": 3, "peak": 3}}
    assert running["twice"] == []


def test_a_module_with_a_door_of_its_own_can_refuse_connections(back_end: BackEnd) -> None:
    url = back_end.open_door(MODULE)
    assert requests.post(f"{url}/_/tenant", json={}, timeout=10).status_code == 200
    assert back_end.close_door(MODULE) == url
    with pytest.raises(requests.ConnectionError, match="refused"):
        requests.post(f"{url}/_/tenant", json={}, timeout=10)
    assert back_end.open_door(MODULE) == url
    assert requests.post(f"{url}/_/tenant", json={}, timeout=10).status_code == 200


def test_a_wrong_behaviour_is_refused_and_says_why(back_end: BackEnd) -> None:
    with pytest.raises(ValueError, match="no such field: colour"):
        back_end.behave(MODULE, colour="red")


def test_reset_ends_jobs_and_forgets_everything(back_end: BackEnd) -> None:
    back_end.behave(MODULE, job={"never_ends": True})
    enable(back_end)
    back_end.reset()
    assert (back_end.calls(), back_end.jobs(), back_end.running()["now"]) == ([], [], 0)
    assert enable(back_end).status_code == 200


def test_many_connections_are_answered_at_the_same_time(back_end: BackEnd) -> None:
    back_end.behave(MODULE, delay=0.2)
    threads = [threading.Thread(target=enable, args=(back_end,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert back_end.running()["peak"] > 1
    assert back_end.counts("t") == {MODULE: {"enable": 20}}


def test_it_ends_when_whoever_started_it_has_gone() -> None:
    started = BackEnd.start()
    assert started.process.stdin is not None
    started.process.stdin.close()
    assert started.process.wait(timeout=20) == 0
    started.process.stdin = None
    started.stop()
