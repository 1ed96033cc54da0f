"""The SQL store under gevent, in a process of its own: a killed greenlet leaves no connection in the middle of work."""

from __future__ import annotations

import subprocess
import sys

from okapi_install.adapters.store import SqlStore

_PROGRAM = """
from gevent import monkey
monkey.patch_all()
import logging
import sys
import gevent
from sqlalchemy import text
from okapi_install.adapters.store import open_store
from okapi_install.adapters.store.engine import make_engine
from okapi_install.service.ports import Tenant

# psycopg may say that it cannot roll back what a kill cut short. The connection is closed then, as the tests require.
logging.getLogger("psycopg").setLevel(logging.ERROR)
store, ticks = open_store(sys.argv[1], pool_size=3), []

def tick():
    while True:
        ticks.append(1)
        gevent.sleep(0.005)

ticker = gevent.spawn(tick)
"""

_KILLED = """
holder = make_engine(sys.argv[1]).connect().execution_options(isolation_level="READ COMMITTED")
store.add_tenant(Tenant(id="locked", name="before"))
for number in range(30):
    holder.execute(text("SELECT * FROM tenants WHERE id = 'locked' FOR UPDATE"))
    before = len(ticks)
    victims = [gevent.spawn(store.put_tenant, Tenant(id="locked", name="never")) for _ in range(3)]
    gevent.sleep(0.001 * number)
    gevent.killall(victims)
    holder.rollback()
    store.put_tenant(Tenant(id=f"t{number}"))
assert store.engine.pool.checkedout() == 0, store.engine.pool.status()
assert store.tenant("locked").name == "before", store.tenant("locked")
assert len(store.tenants()) == 31
assert len(ticks) > 30, len(ticks)
holder.close()
holder.engine.dispose()
store.dispose()
"""

_WRITERS = """
def write(number):
    for turn in range(20):
        store.put_tenant(Tenant(id=f"t{number}", name=str(turn)))
        gevent.sleep(0)

writers = [gevent.spawn(write, number) for number in range(40)]
gevent.sleep(0.02)
gevent.killall(writers[:10])
gevent.joinall(writers[10:], raise_error=True)
assert [store.tenant(f"t{number}").name for number in range(10, 40)] == ["19"] * 30
assert store.engine.pool.checkedout() == 0, store.engine.pool.status()
store.put_tenant(Tenant(id="last"))
store.dispose()
"""

_ANOTHER_PROCESS = """
import sqlite3
holder = sqlite3.connect(store.engine.url.database, isolation_level=None)
holder.execute("BEGIN IMMEDIATE")
before = len(ticks)
writers = [gevent.spawn(store.put_tenant, Tenant(id=f"t{number}")) for number in range(3)]
while len(ticks) < before + 5:
    gevent.sleep(0.005)
gevent.killall(writers[:2])
holder.rollback()
gevent.joinall(writers[2:], raise_error=True)
assert [tenant.id for tenant in store.tenants()] == ["t2"]
assert store.engine.pool.checkedout() == 0, store.engine.pool.status()
holder.close()
store.dispose()
"""


def _run(store: SqlStore, program: str) -> None:
    url = store.engine.url.render_as_string(hide_password=False)
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM + program, url], capture_output=True, text=True, timeout=100, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_greenlet_killed_in_a_statement_changes_nothing_and_gives_its_connection_up(
    postgresql_store: SqlStore,
) -> None:
    _run(postgresql_store, _KILLED)


def test_greenlets_that_write_at_once_wait_for_each_other(sql_store: SqlStore) -> None:
    _run(sql_store, _WRITERS)


def test_a_greenlet_that_waits_for_another_process_lets_the_others_go_on(sqlite_store: SqlStore) -> None:
    _run(sqlite_store, _ANOTHER_PROCESS)
