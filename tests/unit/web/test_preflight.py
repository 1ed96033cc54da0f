"""A preflight finds what an operator would look up by hand, and changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.service.ports import Instance, Tenant
from tests.fakes.fake_modules import answer
from tests.unit.service.house import descriptor, enable
from tests.unit.web.jobs_site import JobsSite

PATH = "/_/install/preflight"


@pytest.fixture
def site() -> JobsSite:
    found = JobsSite()
    found.probe.well = {f"http://modules/{module}-1.0.0" for module in "abcd"}
    for tenant in ("test", "demo"):
        found.house.store.add_tenant(Tenant(id=tenant))
    return found


def _look(site: JobsSite, body: Any = None, query: str = "?tenant=diku") -> dict[str, Any]:
    answered = site.client.post(PATH + query, json=body) if body is not None else site.client.post(PATH + query)
    assert answered.status_code == 200, answered.text
    found: dict[str, Any] = answered.get_json()
    return found


def _of(found: dict[str, Any], code: str) -> list[tuple[str, str | None, str]]:
    return [(one["severity"], one["module"], one["message"]) for one in found["findings"] if one["code"] == code]


def test_all_is_well(site: JobsSite) -> None:
    found = _look(site, [{"id": "b-1.0.0"}])
    assert (found["worst"], found["counts"]["error"], found["counts"]["warning"]) == ("ok", 0, 0)
    assert [change["id"] for change in found["plans"][0]["plan"]] == ["a-1.0.0", "b-1.0.0"]
    assert _of(found, "instance") == [("ok", name, "The instance responds") for name in ("a-1.0.0", "b-1.0.0")]
    assert site.house.store.jobs_of("diku") == []


def test_instances_that_are_unknown_or_silent_are_errors(site: JobsSite) -> None:
    site.house.store.remove_instances("a-1.0.0")
    site.probe.well.remove("http://modules/b-1.0.0")
    found = _look(site, [{"id": "b-1.0.0"}])
    assert found["worst"] == "error"
    assert _of(found, "instance") == [
        ("error", "a-1.0.0", "No instance is known. Say where it runs: POST /_/discovery/modules"),
        ("error", "b-1.0.0", "The instance does not respond: http://modules/b-1.0.0: Connection refused"),
    ]
    url = "http://modules/b-1.0.0/second"
    site.probe.well.add(url)
    sent = {"instId": "two", "srvcId": "b-1.0.0", "url": url}
    site.house.store.add_instance(Instance(inst_id="two", srvc_id="b-1.0.0", url=url, document=sent))
    (_, second) = _of(_look(site, [{"id": "b-1.0.0"}]), "instance")
    assert (second[0], second[2].split(":")[0]) == ("warning", "1 of 2 instances do not respond")


def test_for_many_tenants_each_instance_is_probed_once(site: JobsSite) -> None:
    body = {"modules": [{"id": "b-1.0.0"}], "tenants": "all", "waves": [1]}
    found = _look(site, body, query="")
    assert sorted(site.probe.asked) == ["http://modules/a-1.0.0", "http://modules/b-1.0.0"]
    assert found["plans"][0]["tenants"] == ["demo", "diku", "test"]


def test_an_instance_whose_health_check_does_not_succeed_is_a_warning(site: JobsSite) -> None:
    site.probe.well.remove("http://modules/a-1.0.0")
    site.probe.health = {"http://modules/b-1.0.0": "503"}
    found = _look(site, [{"id": "b-1.0.0"}])
    said = "The health check of b-1.0.0 at http://modules/b-1.0.0, GET /admin/health, did not succeed: 503"
    assert _of(found, "health") == [("warning", "b-1.0.0", said)]
    assert [one[0] for one in _of(found, "instance")] == ["error", "ok"]
    assert site.probe.asked_health == ["http://modules/b-1.0.0"]


def test_an_instance_is_probed_once_if_its_module_also_issues_tokens(site: JobsSite) -> None:
    handler = {"methods": ["*"], "path": "/", "phase": "auth", "type": "headers"}
    url = "http://modules/auth-1.0.0"
    site.house.store.add_modules([ModuleDescriptor.parse(descriptor("auth-1.0.0", filters=[handler]))])
    site.house.store.add_instance(Instance(inst_id="auth", srvc_id="auth-1.0.0", url=url, document={}))
    site.house.store.add_tenant(Tenant(id="safe"), ["auth-1.0.0"])
    site.probe.well.add(url)
    site.probe.health = {url: "500"}
    found = _look(site, [{"id": "auth-1.0.0", "action": "disable"}], "?tenant=safe")
    assert (len(_of(found, "instance")), len(_of(found, "token")), len(_of(found, "health"))) == (1, 1, 1)
    assert site.probe.asked == site.probe.asked_health == [url]


def test_a_refusal_and_an_interface_that_cannot_be_called_are_errors(site: JobsSite) -> None:
    refused = _look(site, [{"id": "mod-none-1.0.0"}])
    assert refused["worst"] == "error"
    assert "not found" in _of(refused, "plan")[0][2]
    odd = descriptor("odd-1.0.0")
    odd["provides"] = [{"id": "_tenant", "version": "9.9", "interfaceType": "system"}]
    site.house.store.add_modules([ModuleDescriptor.parse(odd)])
    ((severity, module, message),) = _of(_look(site, [{"id": "odd-1.0.0"}]), "tenant_interface")
    assert (severity, module, "9.9" in message) == ("error", "odd-1.0.0", True)


def test_jobs_that_run_first_and_what_failed_last_time_are_warnings(site: JobsSite) -> None:
    site.house.script("d-1.0.0", lambda _: answer(500, "no room"))
    site.house.carried_out(*enable("d-1.0.0"))
    site.house.submit(*enable("a-1.0.0"))
    found = _look(site, [{"id": "d-1.0.0"}])
    assert found["worst"] == "warning"
    ((_, module, message),) = _of(found, "failed_before")
    assert (module, "no room" in message) == ("d-1.0.0", True)
    assert _of(found, "queue") == [
        ("warning", None, "1 tenant has jobs that run first; the plan assumes that they succeed")
    ]


def test_the_duration_comes_from_earlier_runs_of_other_tenants(site: JobsSite) -> None:
    before = _look(site, [{"id": "b-1.0.0"}])
    assert before["plans"][0]["expectedSeconds"] is None
    assert "No earlier run tells" in _of(before, "duration")[0][2]
    site.house.submit(*enable("b-1.0.0"), tenant="test")
    site.house.work()
    (plan,) = _look(site, [{"id": "b-1.0.0"}])["plans"]
    assert plan["expectedSeconds"] is not None
    assert plan["criticalSeconds"] <= plan["expectedSeconds"] + 0.001
    assert plan["largest"] in ("a-1.0.0", "b-1.0.0")


def test_the_module_that_issues_tokens_must_respond(site: JobsSite) -> None:
    handler = {"methods": ["*"], "path": "/", "phase": "auth", "type": "headers"}
    auth = descriptor("auth-1.0.0", filters=[handler])
    site.house.store.add_modules([ModuleDescriptor.parse(auth)])
    site.house.store.add_tenant(Tenant(id="safe"), ["auth-1.0.0"])
    assert _of(_look(site, [{"id": "d-1.0.0"}], "?tenant=safe"), "token")[0][:2] == ("error", "auth-1.0.0")


def test_an_upgrade_has_no_body_and_what_has_nothing_to_do_is_ok(site: JobsSite) -> None:
    assert _of(_look(site), "plan") == [("ok", None, "There is nothing to change")]


def test_a_request_that_cannot_be_read_is_refused(site: JobsSite) -> None:
    assert site.client.post(PATH).status_code == 400
    assert site.client.post(PATH + "?tenant=none").status_code == 404
    assert site.client.post(PATH, json={"tenants": ["none"], "modules": [{"id": "d-1.0.0"}]}).status_code == 400
