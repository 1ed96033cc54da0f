"""A service beside another of our own servers, which is its Okapi: what scripts do through the service's address."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.fakes.command import run_command
from tests.fixtures.back_end.descriptors import bare_descriptor
from tests.fixtures.back_end.process import BackEnd
from tests.fixtures.cluster import Embedded
from tests.fixtures.processes import PATIENCE
from tests.fixtures.site import until

pytestmark = pytest.mark.xdist_group("cluster")

BASE, NEXT, TOP = "mod-base-1.0.0", "mod-base-1.1.0", "mod-top-1.0.0"
MODULES = (
    bare_descriptor(BASE, provides={"base": "1.0"}),
    bare_descriptor(NEXT, provides={"base": "1.1"}),
    bare_descriptor(TOP, requires={"base": "1.0"}),
)
ONE_WORKER = {"OKAPI_INSTALL_WORKERS": "1"}


@dataclass
class Pair:
    """The service, the server that is its Okapi, and the modules."""

    okapi: Embedded
    service: Embedded
    back_end: BackEnd

    def ask(self, method: str, path: str, document: object = None, *, server: Embedded | None = None) -> Any:
        """A successful response, as JSON if it has a body."""
        answer = self.send(method, path, document, server=server)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def send(
        self, method: str, path: str, document: object = None, *, server: Embedded | None = None
    ) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, (server or self.service).url + path, json=document, timeout=PATIENCE)

    def complete(self, path: str) -> dict[str, Any]:
        """The job, once it is complete."""

        def ended() -> dict[str, Any] | None:
            job: dict[str, Any] = self.ask("GET", path)
            return job if job["complete"] else None

        return until(ended, f"the end of {path}")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder: Path = tmp_path_factory.mktemp("beside")
    okapi = Embedded(folder / "okapi", ONE_WORKER)
    service = Embedded(folder / "service", {**ONE_WORKER, "OKAPI_INSTALL_OKAPI": okapi.url})
    with BackEnd.start() as back_end:
        try:
            okapi.start()
            service.start()
            yield Pair(okapi, service, back_end)
        finally:
            service.process.end()
            okapi.process.end()


def enabled(pair: Pair, tenant: str, server: Embedded | None = None) -> list[str]:
    found = pair.ask("GET", f"/_/proxy/tenants/{tenant}/modules", server=server)
    return sorted(module["id"] for module in found)


def register_modules(pair: Pair) -> None:
    """Registers the modules and their instances, unless an earlier test has done so."""
    for descriptor in MODULES:
        pair.ask("POST", "/_/proxy/modules?check=false", descriptor)
        pair.send("POST", "/_/discovery/modules", pair.back_end.instance(str(descriptor["id"])))


def test_a_platform_is_installed_as_folio_ansible_does_through_one_address(pair: Pair) -> None:
    pair.ask("POST", "/_/proxy/tenants", {"id": "diku", "name": "Datalogisk Institut"})
    assert pair.ask("GET", "/_/proxy/tenants/diku/install") == []
    register_modules(pair)
    assert pair.send("GET", "/_/proxy/modules?filter=mod-top").json() == [{"id": TOP, "name": TOP}]

    changes = [{"id": BASE, "action": "enable"}, {"id": TOP, "action": "enable"}]
    simulated = pair.ask("POST", "/_/proxy/tenants/diku/install?simulate=true", changes)
    posted = pair.send(
        "POST", "/_/proxy/tenants/diku/install?async=true&tenantParameters=loadReference%3Dtrue", changes
    )
    assert (posted.status_code, [change["id"] for change in posted.json()]) == (201, [c["id"] for c in simulated])
    job = pair.complete(posted.headers["Location"])
    assert [module["stage"] for module in job["modules"]] == ["done", "done"]
    assert enabled(pair, "diku") == enabled(pair, "diku", pair.okapi) == [BASE, TOP]
    assert pair.back_end.counts("diku")[TOP]["enable"] == 1

    upgraded = pair.ask("POST", "/_/proxy/tenants/diku/upgrade")
    assert [(change["id"], change["from"]) for change in upgraded] == [(NEXT, BASE)]
    assert enabled(pair, "diku", pair.okapi) == [NEXT, TOP]
    removed = pair.ask("POST", "/_/proxy/tenants/diku/install?purge=true", [{"id": TOP, "action": "disable"}])
    assert [change["id"] for change in removed] == [TOP]
    assert enabled(pair, "diku", pair.okapi) == [NEXT]
    assert pair.send("GET", "/_/proxy/tenants/diku/install", server=pair.okapi).json() == []
    jobs = pair.ask("GET", "/_/install/jobs?tenant=diku")["jobs"]
    assert [job["status"] for job in jobs] == ["done"] * 3


def test_the_command_finds_nothing_to_mend_and_registers_and_undoes(pair: Pair) -> None:
    arguments = ("beside", pair.okapi.url, "--service", pair.service.url, "--json")
    first = run_command(*arguments, "--register", "--take-over")
    assert first.returncode == 0, first.stdout
    assert "stands beside an Okapi, and is well" in first.stdout
    assert len(json.loads(first.stdout)["done"]) == 6
    assert json.loads(run_command(*arguments, "--take-over").stdout)["done"] == []
    assert len(json.loads(run_command("beside", pair.okapi.url, "--undo", "--json").stdout)["done"]) == 6
    assert enabled(pair, "supertenant", pair.okapi) == ["okapi-7.0.0"]


def test_a_service_that_stands_alone_adopts_what_okapi_has(pair: Pair, tmp_path: Path) -> None:
    refused = run_command("adopt", pair.okapi.url, url=pair.service.url)
    assert (refused.returncode, "stands beside an Okapi" in refused.stderr) == (3, True)
    alone = Embedded(tmp_path / "alone", ONE_WORKER)
    try:
        alone.start()
        register_modules(pair)
        pair.ask("POST", "/_/proxy/tenants", {"id": "moving"})
        pair.ask("POST", "/_/proxy/tenants/moving/install", [{"id": TOP, "action": "enable"}])
        called = pair.back_end.counts("moving")
        copied = run_command("adopt", pair.okapi.url, url=alone.url)
        assert copied.returncode == 0, copied.stdout
        assert enabled(pair, "moving", alone) == enabled(pair, "moving", pair.okapi) == [NEXT, TOP]
        assert pair.back_end.counts("moving") == called
        again = run_command("adopt", pair.okapi.url, "--json", url=alone.url)
        report = json.loads(again.stdout)
        assert (again.returncode, report["differs"]) == (0, [])
        assert report["descriptors"] == report["instances"] == report["tenants"] == []
        assert report["enabled"] == {}
    finally:
        alone.process.end()
