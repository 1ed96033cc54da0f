"""Real processes on servers as sites have them: PgBouncer, TLS, and a migration that comes after the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.contract.test_tls import remote_url
from tests.fixtures.back_end.process import BackEnd
from tests.fixtures.certificates import HOST, Certificate
from tests.fixtures.cluster import WORKER_READY, Cluster
from tests.fixtures.health_watch import healthy_throughout
from tests.fixtures.pgbouncer import pgbouncer_before
from tests.fixtures.postgresql import PostgresqlServer
from tests.fixtures.redis import RedisServer, TlsRedis
from tests.fixtures.site import GRAPH, SIX, TOP, until

pytestmark = pytest.mark.xdist_group("cluster")


class Jobs:
    """Modules, and jobs that install them, on a cluster."""

    def __init__(self, cluster: Cluster, back_end: BackEnd) -> None:
        self._url = cluster.url()
        self._post("/_/proxy/import/modules?check=false", GRAPH)
        for descriptor in GRAPH:
            self._post("/_/discovery/modules", back_end.instance(str(descriptor["id"])))

    def run(self, tenants: int) -> None:
        """Installs six modules for each of so many new tenants at once, and waits until all are enabled."""
        for number in range(tenants):
            self._post("/_/proxy/tenants", {"id": f"t{number}"})
        where = [self._install(f"t{number}") for number in range(tenants)]
        for job in where:
            until(lambda job=job: self._get(job)["complete"], "the end of a job")  # type: ignore[misc]
            assert [module["stage"] for module in self._get(job)["modules"]] == ["done"] * len(SIX)

    def _install(self, tenant: str) -> str:
        path = f"/_/proxy/tenants/{tenant}/install?async=true&parallel=3"
        answer = self._post(path, [{"id": TOP, "action": "enable"}])
        return f"/_/proxy/tenants/{tenant}/install/{answer.headers['Location'].rpartition('/')[2]}"

    def _post(self, path: str, body: object) -> requests.Response:
        answer = requests.post(self._url + path, json=body, timeout=60)
        assert answer.ok, answer.text
        return answer

    def _get(self, path: str) -> dict[str, list[dict[str, str]]]:
        found: dict[str, list[dict[str, str]]] = requests.get(self._url + path, timeout=60).json()
        return found


@pytest.fixture
def back_end() -> Iterator[BackEnd]:
    with BackEnd.start() as started:
        yield started


def test_jobs_run_through_a_pooler_that_gives_each_transaction_another_session(
    tmp_path: Path, postgresql_server: PostgresqlServer, redis_url: str, back_end: BackEnd
) -> None:
    with ExitStack() as stack:
        pooler = stack.enter_context(pgbouncer_before(postgresql_server, "transaction"))
        name = postgresql_server.create_database()
        cluster = Cluster(tmp_path / "cluster", pooler.url(name), redis_url)
        stack.callback(cluster.end)
        cluster.start(apis=1, workers=2)
        with healthy_throughout(cluster.url()):
            Jobs(cluster, back_end).run(tenants=12)
        for process in (*cluster.apis, *cluster.workers):
            assert "prepared statement" not in process.output
            assert "behind a connection pooler" in process.output


def test_jobs_run_over_tls_with_an_authority_that_is_named(
    tmp_path: Path, tls_postgresql: PostgresqlServer, tls_redis: TlsRedis, certificate: Certificate, back_end: BackEnd
) -> None:
    name = tls_postgresql.create_database()
    database = remote_url(tls_postgresql, HOST, sslrootcert=certificate.authority).replace("/postgres?", f"/{name}?")
    cluster = Cluster(tmp_path / "cluster", database, f"{tls_redis.url}?ssl_ca_certs={tls_redis.authority}")
    try:
        cluster.start(apis=1, workers=1)
        flower = cluster.start_flower()
        Jobs(cluster, back_end).run(tenants=2)
        queues = until(lambda: requests.get(f"{flower}/api/queues/length", timeout=60).json(), "Flower's queues")
        assert [queue["name"] for queue in queues["active_queues"]] == ["okapi-install"]
    finally:
        cluster.end()


def test_a_worker_takes_nothing_from_a_broker_that_nobody_trusts(tmp_path: Path, tls_redis: TlsRedis) -> None:
    cluster = Cluster(tmp_path / "cluster", f"sqlite:///{tmp_path}/store.db", tls_redis.url)
    try:
        cluster.migrate()
        worker = cluster.start_worker()
        worker.wait_for_line("(?i)certificate.verify.failed")
        assert "insecure SSL" not in worker.output
        assert "ready" not in worker.output
    finally:
        cluster.end()


def test_api_and_worker_bear_being_started_before_the_migration(
    tmp_path: Path, postgresql_url: str, redis_server: RedisServer, back_end: BackEnd
) -> None:
    cluster = Cluster(tmp_path / "cluster", postgresql_url, redis_server.url)
    try:
        (cluster.folder / "data").mkdir()
        api, worker = cluster.start_api(), cluster.start_worker()
        for process in (api, worker):
            process.wait_for_line("waiting for the database")
        cluster.migrate()
        worker.wait_for_line(WORKER_READY)
        Jobs(cluster, back_end).run(tenants=1)
    finally:
        cluster.end()


def test_api_and_worker_refuse_to_start_in_a_sentence_when_no_migration_comes(tmp_path: Path, redis_url: str) -> None:
    soon = {"OKAPI_INSTALL_STARTUP_WAIT_SECONDS": "0.1"}
    cluster = Cluster(tmp_path / "cluster", f"sqlite:///{tmp_path}/store.db", redis_url, soon)
    try:
        (cluster.folder / "data").mkdir()
        worker = cluster.start_worker()
        assert worker.wait() == 1
        api = cluster.start_api()
        assert api.wait() != 0
        for process in (api, worker):
            assert "cannot start" in process.output
            assert "run okapi-install migrate" in process.output
            assert "Traceback" not in process.output
    finally:
        cluster.end()
