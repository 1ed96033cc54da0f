"""Modules that call others when they are initialised: said before it starts, where no gateway passes such calls on."""

from __future__ import annotations

from typing import Any

import pytest

from okapi_install.config import Settings
from okapi_install.domain.jobs import InstallOptions, JobKind, JobStatus
from okapi_install.domain.modules.descriptors import ModuleDescriptor, ModuleSummary
from okapi_install.service.jobs.gateway_warnings import job_warnings
from okapi_install.service.jobs.installs import Order
from okapi_install.service.jobs.snapshots import snapshot_of
from okapi_install.web.job_views import job_view, okapi_job_view
from tests.fakes.fake_modules import answer
from tests.unit.service.house import House, disable, enable


def module(ident: str, permissions: list[str], requires: str | None = None) -> dict[str, Any]:
    handler = {"methods": ["POST"], "pathPattern": "/_/tenant", "modulePermissions": permissions}
    needs = [{"id": requires, "version": "1.0"}] if requires else []
    own = {"id": ident.partition("-")[0], "version": "1.0"}
    tenant = {"id": "_tenant", "version": "2.0", "interfaceType": "system", "handlers": [handler]}
    return {"id": ident, "provides": [own, tenant], "requires": needs}


MODULES = [module("calls-1.0.0", ["users.post"], "plain"), module("plain-1.0.0", []), module("also-1.0.0", ["x.get"])]


def warned(house: House, *changes: Any, **options: Any) -> dict[str, list[str]]:
    """The warned modules of a job, and what the views of it say of all."""
    job = house.submit(*changes, **options)
    assert job_warnings(job.steps) == job_warnings(house.store.job(job.id).steps)
    views = okapi_job_view(job), job_view(snapshot_of(job, {}, 0.0))
    found: list[Any] = [view.get("warnings", []) for view in views]
    assert found[0] == found[1]
    return {w["message"]: [p["value"] for p in w["parameters"]] for w in found[0]}


def test_a_job_without_a_gateway_names_the_modules_that_need_one() -> None:
    told = warned(House(*MODULES, gateway=False), *enable("calls-1.0.0", "also-1.0.0"))
    assert [sorted(named) for named in told.values()] == [["also-1.0.0", "calls-1.0.0"]]
    text = next(iter(told))
    assert "Set okapi_url to the address of a gateway" in text
    assert "plain" not in text


def test_the_module_that_needs_a_gateway_keeps_its_warning_to_the_end_and_through_a_retry() -> None:
    house = House(*MODULES, gateway=False)
    house.script("also-1.0.0", lambda _: answer(400, "no"))
    failed = house.carried_out(*enable("also-1.0.0"))
    assert failed.status is JobStatus.ERROR
    again = house.installs.retry(failed.id, {})
    assert [w.code for w in again.steps[0].warnings] == ["needs_gateway"]
    house.script("also-1.0.0", lambda _: answer(200))
    house.work()
    done = house.store.job(failed.id)
    assert done.status is JobStatus.DONE
    assert [w.code for w in done.steps[0].warnings] == ["needs_gateway"]


@pytest.mark.parametrize("gateway", [True, False])
def test_nothing_is_said_where_a_gateway_follows_or_nothing_is_called(gateway: bool) -> None:
    house = House(*MODULES, gateway=gateway)
    assert warned(house, *enable("plain-1.0.0")) == {}
    assert warned(house, *enable("also-1.0.0"), invoke="false") == {}
    if gateway:
        assert warned(house, *enable("calls-1.0.0")) == {}


def test_an_explanation_says_it_before_anything_starts() -> None:
    order = Order(kind=JobKind.INSTALL, tenant="diku", request=enable("calls"), options=InstallOptions())
    (warning,) = House(*MODULES, gateway=False).installs.explain(order).warnings
    assert "calls-1.0.0" in warning.message
    assert House(*MODULES).installs.explain(order).warnings == ()


def test_a_disable_needs_no_gateway() -> None:
    house = House(*MODULES, gateway=False)
    house.carried_out(*enable("also-1.0.0"))
    assert warned(house, *disable("also-1.0.0")) == {}


def test_what_the_registry_keeps_for_planning_knows_who_needs_a_gateway() -> None:
    for document, needs in zip(MODULES, (True, False, True), strict=True):
        summary = ModuleDescriptor.parse(document).summary()
        assert summary.needs_gateway is needs
        assert ModuleSummary.from_json(summary.to_json()) == summary
        assert not ModuleSummary.from_json(summary.to_json()[:8]).needs_gateway


@pytest.mark.parametrize(
    ("url", "gateway"),
    [
        (None, False),
        ("http://127.0.0.1:9130", False),
        ("http://localhost:9130", False),
        ("http://localhost:9131", True),
        ("http://okapi:9130", True),
        ("https://okapi.example.org", True),
    ],
)
def test_a_gateway_is_what_okapi_url_leads_to_unless_that_is_this_server(url: str | None, gateway: bool) -> None:
    assert Settings(listen="127.0.0.1:9130", okapi_url=url).has_gateway is gateway
