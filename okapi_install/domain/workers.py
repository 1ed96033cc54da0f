"""Who owns a job: a worker process has a name for people, which another may have too, and an identity of its own."""

from __future__ import annotations

_SEPARATOR = "#"


def worker_identity(name: str, process: str) -> str:
    """What a process writes into its claims and heartbeats. `process` is unique: no other process ever has it."""
    return f"{name}{_SEPARATOR}{process}"


def worker_name(identity: str) -> str:
    """The name that is shown of the worker with that identity."""
    name, separator, _ = identity.rpartition(_SEPARATOR)
    return name if separator else identity
