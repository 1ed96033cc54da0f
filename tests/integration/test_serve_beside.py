"""`serve --okapi`: what it does is in Okapi, and it starts only with a database of its own Okapi."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from okapi_install.adapters.store import open_store
from tests.fixtures.cluster import BIN, Embedded, environ
from tests.fixtures.okapi_stand_in import Authtoken, OkapiStandIn
from tests.fixtures.site import until

A, B = "mod-a-1.0.0", "mod-b-1.0.0"


@pytest.fixture
def served(tmp_path: Path, stand_in: OkapiStandIn, authtoken: Authtoken) -> Iterator[Embedded]:
    """A service beside the stand-in, which is secured."""
    stand_in.state.add_modules([{"id": A, "provides": [{"id": "a", "version": "1.0"}]}])
    stand_in.state.add_modules([{"id": B, "requires": [{"id": "a", "version": "1.0"}]}])
    stand_in.state.put_tenant({"id": "diku"})
    stand_in.secure(authtoken.url)
    service = Embedded(tmp_path, {"OKAPI_INSTALL_WORKERS": "1", "OKAPI_INSTALL_OKAPI_AUTH_URL": authtoken.url})
    service.process.command += ["--okapi", stand_in.url]
    yield service.start()
    service.process.end()


def test_what_a_job_has_done_is_what_okapi_says_and_the_database_belongs_to_that_okapi(
    served: Embedded, stand_in: OkapiStandIn, authtoken: Authtoken
) -> None:
    token = authtoken.token("okapi.proxy.tenants.install.post")
    headers = {"X-Okapi-Tenant": "supertenant", "X-Okapi-Token": token}
    install = f"{served.url}/_/proxy/tenants/diku/install"
    done = requests.post(install, json=[{"id": B, "action": "enable"}], headers=headers, timeout=60)
    assert (done.status_code, done.json()) == (200, [{"id": A, "action": "enable"}, {"id": B, "action": "enable"}])
    assert stand_in.state.enabled_of("diku") == [A, B]
    assert health_of(served) == "ok"
    stand_in.stop()
    until(lambda: health_of(served) == "The Okapi beside this service does not respond", "the outage")
    stand_in.start()
    until(lambda: health_of(served) == "ok", "its end")
    served.process.end()
    assert not any(secret in served.process.output for secret in authtoken.tokens)
    check_refusals(served)


def health_of(served: Embedded) -> object:
    """What the service says of its Okapi."""
    return requests.get(f"{served.url}/_/install/health", timeout=30).json()["okapi"]


def check_refusals(served: Embedded) -> None:
    """It does not start for another Okapi, or alone, and says what to do."""
    served.process.command[-1] = "http://127.0.0.1:1"
    assert served.process.start().wait() == 1
    assert "run okapi-install migrate --okapi-moved" in served.process.output
    del served.process.command[-2:]
    assert served.process.start().wait() == 1
    assert "Set OKAPI_INSTALL_OKAPI to that address" in served.process.output
    assert "Traceback" not in served.process.output
    moved = {"OKAPI_INSTALL_DATA": str(served.data), "OKAPI_INSTALL_OKAPI": "http://moved:9130"}
    command = [str(BIN / "okapi-install"), "migrate", "--okapi-moved"]
    done = subprocess.run(command, env=environ(moved), capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "The database is up to date.\n"), done.stderr
    store = open_store(f"sqlite:///{served.data}/okapi-install.db")
    assert store.mirrored_okapi() == "http://moved:9130"
    store.dispose()
