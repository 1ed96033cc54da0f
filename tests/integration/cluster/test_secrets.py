"""The token of a request reaches nobody: no module, no disk, no broker; while the job runs, and after its end."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import requests
from redis import Redis

from tests.fixtures.back_end.process import BackEnd
from tests.fixtures.cluster import Embedded
from tests.fixtures.site import GRAPH, LEFT, SIX, TOP, USUAL, until


def token_of(user: str, signature: str) -> str:
    """A token as FOLIO's, with something in it that occurs nowhere else."""
    payload = base64.urlsafe_b64encode(f'{{"sub":"{user}","tenant":"supertenant"}}'.encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{payload}.{signature}"


FIRST, SECOND = token_of("anna", "firstSecretSignature"), token_of("berta", "secondSecretSignature")
SECRETS = [
    form
    for secret in ("firstSecretSignature", "secondSecretSignature")
    for form in (secret, secret.encode().hex(), base64.b64encode(secret.encode()).decode().rstrip("=")[:-1])
]


LAST = "all was heard"


def check_hidden(text: str, where: str) -> None:
    """None of the secrets is in it, in whatever form."""
    assert [secret for secret in SECRETS if secret in text] == [], where


@contextmanager
def heard(broker_url: str) -> Iterator[list[str]]:
    """All commands that the broker gets meanwhile."""
    commands: list[str] = []
    with Redis.from_url(broker_url) as client, client.monitor() as monitor:

        def listen() -> None:
            for command in monitor.listen():
                commands.append(str(command["command"]))
                if LAST in commands[-1]:
                    return

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield commands
        finally:
            with Redis.from_url(broker_url) as other:
                other.echo(LAST)
            thread.join(60)


def broker_keys(broker_url: str) -> str:
    """All that the broker keeps."""
    with Redis.from_url(broker_url) as client:
        return " ".join(repr(client.dump(key)) for key in client.keys("*"))


class Service:
    """A service with its store and its broker, told apart from outside."""

    def __init__(self, folder: Path, settings: dict[str, str], back_end: BackEnd) -> None:
        self.server = Embedded(folder, {"OKAPI_INSTALL_LOG_LEVEL": "debug", **settings})
        self.folder = folder
        self.database_url = settings.get("OKAPI_INSTALL_DATABASE_URL")
        self.back_end = back_end

    @property
    def broker_url(self) -> str:
        """The broker's, with its password."""
        return (self.server.data / "broker-url").read_text("utf-8")

    def call(self, method: str, path: str, json: object = None, token: str | None = None) -> requests.Response:
        """One request, that must succeed."""
        headers = {"X-Okapi-Token": token} if token else {}
        answer = requests.request(method, self.server.url + path, json=json, headers=headers, timeout=60)
        answer.raise_for_status()
        return answer

    def stored(self) -> str:
        """All that is on disk, the logs too, and all that is in the database."""
        files = [file for file in self.folder.rglob("*") if file.is_file()]
        return "".join(file.read_bytes().decode("latin-1") for file in files) + self._rows()

    def _rows(self) -> str:
        if self.database_url is None:
            return ""
        with psycopg.connect(self.database_url.replace("+psycopg", "")) as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            rows = [connection.execute(f"SELECT t::text FROM {name} t".encode()).fetchall() for (name,) in tables]
        return str(rows)

    def answers(self, job: str, tenant: str) -> str:
        """What the API and the page tell about the job."""
        paths = [f"/_/install/jobs/{job}", "/_/install/jobs", f"/_/proxy/tenants/{tenant}/install/{job}"]
        paths += [f"/_/proxy/tenants/{tenant}/install", "/metrics", "/", f"/jobs/{job}", f"/tenants/{tenant}"]
        found = [requests.get(self.server.url + path, timeout=60) for path in paths]
        return " ".join(answer.text + str(answer.headers) for answer in found)

    def check(self, job: str, tenant: str) -> None:
        """No secret anywhere."""
        check_hidden(self.stored(), "disk and database")
        check_hidden(broker_keys(self.broker_url), "broker")
        check_hidden(self.answers(job, tenant), "answers")


@pytest.fixture(params=["embedded", "postgresql"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    settings = {}
    if request.param == "postgresql":
        settings["OKAPI_INSTALL_DATABASE_URL"] = request.getfixturevalue("postgresql_url")
    with BackEnd.start() as back_end:
        found = Service(tmp_path / "service", settings, back_end)
        try:
            found.server.start()
            yield found
        finally:
            found.server.process.end()


def test_the_token_of_a_request_reaches_nobody(service: Service) -> None:
    service.call("POST", "/_/proxy/import/modules?check=false", json=GRAPH)
    for descriptor in GRAPH:
        service.call("POST", "/_/discovery/modules", json=service.back_end.instance(str(descriptor["id"])))
    service.call("POST", "/_/proxy/tenants", json={"id": "t"})
    service.back_end.behave_all([*USUAL, {"module": LEFT, "call": "init", "job": {"seconds": 0.5, "error": "no room"}}])
    with heard(service.broker_url) as commands:
        answer = service.call("POST", "/_/proxy/tenants/t/install?async=true", json=[{"id": TOP}], token=FIRST)
        job = answer.headers["Location"].rpartition("/")[2]
        until(lambda: service.back_end.counts("t").get(LEFT), "the call of LEFT")
        service.check(job, "t")
        until(lambda: service.call("GET", f"/_/install/jobs/{job}").json()["complete"], "the end")
        service.check(job, "t")
        service.back_end.behave_all(USUAL)
        service.call("POST", f"/_/install/jobs/{job}/retry", token=SECOND)
        until(lambda: service.call("GET", f"/_/install/jobs/{job}").json()["status"] == "done", "the success")
    check_hidden(str(commands), "commands of the broker")
    assert len(commands) > 20
    service.check(job, "t")
    calls = service.back_end.calls(tenant="t", call="enable")
    assert {call["module"] for call in calls} == SIX
    check_hidden(str(calls), "calls of modules")
