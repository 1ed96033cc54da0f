"""A PostgreSQL on two small disks: one for its tables, one for all else, its write-ahead log included."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from psycopg import sql

from tests.fixtures.cluster import WORKER_READY
from tests.fixtures.postgresql import PostgresqlServer, postgresql_folder, postgresql_in
from tests.fixtures.site import Site
from tests.fixtures.small_disk import SmallDisk, small_disk

_SMALL_LOG = ("min_wal_size=2MB", "max_wal_size=4MB")
"""A log that soon wants a new segment."""


@dataclass(frozen=True, kw_only=True)
class TightServer:
    """The server. Without `tables` it only fails to write; without `log` it goes down."""

    server: PostgresqlServer
    tables: SmallDisk
    log: SmallDisk

    @contextmanager
    def site(self, like: Site, settings: Mapping[str, str]) -> Iterator[Site]:
        """One API and two workers on it, with the modules and the broker of another site."""
        with replace(like, database=self.server).aside(settings) as found:
            found.cluster.start_worker().wait_for_line(WORKER_READY)
            found.audit.install()
            yield found


@contextmanager
def tight_server() -> Iterator[TightServer]:
    """The server, running; new tables are on the disk that is for them."""
    with ExitStack() as stack:
        folder = stack.enter_context(postgresql_folder())
        disks = []
        for name, size in (("tables", "16m"), ("log", "64m")):
            (folder / name).mkdir()
            shutil.chown(folder / name, folder.owner())
            disks.append(stack.enter_context(small_disk(folder / name, size)))
        tables, log = disks
        space = tables.folder / "space"
        space.mkdir()
        shutil.chown(space, folder.owner())
        settings = ("default_tablespace=tight", *_SMALL_LOG)
        data = log.folder / "data"
        server = stack.enter_context(postgresql_in(folder, data=data, initdb=["--wal-segsize=1"], settings=settings))
        server.execute(sql.SQL("CREATE TABLESPACE tight LOCATION {}").format(sql.Literal(str(space))))
        yield TightServer(server=server, tables=tables, log=log)
