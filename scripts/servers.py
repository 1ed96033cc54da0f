"""PostgreSQL, Redis and a cluster for a measurement: started, and always stopped."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.fixtures.cluster import Cluster
from tests.fixtures.postgresql import PostgresqlServer, _binaries, server_account
from tests.fixtures.redis import RedisServer

PLAIN = {"OKAPI_INSTALL_LEASE_SECONDS": "15", "OKAPI_INSTALL_BEAT_SECONDS": "3", "OKAPI_INSTALL_SWEEP_SECONDS": "2"}
"""The settings that a site has, where tests have shorter times."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """A cluster, with the process ids of its database and its broker."""

    cluster: Cluster
    database_url: str
    postgresql: int
    redis: int

    def processes(self) -> Mapping[str, list[int]]:
        """The first process of each part, by its name."""
        return {
            "workers": [worker.pid for worker in self.cluster.workers],
            "API": [api.pid for api in self.cluster.apis],
            "PostgreSQL": [self.postgresql],
            "Redis": [self.redis],
        }


@contextmanager
def running_cluster(settings: Mapping[str, str], *, apis: int = 1, workers: int = 2) -> Iterator[Cluster]:
    """The cluster of a running site."""
    with running_site(settings, apis=apis, workers=workers) as site:
        yield site.cluster


@contextmanager
def running_site(settings: Mapping[str, str], *, apis: int = 1, workers: int = 2) -> Iterator[Site]:
    """A cluster on a PostgreSQL that syncs to disk and a Redis, both of Debian's packages."""
    redis = shutil.which("redis-server")
    if redis is None:
        sys.exit("redis-server is not installed (Debian: apt-get install redis-server postgresql)")
    account = server_account()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="okapi-install-bench-")))
        database = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="okapi-install-bench-")))
        if account:
            shutil.chown(database, account)
        postgresql = PostgresqlServer(_binaries(), database, account)
        stack.callback(postgresql.process.end)
        postgresql.start()
        broker = RedisServer(redis, folder / "redis")
        stack.callback(broker.process.end)
        broker.start()
        database_url = postgresql.url(postgresql.create_database())
        cluster = Cluster(folder / "cluster", database_url, broker.url, settings)
        stack.callback(cluster.end)
        cluster.start(apis=apis, workers=workers)
        yield Site(
            cluster=cluster,
            database_url=database_url,
            postgresql=postgresql.process.pid,
            redis=broker.process.pid,
        )
