"""`/_/proxy/tenants` and what tenants have enabled, as Okapi answers."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest

from tests.unit.web.conftest import Api, Document, module

TENANTS = "/_/proxy/tenants"
TIMER = {"methods": ["POST"], "pathPattern": "/t", "unit": "minute", "delay": "5"}


def with_timers(ident: str) -> Document:
    timer = {"id": "_timer", "version": "1.0", "interfaceType": "system", "handlers": [TIMER, TIMER]}
    return {"id": ident, "provides": [timer]}


def test_a_tenant_lives(api: Api) -> None:
    sent = {"id": "diku", "name": "Diku", "description": "For a test"}
    answer = api.post(TENANTS, sent)
    assert (answer.status_code, answer.headers["Location"], answer.json) == (201, "/_/proxy/tenants/diku", sent)
    renamed = {"id": "diku", "name": "Renamed"}
    assert api.put(f"{TENANTS}/diku", renamed).json == renamed
    assert api.get(f"{TENANTS}/diku").json == renamed
    assert [t["id"] for t in api.get(TENANTS).json or []] == ["diku", "supertenant"]
    assert api.delete(f"{TENANTS}/diku").status_code == 204
    gone = api.get(f"{TENANTS}/diku")
    assert (gone.status_code, gone.text) == (404, "diku")
    assert api.delete(f"{TENANTS}/diku").status_code == 404


def test_what_runs_for_a_tenant_is_stopped_before_it_is_removed(api: Api) -> None:
    api.enable("diku")
    api.delete(f"{TENANTS}/diku")
    api.delete(f"{TENANTS}/nosuch")
    assert api.removals == ["diku"]


def test_a_tenant_without_an_id_gets_one(api: Api) -> None:
    found = (api.post(TENANTS, {"name": "x"}).json or {})["id"]
    assert re.fullmatch(r"t[0-9a-f]{30}", found)


@pytest.mark.parametrize(
    ("ident", "text"),
    [
        ("UPPER", "Invalid tenant id, may only contain a-z and 0-9 and must match [a-z][a-z0-9]{0,30} but it is UPPER"),
        ("a_b", "Tenant id must not contain underscore: a_b"),
        ("a-b", "Tenant id must not contain minus: a-b"),
        ("a" * 32, "Tenant id must not exceed 31 characters: " + "a" * 32),
        (1, "Tenant id must not start with a digit: 1"),
    ],
)
def test_an_id_that_may_not_be_is_told_in_okapis_words(api: Api, ident: object, text: str) -> None:
    answer = api.post(TENANTS, {"id": ident})
    assert (answer.status_code, answer.text) == (400, text)


def test_an_id_is_taken_once(api: Api) -> None:
    api.enable("diku")
    assert api.post(TENANTS, {"id": "diku"}).text == "Duplicate tenant id diku"


def test_the_id_of_a_tenant_stays(api: Api) -> None:
    api.enable("diku")
    answer = api.put(f"{TENANTS}/diku", {"id": "other"})
    assert (answer.status_code, answer.text) == (400, "The tenant id must not be changed, old='diku', new='other'")
    assert api.put(f"{TENANTS}/diku", {}).text == "The tenant id must not be changed, old='diku', new='null'"


@pytest.mark.parametrize("ident", ["diku", "with_underscore", "a-b", "UPPER", "7", "a" * 40])
def test_put_adds_a_tenant_also_with_an_id_that_is_older_than_the_rules(api: Api, ident: str) -> None:
    assert api.put(f"{TENANTS}/{ident}", {"id": ident}).json == {"id": ident}
    assert api.get(f"{TENANTS}/{ident}").json == {"id": ident}
    assert api.delete(f"{TENANTS}/{ident}").status_code == 204


@pytest.mark.parametrize("path", ["a%20b", "a%0d%0aX:y", "%c3%a4", "a" * 1001, "%7f"])
def test_put_adds_no_tenant_whose_id_fits_into_no_header_or_index(api: Api, path: str) -> None:
    answer = api.put(f"{TENANTS}/{path}", {"id": unquote(path)})
    assert answer.status_code == 400
    assert answer.text.startswith(("This tenant's id cannot be kept", "An id must not be longer than"))


def test_the_supertenant_stays(api: Api) -> None:
    answer = api.delete(f"{TENANTS}/supertenant")
    assert (answer.status_code, answer.text) == (400, "Can not delete the superTenant supertenant")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"id":"diku","nosuch":1}', b'{"id":["a"]}'])
def test_a_bad_tenant_is_refused(api: Api, body: bytes) -> None:
    assert api.post(TENANTS, data=body).status_code == 400


@pytest.mark.parametrize("path", ["", "/modules", "/modules/x-1.0.0", "/interfaces", "/interfaces/x", "/timers/x_0"])
def test_an_unknown_tenant_is_named(api: Api, path: str) -> None:
    answer = api.get(f"{TENANTS}/nosuch{path}")
    assert (answer.status_code, answer.text) == (404, "nosuch")


def test_enabled_modules_are_listed_without_names(api: Api) -> None:
    whole = module("a-1.0.0", ["ia 1.0"], name="A")
    api.add(whole, module("b-1.0.0", [], ["ia 1.0"]), module("c-1.0.0"))
    api.enable("diku", "a-1.0.0", "b-1.0.0")
    path = f"{TENANTS}/diku/modules"
    assert api.get(path).json == [{"id": "a-1.0.0"}, {"id": "b-1.0.0"}]
    assert api.get(f"{path}?filter=a&full=true").json == [whole]
    assert api.get(f"{path}?orderBy=id").json == [{"id": "b-1.0.0"}, {"id": "a-1.0.0"}]
    assert "b__1_0_0 -> a__1_0_0" in api.get(f"{path}?dot=true").text
    assert api.get(f"{path}/a-1.0.0").json == {"id": "a-1.0.0"}
    assert api.get(f"{path}/c-1.0.0").text == "c-1.0.0"


def test_interfaces_are_those_of_the_enabled_modules(api: Api) -> None:
    system = {"id": "_x", "version": "1.0", "interfaceType": "system", "handlers": []}
    many = {"id": "ia", "version": "2.0", "interfaceType": "multiple", "handlers": []}
    api.add({"id": "a-1.0.0", "provides": [{"id": "ia", "version": "1.0"}, system]})
    api.add({"id": "b-1.0.0", "provides": [many]}, module("c-1.0.0", ["ic 1.0"]))
    api.enable("diku", "a-1.0.0", "b-1.0.0")
    path = f"{TENANTS}/diku/interfaces"
    assert api.get(path).json == [{"id": "ia", "version": "1.0"}, {"id": "_x", "version": "1.0"}]
    assert api.get(f"{path}?full=true").json == [{"id": "ia", "version": "1.0"}, system, many]
    assert api.get(f"{path}?full=true&type=system").json == [system]
    assert api.get(f"{path}/ia").json == [{"id": "a-1.0.0"}, {"id": "b-1.0.0"}]
    assert api.get(f"{path}/ia?type=multiple").json == [{"id": "b-1.0.0"}]
    assert api.get(f"{path}/nosuch").json == []


def test_timers_are_those_of_the_enabled_modules(api: Api) -> None:
    api.add(with_timers("mod-t-1.0.0"))
    api.enable("diku", "mod-t-1.0.0")
    path = f"{TENANTS}/diku/timers"
    listed = [{"id": f"mod-t_{n}", "routingEntry": TIMER, "modified": False} for n in (0, 1)]
    assert api.get(path).json == listed
    assert api.get(f"{path}/mod-t_1").json == listed[1]
    assert api.get(f"{path}/mod-t_2").text == "diku_mod-t_2"
    assert api.get(f"{path}/mod-t").text == "diku"
    assert api.get(f"{TENANTS}/nosuch/timers").json == []


def test_a_change_of_a_timer_is_refused_with_the_reason(api: Api) -> None:
    api.add(with_timers("mod-t-1.0.0"))
    api.enable("diku", "mod-t-1.0.0")
    path = f"{TENANTS}/diku/timers"
    words = "okapi-install runs no timers, and so cannot change timer mod-t_0"
    assert api.client.patch(f"{path}/mod-t_0", json={"unit": "second", "delay": "0"}).text == words
    assert api.client.patch(path, json={"id": "mod-t_0", "routingEntry": {}}).text == words
    assert api.client.patch(f"{path}/mod-t_9", json={}).status_code == 404
    assert api.client.patch(path, json={"routingEntry": {}}).status_code == 400
