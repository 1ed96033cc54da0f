"""Names of workers. A worker process has a name for people, which may not be unique, and a unique identity."""

from __future__ import annotations

_SEPARATOR = "#"


def worker_identity(name: str, process: str) -> str:
    """The identity in the claims and heartbeats of a process. `process` must be unique to it."""
    return f"{name}{_SEPARATOR}{process}"


def worker_name(identity: str) -> str:
    """The name shown for the worker with that identity."""
    name, separator, _ = identity.rpartition(_SEPARATOR)
    return name if separator else identity
