"""PostgreSQL, Redis and a cluster for a measurement: started, and always stopped."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.fixtures.cluster import Cluster
from tests.fixtures.postgresql import PostgresqlServer, _binaries, server_account
from tests.fixtures.redis import RedisServer


@contextmanager
def running_cluster(settings: Mapping[str, str], *, apis: int = 1, workers: int = 2) -> Iterator[Cluster]:
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
        cluster = Cluster(folder / "cluster", postgresql.url(postgresql.create_database()), broker.url, settings)
        stack.callback(cluster.end)
        yield cluster.start(apis=apis, workers=workers)
