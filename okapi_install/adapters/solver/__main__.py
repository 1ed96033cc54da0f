"""The solver process. It reads a registry and wishes from standard input, and writes findings to standard output.

It exits when its input ends, whatever it is doing, when it was idle for a while, and when it has grown large, so that
its memory is freed.
"""

from __future__ import annotations

import os
import queue
import resource
import signal
import sys
import threading
from typing import Any

import orjson

from okapi_install.adapters.solver.clingo_solver import ClingoSolver
from okapi_install.adapters.solver.wire import error_line, findings_line, read_registry, read_wish
from okapi_install.domain.errors import UserError
from okapi_install.domain.registry.registry import Registry
from okapi_install.domain.solutions.search import find

MOST_KILOBYTES = 600_000
NICENESS = 5
"""Requests and jobs have priority over it."""


def main(idle_seconds: float) -> None:
    """Handles wishes until none has come for `idle_seconds`, or the process has grown large."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C, and then closes the input
    os.nice(NICENESS)
    lines: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    registry = Registry()
    while _peak_kilobytes() < MOST_KILOBYTES:
        try:
            line = lines.get(timeout=idle_seconds)
        except queue.Empty:
            return
        document = orjson.loads(line)
        if "registry" in document:
            registry = read_registry(document)
        else:
            sys.stdout.buffer.write(_answer(registry, document))
            sys.stdout.buffer.flush()


def _read(lines: queue.Queue[bytes]) -> None:
    for line in sys.stdin.buffer:
        lines.put(line)
    os._exit(0)  # the solver may still be busy with a request that was given up


def _answer(registry: Registry, document: Any) -> bytes:
    try:
        return findings_line(find(registry, read_wish(document), ClingoSolver(document["seconds"]), document["most"]))
    except UserError as refusal:
        return error_line(refusal.message)


def _peak_kilobytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main(float(sys.argv[1]))
    os._exit(0)  # the interpreter's own end would fail at the thread that waits for input
