"""The SQL store behind PgBouncer: it finds the pooler, and what it sends does not depend on which session it meets."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import text

from okapi_install.adapters.store import SqlStore, migrate, open_store
from okapi_install.domain.errors import InternalError
from okapi_install.domain.jobs import JobStatus
from okapi_install.domain.presentation.states import State
from okapi_install.service.ports import JobFilter
from tests.contract.builders import ended, submit
from tests.contract.test_concurrency import at_once
from tests.fixtures.pgbouncer import PgBouncer, pgbouncer_before
from tests.fixtures.postgresql import PostgresqlServer

_KEPT = text("SELECT count(*) FROM pg_prepared_statements")
_PLANNING = text("SELECT current_setting('plan_cache_mode')")


@pytest.fixture(scope="module", params=["transaction", "session"])
def pooler(request: pytest.FixtureRequest, postgresql_server: PostgresqlServer) -> Iterator[PgBouncer]:
    with pgbouncer_before(postgresql_server, request.param) as found:
        yield found


@pytest.fixture
def pooled_url(pooler: PgBouncer, postgresql_server: PostgresqlServer) -> str:
    """A new database with the tables, made through the pooler."""
    url = pooler.url(postgresql_server.create_database())
    migrate(url)
    return url


@pytest.fixture
def transaction_url(postgresql_server: PostgresqlServer) -> Iterator[str]:
    """The same where each transaction may meet another session."""
    with pgbouncer_before(postgresql_server, "transaction") as found:
        url = found.url(postgresql_server.create_database())
        migrate(url)
        yield url


def _work(store: SqlStore, tenant: str) -> None:
    for _ in range(4):
        job = ended(store, submit(store, tenant))
        assert store.job(job.id).status is JobStatus.DONE
        assert store.find_jobs(JobFilter(tenant=tenant)).total > 0
        store.beat(f"worker-of-{tenant}", 15.0)


def test_processes_that_share_few_sessions_do_not_disturb_each_other(transaction_url: str) -> None:
    stores = [open_store(transaction_url) for _ in range(3)]
    at_once(*[lambda store=store, n=n: _work(store, f"t{n}") for n, store in enumerate(stores * 2)])
    assert stores[0].find_jobs(JobFilter(states=frozenset((State.DONE,)))).total == 4 * len(stores) * 2
    for store in stores:
        store.dispose()


def test_nothing_is_left_in_a_session_that_others_may_get(pooled_url: str) -> None:
    store = open_store(pooled_url, pool_size=2)
    _work(store, "diku")
    with store.engine.connect() as connection:
        assert connection.scalar(_KEPT) == 0
        assert connection.scalar(_PLANNING) == "auto"
    store.dispose()


def test_a_pooler_is_found_also_when_each_transaction_meets_the_same_session(transaction_url: str) -> None:
    with psycopg.connect(transaction_url.replace("+psycopg", ""), autocommit=True) as alone:
        alone.execute("PREPARE kept AS SELECT 1")
        alone.execute("EXECUTE kept")
    store = open_store(transaction_url, pool_size=1)
    for _ in range(5):
        store.check()
    with store.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        assert driver.prepare_threshold is None
    store.dispose()


def test_one_process_migrates_while_others_wait(transaction_url: str, postgresql_server: PostgresqlServer) -> None:
    name = transaction_url.rpartition("/")[2]
    url = transaction_url.replace(name, postgresql_server.create_database())
    threads = [threading.Thread(target=migrate, args=(url,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    store = open_store(url)
    assert store.tenants() == []
    store.dispose()


def test_a_pooler_that_splits_transactions_is_refused(postgresql_server: PostgresqlServer) -> None:
    with pgbouncer_before(postgresql_server, "statement") as found:
        store = open_store(found.url("postgres"))
        with pytest.raises(InternalError, match="set pool_mode = transaction"):
            store.check()
        store.dispose()
