"""`/_/discovery`, `/_/deployment` and `/_/env`, as Okapi answers."""

from __future__ import annotations

import pytest

from okapi_install.domain.modules.call_urls import UnusableUrl, check_address
from tests.unit.web.conftest import Api, Document, module

DISCOVERY = "/_/discovery/modules"
HEALTH = "/_/discovery/health"
INSTANCE = {"instId": "i1", "srvcId": "a-1.0.0", "url": "http://a"}


def test_an_instance_is_added_found_and_removed(api: Api) -> None:
    answer = api.post(DISCOVERY, INSTANCE)
    assert (answer.status_code, answer.json) == (201, INSTANCE)
    assert answer.headers["Location"] == f"{DISCOVERY}/a-1.0.0/i1"
    assert api.get(DISCOVERY).json == api.get(f"{DISCOVERY}/a-1.0.0").json == [INSTANCE]
    assert api.get(f"{DISCOVERY}/a-1.0.0/i1").json == INSTANCE
    assert api.delete(f"{DISCOVERY}/a-1.0.0/i1").status_code == 204
    assert api.delete(f"{DISCOVERY}/a-1.0.0/i1").text == "a-1.0.0/i1"
    assert api.delete(f"{DISCOVERY}/a-1.0.0").text == "a-1.0.0"
    assert api.get(f"{DISCOVERY}/a-1.0.0").text == "a-1.0.0"
    assert api.get(f"{DISCOVERY}/a-1.0.0/i1").text == "a-1.0.0/i1"


def test_all_instances_can_be_forgotten_at_once(api: Api) -> None:
    api.post(DISCOVERY, INSTANCE)
    assert api.delete(DISCOVERY).status_code == 204
    assert api.get(DISCOVERY).json == []


@pytest.mark.parametrize(
    ("document", "status", "text"),
    [
        ({"instId": "i1", "url": "u"}, 400, "Needs srvcId"),
        ({"srvcId": "a-1.0.0"}, 400, "Needs instId"),
        ({"srvcId": "a-1.0.0", "instId": "i1"}, 400, "Duplicate instId i1"),
        ({"srvcId": "b-1.0.0", "instId": "i1"}, 400, "Duplicate instId i1"),
        ({"srvcId": "a-1.0.0", "instId": "x", "descriptor": {}}, 400, "missing nodeId"),
        ({"srvcId": "no-1.0.0", "nodeId": "localhost"}, 404, "no-1.0.0"),
        ({"srvcId": "a-1.0.0", "nodeId": "localhost"}, 400, "Module a-1.0.0 has no launchDescriptor"),
        ({"srvcId": "a-1.0.0", "nodeId": "nosuch", "descriptor": {}}, 404, "Node nosuch not found"),
    ],
)
def test_what_cannot_be_is_told_in_okapis_words(api: Api, document: Document, status: int, text: str) -> None:
    api.add(module("a-1.0.0"))
    api.post(DISCOVERY, INSTANCE)
    answer = api.post(DISCOVERY, document)
    assert (answer.status_code, answer.text) == (status, text)


@pytest.mark.parametrize("path", [DISCOVERY, "/_/deployment/modules"])
def test_starting_a_module_is_refused_with_the_way_out(api: Api, path: str) -> None:
    answer = api.post(path, {"srvcId": "a-1.0.0", "nodeId": "localhost", "descriptor": {"exec": "run"}})
    assert answer.status_code == 400
    assert answer.text.startswith("okapi-install starts no modules")


@pytest.mark.parametrize(
    "document", [{"srvcId": ""}, {"srvcId": None}, {"nosuch": 1}, [], {"srvcId": "a" * 2000, "instId": "x"}]
)
def test_a_bad_instance_is_refused(api: Api, document: object) -> None:
    assert api.post(DISCOVERY, document).status_code == 400


def test_health_says_who_answers(api: Api) -> None:
    api.post(DISCOVERY, INSTANCE)
    api.post(DISCOVERY, {**INSTANCE, "instId": "i2", "url": "http://b"})
    api.post(DISCOVERY, {"instId": "i3", "srvcId": "b-1.0.0"})
    api.probe.well = {"http://a"}
    well = {"instId": "i1", "srvcId": "a-1.0.0", "healthMessage": "OK", "healthStatus": True}
    ill = {**well, "instId": "i2", "healthMessage": "Fail: Connection refused", "healthStatus": False}
    unknown = {"instId": "i3", "srvcId": "b-1.0.0", "healthMessage": "Unknown", "healthStatus": False}
    assert api.get(HEALTH).json == [well, ill, unknown]
    assert api.get(f"{HEALTH}/a-1.0.0").json == [well, ill]
    assert api.get(f"{HEALTH}/a-1.0.0/i1").json == well
    assert api.get(f"{HEALTH}/nosuch").text == "nosuch"
    assert api.get(f"{HEALTH}/a-1.0.0/nosuch").text == "a-1.0.0/nosuch"


def test_this_server_is_the_only_node(api: Api) -> None:
    node = {"nodeId": "localhost", "url": "http://localhost:9130"}
    path = "/_/discovery/nodes"
    assert api.get(path).json == [node]
    assert api.get(f"{path}/localhost").json == node
    assert api.get(f"{path}/http%3A%2F%2Flocalhost%3A9130").json == node
    assert api.get(f"{path}/nosuch").text == "Node nosuch not found"
    assert api.put(f"{path}/localhost", node).json == node
    assert api.put(f"{path}/nosuch", node).status_code == 404
    assert api.put(f"{path}/localhost", {**node, "url": "x"}).text == "Can not change the URL for node localhost"
    assert api.put(f"{path}/localhost", {**node, "nodeId": "x"}).text == "Can not change nodeId for node localhost"


def test_nothing_is_deployed(api: Api) -> None:
    path = "/_/deployment/modules"
    assert api.get(path).json == []
    assert api.get(f"{path}/x").text == api.delete(f"{path}/x").text == "not found: x"
    assert api.post(path, {}).text == "Needs srvcId"
    assert api.post(path, {"srvcId": "a-1.0.0"}).text == "No LaunchDescriptor"


def test_the_environment_is_kept(api: Api) -> None:
    path = "/_/env"
    assert api.get(path).json == []
    answer = api.post(path, {"name": "DB_HOST", "value": "pg"})
    assert (answer.status_code, answer.headers["Location"]) == (201, "/_/env/DB_HOST")
    assert api.post(path, {"name": "DB_HOST", "value": 5, "description": "d"}).status_code == 201
    entry = {"name": "DB_HOST", "value": "5", "description": "d"}
    assert api.get(f"{path}/DB_HOST").json == entry
    assert api.get(path).json == [entry]
    assert api.post(path, {"name": "x"}).text == "missing value"
    assert api.post(path, {"value": "x"}).text == "missing name"
    assert api.delete(f"{path}/DB_HOST").status_code == 204
    gone = api.delete(f"{path}/DB_HOST")
    assert (gone.status_code, gone.text) == (404, "DB_HOST")
    assert api.get(f"{path}/DB_HOST").text == "DB_HOST"


@pytest.mark.parametrize(
    "url", ["http://[::1", "ftp://h/", "h:9130", "http://h?x=", "http://h/a/../b", "http://h\\@evil"]
)
def test_any_address_is_taken_and_what_no_call_can_be_made_with_fails_when_it_is_called(api: Api, url: str) -> None:
    """Okapi takes any text. That no call leaves for elsewhere is for those who call to see."""
    instance = {"srvcId": "mod-a-1.0.0", "instId": "i", "url": url}
    answer = api.post("/_/discovery/modules", instance)
    assert (answer.status_code, answer.json) == (201, instance)
    with pytest.raises(UnusableUrl, match="it must be http://HOST:PORT"):
        check_address(url)
