"""What a worker process does to itself when it starts."""

from __future__ import annotations

import psutil
import pytest

from tests.fixtures.cluster import WORKER_READY, Cluster

NICE = 3
LEAST_PRIORITY = 19


@pytest.mark.parametrize(
    ("settings", "nice"), [({"OKAPI_INSTALL_WORKER_NICE": str(NICE)}, NICE), ({"OKAPI_INSTALL_WORKER_NICE": "0"}, 0)]
)
def test_a_worker_is_as_nice_as_it_is_told_to_be(cluster: Cluster, settings: dict[str, str], nice: int) -> None:
    worker = cluster.start_worker(settings)
    worker.wait_for_line(WORKER_READY)
    expected = min(psutil.Process().nice() + nice, LEAST_PRIORITY)
    assert {process.nice() for process in (psutil.Process(worker.pid), *worker.descendants())} == {expected}
