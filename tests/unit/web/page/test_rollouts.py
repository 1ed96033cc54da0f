"""The pages of rollouts: where we are, what failed and why, when it is done; and what can be done, without script."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from okapi_install.service.ports import Tenant
from okapi_install.web.rollouts import events
from tests.fakes.fake_modules import Call, answer
from tests.unit.web.jobs_site import JobsSite

HOSTILE = "<img src=x>\"'\u202e"
HERE = {"Origin": "http://localhost"}


class Pages(JobsSite):
    """Five tenants; the module d fails for those in `failing`."""

    def __init__(self) -> None:
        super().__init__()
        self.house.store.remove_tenant("diku")
        for number in range(5):
            self.house.store.add_tenant(Tenant(id=f"t{number}"))
        self.failing: set[str] = set()
        self.words = "no room for {}"
        self.house.script("d-1.0.0", self._script)

    def _script(self, call: Call) -> Any:
        tenant = call.headers["X-Okapi-Tenant"]
        return answer(500, self.words.format(tenant)) if tenant in self.failing else answer()

    def start(self, **given: Any) -> str:
        """The path of the page of a new rollout."""
        body = {"name": "night", "modules": [{"id": "d-1.0.0"}], "tenants": "all", **given}
        return f"/rollouts/{self.client.post('/_/install/rollouts', json=body).get_json()['id']}"

    def text(self, path: str) -> str:
        """What a person reads on a page."""
        html = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", self.client.get(path).text, flags=re.DOTALL)
        return re.sub(r"\s+", " ", html)

    def post(self, path: str, **form: str) -> int:
        return self.client.post(path, data=form, headers=HERE).status_code


def test_the_page_says_where_we_are_what_failed_and_why_and_shows_a_cell_for_each_tenant() -> None:
    site = Pages()
    site.failing = {"t1", "t3"}
    path = site.start(maxConcurrent=1, maxFailures=1, waves=[1, "rest"])
    site.house.work()
    read, html = site.text(path), site.client.get(path).text
    assert "night: paused" in read
    assert "Paused because 2 tenants failed, and 1 is allowed." in read
    assert "d-1.0.0 POST request for d-1.0.0 /_/tenant failed with 500: no room for t1 t1, t3" in read
    assert html.count('class="cell is-done" href="/jobs/') == 2
    assert 'aria-label="t4, waiting"' in html
    assert "When it ends depends on a person" in read
    assert "Wave 2" in read
    assert '<noscript><meta http-equiv="refresh"' in html
    assert f'data-events="/page{path}/events?since=' in html


def test_a_person_retries_a_group_resumes_and_aborts_with_forms() -> None:
    site = Pages()
    site.failing = {"t0", "t1"}
    path = site.start(maxConcurrent=1, maxFailures=1)
    site.house.work()
    group = re.search(r'name="group" value="([^"]+)"', site.client.get(path).text)
    assert group is not None
    site.failing = set()
    assert site.post(f"{path}/retry", group=group[1]) == 303
    assert site.post(f"{path}/resume") == 303
    assert site.post(f"{path}/pause") == 303
    assert "Paused by a person" in site.text(path)
    assert "Abort the rollout night?" in site.text(f"{path}/abort")
    assert site.post(f"{path}/abort", jobs="true") == 303
    site.house.work()
    site.house.advancer.sweep()
    ended = site.client.get(path).text
    assert "never started" in ended
    assert "<form" not in ended
    assert "http-equiv" not in ended
    assert "data-events" not in ended


def test_the_list_shows_all_rollouts_newest_first() -> None:
    site = Pages()
    assert "No rollouts yet" in site.text("/rollouts")
    site.start(name="alpha")
    site.start(name="omega")
    read = site.text("/rollouts")
    assert read.index("omega") < read.index("alpha")
    assert "2 rollouts, newest first" in read


def test_its_page_is_live_and_sends_only_what_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PAUSE_SECONDS", 0.0)
    site = Pages()
    path = site.start()
    site.house.work()
    lines = site.client.get(f"/page{path}/events").text.splitlines()
    assert [line for line in lines if line.startswith("event: ")] == ["event: parts", "event: end"]
    whole = json.loads(next(line for line in lines if line.startswith("data: ")).removeprefix("data: "))["whole"]
    assert set(whole) == {"head", "grid"}
    assert "Done. 5 tenants changed." in whole["head"]


def test_foreign_words_are_only_words() -> None:
    site = Pages()
    site.failing, site.words = {"t0"}, HOSTILE + "{}"
    path = site.start(name=HOSTILE, maxFailures=9)
    site.house.work()
    html = site.client.get(path).text
    assert "<img src=x" not in html
    assert "\u202e" not in html


def test_a_rollout_that_does_not_exist_and_a_form_from_elsewhere_are_refused() -> None:
    site = Pages()
    assert site.client.get("/rollouts/none").status_code == 404
    path = site.start()
    assert site.client.post(f"{path}/pause", headers={"Origin": "http://evil.example"}).status_code == 403
    assert "running" in site.text(path)
