"""Starts, watches and stops the children of `serve`."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, closing

import redis
import structlog

from okapi_install.adapters.store import bind_to_okapi, migrate, open_store
from okapi_install.config import Settings
from okapi_install.domain import messages
from okapi_install.domain.errors import InternalError, StoreUnavailable
from okapi_install.domain.foreign_status import is_ok
from okapi_install.supervisor.children import Broker, Child, api, valkey, worker
from okapi_install.supervisor.reservations import listening_socket, locked_folder

log = structlog.get_logger()

READY_WITHIN = 60.0
_STOPPED_WITHIN = 12
"""Seconds, more than all children may take besides the workers' time to stop. After that the kernel kills this process,
and so its children."""
_BROKER_FAILURES = 3


class Supervisor:
    """One running `serve`. `say` prints a line for the user."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self._say = say
        self.settings = settings
        self._children: list[Child] = []
        self._environ: dict[str, str] = {}
        self._stop = False
        self._began = time.monotonic()

    def run(self) -> int:
        """The exit code, after running until SIGTERM, SIGHUP or Ctrl-C.

        Raises:
            InternalError: the address or the data folder is in use, or the broker does not start.
        """
        self.settings.check_door()
        self._listen_to_signals()
        with ExitStack() as taken:
            listening = taken.enter_context(closing(listening_socket(self.settings.host, self.settings.port)))
            taken.enter_context(locked_folder(self.settings.data))
            self._prepare(listening)
            taken.callback((self.settings.data / "broker-url").unlink, missing_ok=True)
            try:
                for child in self._children:
                    child.start(self._environ)
                return self._watch()
            finally:
                listening.close()
                self._end()

    def _prepare(self, listening: socket.socket) -> None:
        """Prepares what the children need."""
        broker = Broker.somewhere() if self.settings.broker_url is None else None
        port = int(listening.getsockname()[1])
        listen = f"{self.settings.listen.rpartition(':')[0]}:{port}"
        found = {"listen": listen, "broker_url": broker.url if broker else self._broker_url}
        self.settings = self.settings.model_copy(update=found)
        migrate(self.settings.database)
        self._bind_store()
        self._write_broker_url()
        brokers = [valkey(self.settings.data, broker)] if broker else []
        workers = [worker(number, self.settings) for number in range(1, self.settings.workers + 1)]
        self._children = [*brokers, *workers, api(listening)]
        self._environ = {**os.environ, **self.settings.to_environ()}

    def _bind_store(self) -> None:
        """Refuses a database that belongs to another Okapi, before a child does. Raises UserError."""
        store = open_store(self.settings.database, pool_size=1)
        try:
            bind_to_okapi(store, self.settings.okapi)
        finally:
            store.dispose()

    @property
    def _broker_url(self) -> str:
        return self.settings.broker_url or ""

    def _write_broker_url(self) -> None:
        """Writes the embedded broker's URL to a file, for `celery -A worker flower`."""
        file = self.settings.data / "broker-url"
        try:
            file.unlink(missing_ok=True)
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
                out.write(self._broker_url)
        except OSError as why:
            raise InternalError(messages.data_not_writable(self.settings.data, why.strerror)) from why

    def _listen_to_signals(self) -> None:
        """Handles stop signals, SIGHUP of a closed terminal too. Signals that were ignored (`nohup`) stay ignored."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._on_signal)

    def _on_signal(self, *_: object) -> None:
        if self._stop:
            return
        self._stop = True
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, _STOPPED_WITHIN + self.settings.stop_seconds)

    def _watch(self) -> int:
        deadline, ready = time.monotonic() + READY_WITHIN, False
        while not self._stop:
            self._restart_the_dead(ready)
            if not ready and self._works():
                ready = True
                self._say(f"okapi-install ready on http://{self.settings.listen}")
            if not ready and time.monotonic() > deadline:
                log.error("not ready in time", seconds=READY_WITHIN)
                return 1
            time.sleep(0.05 if not ready else 0.2)
        return 0

    def _restart_the_dead(self, ready: bool) -> None:
        for child in self._children:
            if child.restart_due():
                code = child.process.returncode if child.process else None
                child.failures += 1
                log.warning("child died, restarting it", child=child.name, code=code)
                if child.name == "valkey" and child.failures > _BROKER_FAILURES and not ready:
                    raise InternalError(messages.broker_does_not_start(child.last_words or f"exit code {code}"))
                child.start(self._environ)

    def _works(self) -> bool:
        return self._broker_answers() and self._api_answers() and self._workers_beat()

    def _api_answers(self) -> bool:
        """Whether the API responds on our socket, on which no other process can listen. No proxy is used."""
        anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (compared with, not bound)
        host = anywhere.get(self.settings.host, self.settings.host)
        try:
            with closing(http.client.HTTPConnection(host, self.settings.port, timeout=2)) as connection:
                connection.request("GET", "/_/proxy/health")
                return is_ok(connection.getresponse().status)
        except (OSError, http.client.HTTPException):
            return False

    def _broker_answers(self) -> bool:
        try:
            with redis.Redis.from_url(self._broker_url, socket_timeout=2, socket_connect_timeout=2) as client:
                return bool(client.ping())
        except (redis.RedisError, OSError):
            return False

    def _workers_beat(self) -> bool:
        """Whether all workers have sent a heartbeat to the store."""
        here = time.monotonic() - self._began
        store = open_store(self.settings.database, pool_size=1)
        try:
            return sum(worker.age < here for worker in store.census().workers) >= self.settings.workers
        except StoreUnavailable:
            return False
        finally:
            store.dispose()

    def _end(self) -> None:
        """Stops the API and the workers, which release their jobs, and then the broker, which they need for that."""
        brokers = [child for child in self._children if child.name == "valkey"]
        for group in ([child for child in self._children if child not in brokers], brokers):
            for child in group:
                child.ask_to_end()
            for child in group:
                child.wait_for_end()
