"""A database that takes no changes: it is said at once, waited for, and nothing is lost."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from tests.fixtures.site import LONE, SIX, Site, until
from tests.integration.cluster.fleet import Fleet
from tests.integration.cluster.tight import TightServer, tight_server

EXPIRED = "SELECT bool_and(lease_until < extract(epoch FROM clock_timestamp())) FROM jobs WHERE status = 'running'"


@pytest.fixture(scope="module")
def tight(site: Site) -> Iterator[TightServer]:
    """It lasts as long as the tests of this file. `site` says that there is a broker."""
    with tight_server() as found:
        yield found


def query(site: Site, statement: str) -> object:
    """The one value that the statement asks for, as the owner of the tables."""
    with psycopg.connect(site.database_url.replace("+psycopg", ""), autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
    return row[0] if row else None


def until_refused(site: Site, tenant: str, options: str = "?async=true") -> str:
    """Waits until an install is refused: on a full disk, some still find a free place; the reason."""

    def refusal() -> str | None:
        answer = site.request("POST", f"/_/proxy/tenants/{tenant}/install{options}", json=[{"id": LONE}])
        if answer.status_code != 503:
            return None
        assert answer.headers.get("Retry-After") == "2"
        return answer.text

    return until(refusal, "a refusal")


def check_refusals(site: Site, tenant: str, words: str) -> None:
    """What changes something gets 503, the reason, and when to come back; what reads is answered."""
    assert words in until_refused(site, tenant)
    readable = (f"/_/proxy/tenants/{tenant}/install", "/_/install/jobs", "/_/proxy/modules", "/metrics", "/")
    assert [site.request("GET", path).status_code for path in readable] == [200] * len(readable)


def check_called_once(fleet: Fleet) -> None:
    """Nobody took a job over from its worker, which was as able as any other."""
    whole = [tenant for tenant in fleet.jobs if tenant not in fleet.aborted]
    assert {fleet.site.called(tenant, module) for tenant in whole for module in SIX} == {1}


def test_forty_jobs_wait_until_the_database_is_no_longer_read_only(site: Site) -> None:
    idle = site.tenant()
    fleet = Fleet.start(site)
    fleet.until_begun(60)
    with site.database.read_only():
        check_refusals(site, idle, "the database is read-only")
        until_refused(site, idle, options="")
        until(lambda: query(site, EXPIRED), "the end of all leases")
    fleet = fleet.abort_some()
    fleet.check()
    check_called_once(fleet)


def test_forty_jobs_wait_until_the_disk_has_room_again(site: Site, tight: TightServer) -> None:
    with tight.site(site, {}) as found:
        idle = found.tenant()
        fleet = Fleet.start(found)
        fleet.until_begun(60)
        with tight.tables.filled():
            check_refusals(found, idle, "No space left on device")
            for worker in found.cluster.workers:
                worker.wait_for_line("No space left on device")
        fleet.abort_some().check()


def until_down(tight: TightServer) -> None:
    """Uses up what the log has left, until the server ends by itself."""

    def down() -> bool:
        if tight.server.process.running:
            with contextlib.suppress(psycopg.OperationalError):
                tight.server.execute(sql.SQL("SELECT pg_switch_wal()").format())
                tight.server.execute(sql.SQL("SELECT txid_current()").format())
        return not tight.server.process.running

    until(down, "the end of the server")


def test_forty_jobs_survive_that_the_servers_own_log_has_no_room(site: Site, tight: TightServer) -> None:
    with tight.site(site, {}) as found:
        fleet = Fleet.start(found)
        fleet.until_begun(60)
        with tight.log.filled():
            until_down(tight)
            assert re.search("PANIC: .*No space left on device", tight.server.process.output)
            until_refused(found, next(iter(fleet.jobs)))
        tight.server.start()
        fleet.abort_some().check()
