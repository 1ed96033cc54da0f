"""A tenant with an auth filter: its modules get a token from it with every call (Okapi: authForSystemInterface)."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from okapi_install.domain.jobs import InstallOptions, JobKind, JobStatus
from okapi_install.service.jobs.installs import Order
from okapi_install.service.ports import Answer
from tests.fakes.fake_modules import Call, answer
from tests.unit.service.house import House, descriptor, enable

AUTH = descriptor("auth-1.0.0", filters=[{"methods": ["*"], "pathPattern": "/*", "phase": "auth", "type": "headers"}])
PLAIN = descriptor("d-1.0.0", ["id 1.0"])


def guard(call: Call) -> Answer:
    if call.headers.get("X-Okapi-Filter") != "auth":
        return answer()
    tokens = {"d-1.0.0": "token-of-d"}
    return answer(
        202,
        **{"X-Okapi-Token": "default", "X-Okapi-Module-Tokens": json.dumps(tokens), "X-Okapi-Permissions": "[]"},
    )


def test_the_filter_is_asked_first_and_its_token_goes_to_the_module() -> None:
    house = House(AUTH, PLAIN)
    house.script("auth-1.0.0", guard)
    house.carried_out(*enable("auth-1.0.0"))
    house.modules.calls.clear()
    assert house.carried_out(*enable("d-1.0.0")).status is JobStatus.DONE
    asked, called = house.modules.calls
    assert (asked.method, asked.module, asked.path, asked.body) == ("POST", "auth-1.0.0", "/_/tenant", None)
    assert asked.headers["X-Okapi-Filter"] == "auth"
    assert json.loads(asked.headers["X-Okapi-Module-Permissions"]) == {}
    assert called.module == "d-1.0.0"
    assert called.headers["X-Okapi-Token"] == "token-of-d"
    assert called.headers["X-Okapi-Permissions"] == "[]"


def test_a_module_with_an_auth_filter_is_asked_for_its_own_first_call() -> None:
    house = House(AUTH, PLAIN)
    house.script("auth-1.0.0", guard)
    house.carried_out(*enable("auth-1.0.0"))
    assert [c.headers.get("X-Okapi-Filter") for c in house.modules.calls] == ["auth", None]


def test_a_filter_that_refuses_fails_the_step_in_okapis_words() -> None:
    house = House(AUTH, PLAIN)
    house.carried_out(*enable("auth-1.0.0"))
    house.script("auth-1.0.0", lambda _: answer(403, "no"))
    job = house.carried_out(*enable("d-1.0.0"))
    assert job.message == "POST request for auth-1.0.0 /_/tenant failed with 403: no"


def test_the_clients_token_reaches_neither_the_filter_nor_a_module_without_a_token_of_its_own() -> None:
    house = House(AUTH, PLAIN)
    house.script("auth-1.0.0", lambda _: answer(202))
    for module in ("auth-1.0.0", "d-1.0.0"):
        house.carried_out(*enable(module))
    assert len(house.modules.calls) == 4
    assert not any("X-Okapi-Token" in call.headers for call in house.modules.calls)


def test_a_token_is_asked_for_before_each_call_and_is_not_kept_with_the_job() -> None:
    house = House(AUTH, PLAIN)
    house.script("auth-1.0.0", guard)
    house.carried_out(*enable("auth-1.0.0"))
    house.modules.calls.clear()
    house.script("d-1.0.0", lambda _: answer(201, {"id": "j", "complete": True}, Location="/_/tenant/j"))
    house.carried_out(*enable("d-1.0.0"))
    assert house.modules.seen() == [
        "POST auth-1.0.0 /_/tenant",
        "POST d-1.0.0 /_/tenant",
        "DELETE auth-1.0.0 /_/tenant/j",
        "DELETE d-1.0.0 /_/tenant/j",
    ]


@pytest.mark.parametrize("name", ["X-Okapi-Module-Tokens", "X-Okapi-Permissions"])
def test_a_token_that_no_header_can_carry_fails_the_step_with_a_sentence(name: str) -> None:
    house = House(AUTH, PLAIN)
    house.script("auth-1.0.0", guard)
    house.carried_out(*enable("auth-1.0.0"))
    given = {"X-Okapi-Module-Tokens": "{}", name: "a\r\n b"}
    if name == "X-Okapi-Module-Tokens":
        given[name] = json.dumps({"d-1.0.0": "a\r\nX-Okapi-Permissions: all"})
    house.script("auth-1.0.0", lambda _: answer(202, **given))
    job = house.carried_out(*enable("d-1.0.0"))
    assert job.status is JobStatus.ERROR
    assert "that no header can carry" in str(job.message)


def test_the_request_id_of_the_client_is_continued_for_each_call() -> None:
    house = House(AUTH, PLAIN)
    given = {"X-Okapi-Request-Id": "theirs;123456/proxy"}
    for module in ("auth-1.0.0", "d-1.0.0"):
        order = Order(kind=JobKind.INSTALL, tenant="diku", request=enable(module), options=InstallOptions())
        house.installs.submit(replace(order, headers=given))
        house.work()
    ids = [call.headers["X-Okapi-Request-Id"] for call in house.modules.calls]
    assert all(re.fullmatch(r"theirs;123456/proxy;\d{6}/tenant", one) for one in ids)
    assert len(set(ids)) > 1
