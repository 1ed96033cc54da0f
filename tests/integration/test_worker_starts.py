"""How a worker may not be started: it says so, with the right command, and does not start."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.fixtures.cluster import BIN, WORKER_READY, Cluster, environ
from tests.fixtures.parts import ROOT
from tests.fixtures.processes import ServerProcess

RIGHT = "celery -A worker worker -P gevent -c 500 -E"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("", "the pool is prefork"),
        ("-P threads", "the pool is threads"),
        ("-P solo", "the pool is solo"),
        ("-P gevent -c 0", "-c 0 lets no job run"),
        ("-P gevent -c 5 -Q other", "the only queue of jobs is okapi-install"),
        ("-P gevent -c 5 -Q okapi-install,other", "the only queue of jobs is okapi-install"),
        ("-P gevent -c 5 -X okapi-install", "the only queue of jobs is okapi-install"),
    ],
)
def test_a_worker_that_could_not_do_its_work_is_refused(
    cluster: Cluster, tmp_path: Path, options: str, why: str
) -> None:
    env = environ({**cluster.settings, "OKAPI_INSTALL_LOG_FORMAT": "json"})
    command = [BIN / "celery", "-A", "worker", "worker", *options.split()]
    worker = ServerProcess(command, log=tmp_path / "worker.log", env=env, cwd=ROOT)
    with worker:
        assert worker.wait() == 1
    (line,) = worker.output.splitlines()
    event = json.loads(line)["event"]
    assert why in event
    assert RIGHT in event


def test_the_usual_ways_are_not_refused(cluster: Cluster, tmp_path: Path) -> None:
    env = environ({**cluster.settings, "OKAPI_INSTALL_LOG_FORMAT": "json"})
    for number, options in enumerate(("", "-c 5 -Q okapi-install")):
        command = [BIN / "celery", "-A", "worker", "worker", "-P", "gevent", "-n", f"w{number}@%h", *options.split()]
        with ServerProcess(command, log=tmp_path / f"{number}.log", env=env, cwd=ROOT) as worker:
            worker.wait_for_line(WORKER_READY)
            assert worker.terminate() == 0
        lines = [json.loads(line) for line in worker.output.splitlines()]
        assert any("ready" in line["event"] for line in lines)
        assert os.environ.get("OKAPI_INSTALL_LOG_FORMAT") is None
