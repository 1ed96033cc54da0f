"""A database that takes no changes: it is said at once, waited for, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.fixtures.site import LONE, TOP, Site
from tests.integration.cluster.fleet import Fleet

REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '{text}' USING ERRCODE = '{code}';
END $$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON jobs EXECUTE FUNCTION refuse();
"""
ACCEPT = "DROP TRIGGER refuse ON jobs; DROP FUNCTION refuse();"

READ_ONLY = ("25006", "cannot execute UPDATE in a read-only transaction")
FULL = ("53100", "could not extend file: No space left on device")
"""What the server says when it stands by, and when its disk is full: codes and words, without being so."""


def execute(site: Site, statements: str) -> None:
    """As the owner of the tables."""
    with psycopg.connect(site.database_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(statements.encode())


@contextmanager
def unwritable(site: Site, code: str, text: str) -> Iterator[None]:
    """While it lasts, nothing about jobs can be changed."""
    execute(site, REFUSE.format(code=code, text=text))
    try:
        yield
    finally:
        execute(site, ACCEPT)


def check_refusals(site: Site, tenant: str, words: str) -> None:
    """What changes something gets 503, the reason, and when to come back; what reads is answered."""
    path = f"/_/proxy/tenants/{tenant}/install"
    for query in ("", "?async=true"):
        answer = site.request("POST", path + query, json=[{"id": LONE}])
        assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "2"), answer.text
        assert words in answer.text
    assert site.request("GET", path).status_code == 200


@pytest.mark.parametrize("why", [READ_ONLY, FULL], ids=["read-only", "disk full"])
def test_forty_jobs_wait_until_the_database_takes_changes_again(site: Site, why: tuple[str, str]) -> None:
    idle = site.tenant()
    fleet = Fleet.start(site)
    fleet.until_begun(60)
    with unwritable(site, *why):
        check_refusals(site, idle, why[1])
    fleet.abort_some().check()
    assert site.complete(site.submit(idle, TOP))["status"] == "done"
