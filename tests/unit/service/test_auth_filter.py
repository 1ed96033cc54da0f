"""A tenant with an auth filter: its modules get a token from it with every call (Okapi: authForSystemInterface)."""

from __future__ import annotations

import json

from okapi_install.domain.jobs import JobStatus
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
