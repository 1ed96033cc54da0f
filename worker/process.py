"""The parts of this worker process. They are made once, when Celery starts the worker."""

from __future__ import annotations

from okapi_install.bootstrap import WorkerParts
from okapi_install.service.worker.worker import Worker

_parts: list[WorkerParts] = []


def install_parts(parts: WorkerParts) -> None:
    """Makes the parts available to tasks and signals."""
    _parts[:] = [parts]


def parts() -> WorkerParts:
    """The parts of this process. Raises RuntimeError before the worker has started."""
    if not _parts:
        raise RuntimeError("the worker has not started")
    return _parts[0]


def worker() -> Worker:
    """The worker of this process. Raises RuntimeError before it has started."""
    return parts().worker
