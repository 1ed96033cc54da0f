"""Whatever descriptors and modules hold, calls stay with the instance and carry nothing that the client keeps."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from okapi_install.domain.jobs import InstallOptions, Job, JobKind, JobStatus
from okapi_install.domain.passed_headers import can_be_sent
from okapi_install.service.jobs.installs import Order
from okapi_install.service.ports import Answer, Instance
from okapi_install.service.worker.call_policy import CallPolicy
from tests.fakes.fake_modules import Call, answer
from tests.unit.service.house import House, descriptor, enable

PASSED = ("X-Okapi-User-Id", "X-Okapi-Request-Id", "X-Okapi-Permissions", "X-Forwarded-For", "x-other")
KEPT = (
    "Authorization",
    "Cookie",
    "Accept",
    "Host",
    "Content-Type",
    "traceparent",
    "X-Okapi-Token",
    "x-okapi-token",
    "X-Okapi-Additional-Token",
    "X-Okapi-Filter",
    "X-Okapi-Tenant",
    "X-Okapi-Url",
    "x-okapi-url-to",
    "X-Okapi-Module-Permissions",
    "X-Okapi-Permissions-Required",
    "X-Forwarded-Access-Token",
)
STOLEN = ("@127.0.0.2:9812/stolen/", "/../../stolen", "/..%2fstolen", "\\\\evil\\", "/x?a=", "/x#a", "/\r\nA: b", ":1/")
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9), st.lists, max_leaves=4)
PATHS = st.sampled_from(["/_/tenant", "/", *STOLEN]) | st.text("/.%2e@\\?#:\r\nü\ud800", max_size=9)
IDS = st.sampled_from(["j", "../../../stolen/x?y=1#z", "..", "@evil", "\ud800", "", "a\r\nb"]) | st.text() | JSON


def hostile(posted: str, asked: str) -> dict[str, object]:
    """A module with those paths for POST, and for GET and DELETE."""
    handlers = [{"methods": ["POST"], "path": posted}, {"methods": ["GET", "DELETE"], "path": asked}]
    tenant = {"id": "_tenant", "version": "2.0", "interfaceType": "system", "handlers": handlers}
    return {"id": "bad-1.0.0", "provides": [tenant], "requires": []}


AUTH = descriptor("auth-1.0.0", filters=[{"methods": ["*"], "pathPattern": "/*", "phase": "auth", "type": "headers"}])


def carried_out(house: House, module: str, headers: dict[str, str] | None = None) -> Job:
    """A job that enables the module, for a client that sent those headers."""
    options = InstallOptions(asynchronous=True)
    order = Order(kind=JobKind.INSTALL, tenant="diku", request=enable(module), options=options, headers=headers or {})
    job = house.installs.submit(order).job
    assert job is not None
    house.work()
    return house.store.job(job.id)


def check_calls(house: House) -> None:
    """Each call went to the instance that it says, in the discovery, and can be sent as it is."""
    bases = {instance.url for instance in house.store.instances()}
    for url, call in zip(house.modules.urls, house.modules.calls, strict=True):
        base = call.headers["X-Okapi-Url-to"]
        assert base in bases
        home, target = parse_url(base), parse_url(url)
        assert target[:4] == home[:4]
        assert (target.path or "").startswith((home.path or "").rstrip("/") + "/")
        assert target.fragment is None
        assert target.query is None or target.query.startswith("wait=")
        assert all(can_be_sent(value) for value in call.headers.values())


@given(
    posted=PATHS,
    asked=st.tuples(PATHS, PATHS),
    ident=IDS,
    document=st.dictionaries(st.sampled_from(["error", "errors", "warnings", "messages", "status"]), JSON),
    tokens=st.dictionaries(st.sampled_from(["bad-1.0.0", "_"]), JSON),
    sent=st.dictionaries(st.sampled_from([*PASSED, *KEPT]), st.text("a;,\r\né☃", max_size=5)),
)
def test_calls_stay_with_the_instance_and_carry_no_header_that_okapi_keeps(
    posted: str,
    asked: tuple[str, str],
    ident: object,
    document: dict[str, object],
    tokens: object,
    sent: dict[str, str],
) -> None:
    house = House(AUTH, hostile(posted or "/", "{id}".join(asked)), policy=CallPolicy(step_timeout=9))

    def respond(_: Call) -> Answer:
        body = {**document, "id": ident, "complete": len(house.modules.calls) > 9}
        return answer(201, body, Location="http://evil/stolen")

    def give_token(_: Call) -> Answer:
        return answer(202, **{"X-Okapi-Module-Tokens": json.dumps(tokens), "X-Okapi-Permissions": "[]"})

    carried_out(house, "auth-1.0.0")
    house.script("auth-1.0.0", give_token)
    house.script("bad-1.0.0", respond)
    job = carried_out(house, "bad-1.0.0", {name: f"of-client {value}" for name, value in sent.items()})
    assert job.complete
    assert not (job.message or "").startswith("Internal error")
    check_calls(house)
    told = {name for call in house.modules.calls for name, value in call.headers.items() if "of-client" in value}
    assert told <= set(PASSED)


@pytest.mark.parametrize("path", STOLEN)
def test_a_handler_that_leads_away_is_not_called_and_the_step_says_why(path: str) -> None:
    house = House(hostile(path if "/" in path else path + "/", "/_/tenant/{id}"))
    job = carried_out(house, "bad-1.0.0")
    assert job.status is JobStatus.ERROR
    assert "must begin with /" in str(job.message)
    assert house.modules.urls == []


def with_tenant_job(ident: object) -> tuple[House, Job]:
    """A module whose tenant job has that id."""
    house = House(hostile("/_/tenant", "/_/tenant/{id}"))
    house.script("bad-1.0.0", lambda _: answer(201, {"id": ident, "complete": True}, Location="/x"))
    return house, carried_out(house, "bad-1.0.0")


def test_the_id_of_a_tenant_job_is_one_segment_of_the_path() -> None:
    house, job = with_tenant_job("stolen/x?y=1#z@\\ü")
    assert job.status is JobStatus.DONE
    assert house.modules.urls[1] == "http://modules/bad-1.0.0/_/tenant/stolen%2Fx%3Fy%3D1%23z%40%5C%C3%BC"


@pytest.mark.parametrize("ident", ["../../../stolen/x?y=1#z", "..", "\ud800", "", "a\nb", "x" * 1001, "\x00"])
def test_an_id_that_is_no_segment_fails_the_step_in_plain_words(ident: str) -> None:
    house, job = with_tenant_job(ident)
    assert "failed with a tenant job whose id cannot be part of a path" in str(job.message)
    assert len(house.modules.urls) == 1


def test_an_address_that_was_registered_before_it_was_checked_fails_the_step_in_plain_words() -> None:
    house = House()
    house.store.remove_instances("d-1.0.0")
    house.store.add_instance(Instance(inst_id="i", srvc_id="d-1.0.0", url="http://[::1", document={}))
    job = carried_out(house, "d-1.0.0")
    assert 'the address "http://[::1" of an instance: it must be' in str(job.message)


@pytest.mark.parametrize("slashes", ["/", "///"])
def test_an_address_with_slashes_at_its_end_is_called_without_and_told_with_them(slashes: str) -> None:
    house = House()
    house.store.remove_instances("d-1.0.0")
    url = "http://modules/d-1.0.0" + slashes
    house.store.add_instance(Instance(inst_id="i", srvc_id="d-1.0.0", url=url, document={}))
    assert carried_out(house, "d-1.0.0").status is JobStatus.DONE
    assert house.modules.urls == ["http://modules/d-1.0.0/_/tenant"]
    assert house.modules.calls[0].headers["X-Okapi-Url-to"] == url


def test_what_a_module_says_is_shown_as_json_and_never_as_python() -> None:
    house = House(hostile("/_/tenant", "/_/tenant/{id}"))
    said = {"error": {"x": True}, "messages": [None, {"y": 1.5}], "warnings": [{"message": ["z"], "code": False}]}
    house.script("bad-1.0.0", lambda _: answer(201, {"id": 7, "complete": True, **said}, Location="/x"))
    job = carried_out(house, "bad-1.0.0")
    assert str(job.message) == 'Tenant operation failed for module bad-1.0.0: {"x": true}\n{"y": 1.5}'
    (step,) = job.steps
    assert [problem.message for problem in step.errors] == ['{"x": true}', '{"y": 1.5}']
    assert [(problem.message, problem.code) for problem in step.warnings] == [('["z"]', "false")]
    assert house.modules.urls[1].endswith("/_/tenant/7")
