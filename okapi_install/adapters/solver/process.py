"""Finds solutions in a separate process, so that other requests do not wait for the interpreter's lock, and memory is
freed. The process is started on demand, keeps the registry, and exits by itself when idle.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from contextlib import suppress
from typing import IO, cast

import orjson
import structlog

from okapi_install.adapters.solver.wire import read_findings, registry_line, wish_line
from okapi_install.domain.errors import UserError
from okapi_install.domain.registry.index import Index
from okapi_install.domain.registry.registry import Registry
from okapi_install.domain.solutions.search import Findings
from okapi_install.domain.solutions.wish import Wish
from okapi_install.service.fair_limit import FairLimit

log = structlog.get_logger()

GRACE_SECONDS = 10.0
"""Extra time for what the solver's own limit does not cover: start, facts, rules, plans."""
IDLE_SECONDS = 60.0
"""After which the process ends by itself."""
_READ_BYTES = 1 << 20


class SolverProcess:
    """One solver process at a time; requests take turns. Any thread may use it."""

    def __init__(self, seconds: float, grace: float = GRACE_SECONDS, idle: float = IDLE_SECONDS) -> None:
        """`seconds` is the solver's time for one wish."""
        self._idle = idle
        self._seconds = seconds
        self._grace = grace
        self._turns = FairLimit(1)
        self._child: _Child | None = None

    def find(self, registry: Registry, wish: Wish, most: int) -> Findings:
        """At most `most` solutions; none, and incomplete, if the solver was busy with other requests or took too long.

        Raises:
            UserError: an id of the wish cannot be read.
        """
        try:
            with self._turns.one(self._seconds + self._grace):
                return self._find(registry.index, wish, most)
        except TimeoutError:
            log.warning("no solution in time", seconds=self._seconds)
            return Findings(complete=False)

    def close(self) -> None:
        """Ends the process."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def _find(self, index: Index, wish: Wish, most: int) -> Findings:
        line = wish_line(wish, most, self._seconds)
        for _ in range(2):  # an idle process may exit just when a request is sent
            if self._child is not None and not self._child.alive:
                self.close()
            self._child = self._child or _Child(self._idle)
            try:
                return self._child.ask(index, line, self._seconds + self._grace)
            except (EOFError, BrokenPipeError):
                self.close()
            except TimeoutError:
                self.close()
                raise
        log.error("the solver process ended without a response")
        return Findings(complete=False)


class _Child:
    """A solver process, and the registry that was sent to it."""

    def __init__(self, idle: float) -> None:
        command = [sys.executable, "-m", "okapi_install.adapters.solver", str(idle)]
        self._process = subprocess.Popen(  # noqa: S603 - this program itself
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._input = cast("IO[bytes]", self._process.stdin)
        self._output = cast("IO[bytes]", self._process.stdout)
        self._index: Index | None = None

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, index: Index, line: bytes, seconds: float) -> Findings:
        """The findings for a wish. Raises TimeoutError, UserError; EOFError, BrokenPipeError if the process ended."""
        deadline = time.monotonic() + seconds
        if self._index is not index:
            self._send(registry_line(index))
            self._index = index
        self._send(line)
        document = orjson.loads(self._receive(deadline))
        if "error" in document:
            raise UserError(document["error"])
        return read_findings(document)

    def end(self) -> None:
        """Kills it and reaps it."""
        self._process.kill()
        self._process.wait()
        for stream in (self._input, self._output):
            with suppress(BrokenPipeError):  # the last message may not have been read
                stream.close()

    def _send(self, line: bytes) -> None:
        self._input.write(line)
        self._input.flush()

    def _receive(self, deadline: float) -> bytes:
        received = bytearray()
        with selectors.DefaultSelector() as ready:
            ready.register(self._output, selectors.EVENT_READ)
            while not received.endswith(b"\n"):
                if not ready.select(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError
                part = os.read(self._output.fileno(), _READ_BYTES)
                if not part:
                    raise EOFError
                received += part
        return bytes(received)
