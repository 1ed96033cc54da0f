"""POST /_/install/explain: why a request is refused, and what can be done instead."""

from __future__ import annotations

from typing import Any

import pytest

from okapi_install.service.ports import Tenant
from tests.unit.web.jobs_site import JobsSite

Document = dict[str, Any]


def descriptor(module_id: str, provides: str = "", requires: str = "") -> Document:
    def interfaces(text: str) -> list[Document]:
        return [dict(zip(("id", "version"), part.split(), strict=True)) for part in text.split(", ") if part]

    return {"id": module_id, "provides": interfaces(provides), "requires": interfaces(requires)}


MODULES = [
    descriptor("ui-1.0.0", "", "login 1.0"),
    descriptor("mod-login-1.0.0", "login 1.0"),
    descriptor("mod-keycloak-1.0.0", "login 1.0, keycloak 1.0"),
    descriptor("app-1.0.0", "", "store 1.0"),
    descriptor("app-2.0.0", "", "store 2.0"),
    descriptor("tool-1.0.0", "", "store 1.0"),
    descriptor("storage-1.0.0", "store 1.0"),
    descriptor("storage-2.0.0", "store 2.0"),
    descriptor("bridge-1.0.0", "store 2.0, old-store 1.0"),
    descriptor("plain-1.0.0", "", "nothing 1.0"),
]


@pytest.fixture
def site() -> JobsSite:
    made = JobsSite()
    assert made.client.post("/_/proxy/import/modules?check=false", json=MODULES).status_code == 204
    return made


def explained(site: JobsSite, body: object, query: str = "", tenant: str = "diku") -> Document:
    answer = site.client.post(f"/_/install/explain?tenant={tenant}{query}", json=body)
    assert answer.status_code == 200, answer.text
    document = answer.get_json()
    assert isinstance(document, dict)
    return document


def test_a_refusal_comes_with_requests_that_are_accepted(site: JobsSite) -> None:
    found = explained(site, [{"id": "ui"}])
    assert found["message"].startswith("interface login required by module ui-1.0.0 is provided by multiple products")
    assert [s["choices"][0]["chosen"] for s in found["solutions"]] == ["mod-keycloak", "mod-login"]  # as good: by name
    for solution in found["solutions"]:
        path = "/_/proxy/tenants/diku/install?simulate=true"
        answer = site.client.post(path, json=solution["request"])
        assert answer.status_code == 200
        assert answer.get_json() == solution["plan"]


def test_solutions_are_as_many_as_wanted_and_heed_what_is_preferred(site: JobsSite) -> None:
    (solution,) = explained(site, [{"id": "ui"}], "&solutions=1&prefer=mod-login")["solutions"]
    assert solution == {
        "request": [{"id": "mod-login-1.0.0", "action": "enable"}, {"id": "ui-1.0.0", "action": "enable"}],
        "plan": [{"id": "mod-login-1.0.0", "action": "enable"}, {"id": "ui-1.0.0", "action": "enable"}],
        "removed": [],
        "changed": [],
        "added": ["mod-login-1.0.0"],
        "choices": [{"interface": "login", "candidates": ["mod-keycloak", "mod-login"], "chosen": "mod-login"}],
        "sentence": "Takes mod-login for login, not mod-keycloak. Removes and changes nothing; adds mod-login-1.0.0.",
        "best": True,
    }


@pytest.mark.parametrize("query", ["&solutions=0", "&depCheck=false"])
def test_none_is_looked_for_where_none_is_wanted_or_nothing_is_checked(site: JobsSite, query: str) -> None:
    found = explained(site, [{"id": "ui"}], query)
    assert (found["solutions"], found["conflict"], found["solutionsComplete"]) == ([], None, True)


def test_without_a_solution_there_is_the_smallest_part_that_cannot_be(site: JobsSite) -> None:
    found = explained(site, [{"id": "app-2.0.0"}, {"id": "plain-1.0.0"}])
    assert found["solutions"] == []
    assert found["conflict"] == {
        "modules": [{"id": "plain-1.0.0", "action": "enable"}],
        "message": "Nothing makes it possible to enable plain-1.0.0: plain-1.0.0 requires nothing 1.0, and no module "
        "of the registry provides that.",
    }


def incomplete_tenant(site: JobsSite) -> None:
    """A tenant that has a module without what it requires, as depCheck=false makes it. Okapi's plans remove it."""
    more = [descriptor("late-1.0.0", "late 1.0"), descriptor("user-1.0.0", "", "late 1.0")]
    site.client.post("/_/proxy/import/modules?check=false", json=more)
    site.house.store.add_tenant(Tenant(id="test"), ["user-1.0.0"])


def test_a_plan_stays_as_it_is_and_what_keeps_more_is_offered_beside_it(site: JobsSite) -> None:
    incomplete_tenant(site)
    found = explained(site, [{"id": "mod-login"}], "&simulate=true", tenant="test")
    assert {"id": "user-1.0.0", "action": "disable"} in found["plan"]
    (better,) = found["solutions"]
    assert (better["removed"], better["added"]) == ([], ["late-1.0.0"])
    assert better["sentence"] == (
        "Keeps user-1.0.0, which this plan removes. Removes and changes nothing; adds late-1.0.0."
    )


def test_a_plan_that_removes_no_more_than_it_must_has_nothing_beside_it(site: JobsSite) -> None:
    incomplete_tenant(site)
    body = [{"id": "mod-login"}, {"id": "user-1.0.0", "action": "disable"}]
    found = explained(site, body, "&simulate=true", tenant="test")
    assert found["plan"]
    assert found["solutions"] == []


def test_an_upgrade_is_explained_without_a_body(site: JobsSite) -> None:
    answer = site.client.post("/_/install/explain?tenant=diku")
    assert answer.get_json()["plan"] == []


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("&solutions=11", "solutions must be 0 to 10"),
        ("&solutions=-1", "solutions must be 0 to 10"),
        ("&solutions=x", "Bad integer for parameter 'solutions'"),
        ("&keep=a-1.0.0x", "invalid semver: 1.0.0x"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused(site: JobsSite, query: str, message: str) -> None:
    answer = site.client.post(f"/_/install/explain?tenant=diku{query}", json=[{"id": "ui"}])
    assert (answer.status_code, answer.text) == (400, message)
