"""The API of rollouts: what it takes, what it says, and what can be done."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from okapi_install.domain.rollouts.rollout import ROLLOUT_TRANSITIONS
from okapi_install.service.ports import Tenant
from okapi_install.web.rollouts import events
from tests.fakes.fake_modules import Call, answer
from tests.fixtures.parts import ROOT
from tests.unit.web.jobs_site import JobsSite

PATH = "/_/install/rollouts"


def _site(tenants: int = 3) -> JobsSite:
    site = JobsSite()
    site.house.store.remove_tenant("diku")
    for number in range(tenants):
        site.house.store.add_tenant(Tenant(id=f"t{number}"))
    return site


def _post(site: JobsSite, query: str = "", headers: dict[str, str] | None = None, **given: Any) -> TestResponse:
    body = {"name": "night", "modules": [{"id": "d-1.0.0"}], "tenants": "all", **given}
    body = {name: value for name, value in body.items() if value is not None}
    return site.client.post(PATH + query, json=body, headers=headers)


def _fail(site: JobsSite, *tenants: str) -> None:
    def script(call: Call) -> Any:
        return answer(500, f"no room for {call.headers['X-Okapi-Tenant']}") if tenants else answer()

    site.house.script("d-1.0.0", lambda call: script(call) if call.headers["X-Okapi-Tenant"] in tenants else answer())


def test_a_rollout_is_started_followed_and_ends() -> None:
    site = _site()
    started = _post(site, waves=[1, "rest"], maxConcurrent=5, windows=[])
    assert started.status_code == 201
    found = started.get_json()
    assert started.headers["Location"] == f"{PATH}/{found['id']}" == found["links"]["self"]
    assert (found["status"], found["wave"], found["waveCount"]) == ("running", 1, 2)
    assert found["sentence"] == "Wave 1 of 2. 1 tenant running, 2 waiting."
    assert found["tenants"]["waiting"] == 2
    site.house.work()
    ended = site.client.get(found["links"]["self"]).get_json()
    assert (ended["status"], ended["complete"], ended["sentence"]) == ("done", True, "Done. 3 tenants changed.")
    assert [wave["done"] for wave in ended["waves"]] == [1, 2]
    (listed,) = site.client.get(PATH).get_json()["rollouts"]
    assert listed["id"] == found["id"]


def test_failures_are_in_groups_and_a_group_can_be_retried() -> None:
    site = _site()
    _fail(site, "t0", "t2")
    rollout = _post(site, maxFailures=3).get_json()
    site.house.work()
    found = site.client.get(f"{PATH}/{rollout['id']}").get_json()
    (group,) = found["failures"]
    assert (group["count"], group["tenants"], group["module"]) == (2, ["t0", "t2"], "d-1.0.0")
    assert "no room for <tenant>" in group["line"]
    failed = site.client.get(f"{PATH}/{rollout['id']}/tenants?status=error&limit=1")
    assert (failed.get_json()["total"], failed.get_json()["tenants"][0]["tenant"]) == (2, "t0")
    assert 'rel="next"' in failed.headers["Link"]
    _fail(site)
    retried = site.client.post(f"{PATH}/{rollout['id']}/retry", json={"group": group["key"]})
    assert (retried.status_code, retried.get_json()["status"]) == (202, "running")
    site.house.work()
    assert site.client.get(f"{PATH}/{rollout['id']}").get_json()["status"] == "done"


def test_it_can_be_paused_resumed_and_aborted() -> None:
    site = _site()
    path = f"{PATH}/{_post(site, maxConcurrent=1).get_json()['id']}"
    paused = site.client.post(f"{path}/pause").get_json()
    assert (paused["status"], paused["pauseReason"]) == ("paused", "requested")
    assert paused["sentence"].startswith("Paused by a person.")
    assert site.client.post(f"{path}/resume").get_json()["status"] == "running"
    assert site.client.post(f"{path}/abort", json={"jobs": True}).get_json()["status"] in ("aborting", "aborted")
    site.house.work()
    site.house.advancer.sweep()
    assert site.client.get(path).get_json()["status"] == "aborted"
    refused = site.client.post(f"{path}/resume")
    assert (refused.status_code, "aborted" in refused.text) == (400, True)


def test_it_can_be_removed_when_it_is_complete() -> None:
    site = _site()
    path = f"{PATH}/{_post(site).get_json()['id']}"
    refused = site.client.delete(path)
    assert (refused.status_code, "abort it first" in refused.text) == (400, True)
    site.house.work()
    site.house.advancer.sweep()
    assert site.client.delete(path).status_code == 204
    assert (site.client.get(path).status_code, site.client.delete(path).status_code) == (404, 404)
    assert site.client.get("/_/install/jobs").get_json()["total"] == 3


def test_a_simulation_says_what_would_happen_and_starts_nothing() -> None:
    site = _site()
    found = _post(site, "?simulate=true", modules=[{"id": "b-1.0.0"}], waves=["50%"])
    assert found.status_code == 200
    assert [wave["tenants"] for wave in found.get_json()["waves"]] == [["t0", "t1"], ["t2"]]
    (plan,) = found.get_json()["plans"]
    assert [change["id"] for change in plan["plan"]] == ["a-1.0.0", "b-1.0.0"]
    assert plan["tenants"] == ["t0", "t1", "t2"]
    assert site.client.get(PATH).get_json()["total"] == 0


def test_a_repeated_request_with_its_key_is_answered_with_the_same_rollout() -> None:
    site = _site()
    key = {"Idempotency-Key": "k"}
    first, again = _post(site, headers=key), _post(site, headers=key)
    assert first.get_json()["id"] == again.get_json()["id"]
    assert (again.headers["Idempotency-Replayed"], again.status_code) == ("true", 201)
    assert _post(site, headers=key, maxConcurrent=3).status_code == 422
    assert _post(site, headers={"Idempotency-Key": "k" * 256}).status_code == 400


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": " "}, "needs a name"),
        ({"kind": "sing"}, "known are install and upgrade"),
        ({"kind": "upgrade"}, "one of the kind upgrade has none"),
        ({"modules": None, "kind": "install"}, "needs modules"),
        ({"modules": {}}, "the body is a list"),
        ({"tenants": None}, 'or "all"'),
        ({"tenants": "everybody"}, 'or "all"'),
        ({"tenants": [1]}, "tenants must be a list of tenants"),
        ({"tenants": ["t9"]}, "There is no tenant t9."),
        ({"waves": "10%"}, "waves must be a list"),
        ({"waves": [1.5]}, "A wave must be"),
        ({"waves": [True]}, "A wave must be"),
        ({"waves": ["a few"]}, "is not the size of a wave"),
        ({"maxConcurrent": 0}, "maxConcurrent must be 1 to 1000"),
        ({"maxPerModule": 0}, "maxPerModule must be 1 to 1000"),
        ({"maxFailures": [1]}, "maxFailures must be"),
        ({"maxFailures": "lots"}, "is not a number of failures"),
        ({"pauseAfterWave": 0}, "pauseAfterWave must be"),
        ({"pauseAfterWave": "yes"}, "pauseAfterWave must be"),
        ({"windows": [{"from": "22:00", "to": "04:00"}]}, "A window needs zone"),
        ({"windows": [{"from": "22:00", "to": "04:00", "zone": "Mars"}]}, "is not a time zone"),
        ({"windows": [{"days": ["x"], "from": "22:00", "to": "04:00", "zone": "UTC"}]}, "is not a weekday"),
        ({"options": {"parallel": 0}}, "parallel must be 1"),
        ({"options": {"parallell": 2}}, "has no member 'parallell'"),
        ({"callback": "ftp://x"}, "callback must be"),
        ({"tenant": "t0"}, "has no member 'tenant'"),
        ({"modules": [{"id": "mod-none-1.0.0"}]}, "not found"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_write(given: dict[str, Any], said: str) -> None:
    refused = _post(_site(), **given)
    assert refused.status_code in (400, 404)
    assert said in refused.text


def test_what_is_not_there_is_404_and_a_retry_names_tenants_or_a_group() -> None:
    site = _site()
    for path in ("", "/tenants", "/events"):
        assert site.client.get(f"{PATH}/none{path}").status_code == 404
    for action in ("pause", "resume", "retry", "abort"):
        assert site.client.post(f"{PATH}/none/{action}").status_code == 404
    path = f"{PATH}/{_post(site).get_json()['id']}"
    assert site.client.post(f"{path}/retry", json={"tenants": ["t0"], "group": "x"}).status_code == 400
    assert site.client.get(f"{path}/tenants?status=x").status_code == 400
    assert site.client.get(f"{PATH}?limit=9999").status_code == 400


def test_its_changes_are_sent_as_events_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PAUSE_SECONDS", 0.0)
    site = _site()
    rollout = _post(site, maxConcurrent=1).get_json()
    site.house.work()
    seen = site.client.get(f"{PATH}/{rollout['id']}/events").text
    names = [line.removeprefix("event: ") for line in seen.splitlines() if line.startswith("event: ")]
    assert names == ["rollout", "end"]
    data = [json.loads(line.removeprefix("data: ")) for line in seen.splitlines() if line.startswith("data: ")]
    assert (data[0]["status"], data[1]["status"]) == ("done", "done")


def test_rollouts_are_in_the_metrics() -> None:
    site = _site()
    _post(site)
    seen = site.client.get("/metrics").text
    assert 'okapi_install_rollouts{status="running"} 1.0' in seen
    assert 'okapi_install_rollouts_ended_total{outcome="aborted"} 0.0' in seen


def test_the_diagram_in_the_documentation_is_the_table_of_transitions() -> None:
    page = (ROOT / "docs/rollouts.md").read_text(encoding="utf-8")
    for origin, targets in ROLLOUT_TRANSITIONS.items():
        for target, why in targets.items():
            assert f"    {origin} --> {target}: {why}\n" in page
    assert page.count("-->") == sum(map(len, ROLLOUT_TRANSITIONS.values())) + 1
