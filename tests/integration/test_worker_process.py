"""What a worker process does to itself when it starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.fixtures.cluster import WORKER_READY, Cluster

NICE = 3
LEAST_PRIORITY = 19


@pytest.fixture
def cluster(tmp_path: Path, redis_url: str) -> Iterator[Cluster]:
    """Processes on a database of their own, none of them started."""
    found = Cluster(tmp_path / "cluster", f"sqlite:///{tmp_path}/okapi-install.db", redis_url)
    try:
        found.migrate()
        yield found
    finally:
        found.end()


@pytest.mark.parametrize(
    ("settings", "nice"), [({"OKAPI_INSTALL_WORKER_NICE": str(NICE)}, NICE), ({"OKAPI_INSTALL_WORKER_NICE": "0"}, 0)]
)
def test_a_worker_is_as_nice_as_it_is_told_to_be(cluster: Cluster, settings: dict[str, str], nice: int) -> None:
    worker = cluster.start_worker(settings)
    worker.wait_for_line(WORKER_READY)
    expected = min(psutil.Process().nice() + nice, LEAST_PRIORITY)
    assert {process.nice() for process in (psutil.Process(worker.pid), *worker.descendants())} == {expected}
