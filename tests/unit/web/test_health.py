"""GET /_/install/health: what is wrong, in time, and nothing that strangers need not know."""

from __future__ import annotations

import threading
import time

import pytest
from flask import Flask

from okapi_install.domain.errors import OkapiInstallError, StoreUnavailable
from okapi_install.service.health import Finding, HealthService, OkapiHealth
from okapi_install.web.api import health
from tests.fakes.memory_store import MemoryStore
from tests.unit.web.jobs_site import JobsSite

HEALTH = "/_/install/health"
SECRET = "redis://:a-password@broker:6379"


def test_a_service_that_can_work_says_so_to_everybody() -> None:
    site = JobsSite(api_key="a-key-of-this-server")
    site.house.runner.beat()
    answer = site.client.get(HEALTH)
    assert (answer.status_code, answer.json) == (
        200,
        {"status": "ok", "store": "ok", "broker": "ok", "workers": "ok"},
    )
    assert site.client.get("/_/proxy/health").json == []


def test_without_workers_or_a_broker_it_says_what_is_wrong_and_no_secret() -> None:
    site = JobsSite()
    site.broken = OkapiInstallError(SECRET)
    answer = site.client.get(HEALTH)
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["status"] == "error"
    assert (answer.json["store"], answer.json["broker"]) == ("ok", "The broker does not respond")
    assert "15 seconds" in answer.json["workers"]
    assert "a-password" not in answer.text


@pytest.mark.parametrize("broken", [StoreUnavailable(SECRET), RuntimeError(SECRET)])
def test_a_store_that_fails_is_a_finding(broken: Exception) -> None:
    site = JobsSite()

    def fail(_: object) -> dict[str, object]:
        raise broken

    site.house.store.revisions = fail  # type: ignore[method-assign,assignment]
    answer = site.client.get(HEALTH)
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["store"] != "ok"
    assert "a-password" not in answer.text


def test_what_hangs_keeps_nobody_waiting_and_is_asked_once() -> None:
    asked: list[int] = []
    free = threading.Event()

    def hang() -> None:
        asked.append(1)
        free.wait(60)

    service = HealthService(MemoryStore(), hang, 15.0)
    began = time.monotonic()
    for _ in range(3):
        found = {finding.part: finding.problem for finding in service.findings()}
        assert found["broker"] is not None
        assert "respond" in found["broker"]
    assert time.monotonic() - began < 3 * 0.7 + 20
    assert len(asked) == 1
    free.set()


@pytest.mark.parametrize(
    ("problem", "note", "shown"), [("down", "reads", "down"), (None, "reads", "reads"), (None, None, "ok")]
)
def test_beside_an_okapi_it_is_a_part_that_also_says_what_is_read(
    problem: str | None, note: str | None, shown: str
) -> None:
    okapi = OkapiHealth(problem=lambda: problem, note=lambda: note)
    service = HealthService(MemoryStore(), lambda: None, 15.0, okapi)
    assert service.findings()[-1] == Finding("okapi", problem, note)
    app = Flask(__name__)
    app.register_blueprint(health.blueprint(service))
    answer = app.test_client().get(HEALTH).json
    assert answer is not None
    assert answer["okapi"] == shown
