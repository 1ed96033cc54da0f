"""Change notifications of jobs, over the broker's publish and subscribe. They can be lost; waiters also poll."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import redis
import structlog
from tenacity import Retrying, retry_if_exception_type, wait_random_exponential

from okapi_install.domain.errors import OkapiInstallError
from okapi_install.service.metrics import BROKER_ERRORS, BrokerPart, Meters

log = structlog.get_logger()

CHANNEL = "okapi-install:changed"
_TOGETHER = 0.02
_LOST = (redis.RedisError, OSError)
_PAUSES = wait_random_exponential(multiplier=0.2, min=0.1, max=1.0)
"""Seconds between attempts to subscribe. Waiters also check the store twice a second."""


class BrokerUnavailable(OkapiInstallError):
    """The broker does not respond."""

    code = "broker_unavailable"


class Wake:
    """Waits for a change of a job; implements ports.Listener."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def wait(self, timeout: float) -> bool:
        """Waits for a change, at most `timeout` seconds. True if there was one."""
        changed = self._event.wait(timeout)
        self._event.clear()

        return changed

    def tell(self) -> None:
        """Wakes the waiter."""
        self._event.set()


class RedisNotifier:
    """Implements ports.Notifier with one connection for publishing and one for listening, opened on first use."""

    def __init__(self, broker_url: str, meters: Meters | None = None) -> None:
        self._meters = meters or Meters()
        self._redis = redis.Redis.from_url(
            broker_url, socket_connect_timeout=2, socket_timeout=10, health_check_interval=10
        )
        self._lock = threading.Lock()
        self._changed: set[str] = set()
        self._due = threading.Event()
        self._urgent = threading.Event()
        self._wakes: dict[str, set[Wake]] = defaultdict(set)
        self._threads: dict[str, threading.Thread] = {}

    def changed(self, job_id: str, *, now: bool = False) -> None:
        """Notifies waiters of a change of the job; with `now` before this method returns."""
        self._changed.add(job_id)
        if now:
            self._urgent.set()
        self._due.set()
        self._run("publisher", self._publish_changes)

    def ping(self) -> None:
        """Raises BrokerUnavailable if the broker does not respond."""
        try:
            self._redis.ping()
        except (redis.RedisError, OSError) as problem:
            raise BrokerUnavailable(str(problem)) from problem

    def _publish_changes(self) -> None:
        while True:
            self._due.wait()
            self._urgent.wait(_TOGETHER)
            self._urgent.clear()
            self._due.clear()
            jobs, self._changed = self._changed, set()
            if jobs:
                self._publish(list(jobs))

    def _publish(self, jobs: list[str]) -> None:
        try:
            self._redis.publish(CHANNEL, " ".join(jobs))
        except redis.RedisError as problem:
            self._meters.count(BROKER_ERRORS, part=BrokerPart.NOTIFIER)
            log.debug("change notification lost: the broker is unavailable", cause=str(problem))

    @contextmanager
    def listen(self, job_id: str) -> Iterator[Wake]:
        """A context in which a Wake receives the changes of the job."""
        self._run("listener", self._listen)
        wake = Wake()
        with self._lock:
            self._wakes[job_id].add(wake)
        try:
            yield wake
        finally:
            with self._lock:
                self._wakes[job_id].discard(wake)
                if not self._wakes[job_id]:
                    del self._wakes[job_id]

    def _listen(self) -> None:
        subscribing = Retrying(
            retry=retry_if_exception_type(_LOST),
            wait=_PAUSES,
            before_sleep=lambda state: self._not_listening(state.outcome.exception() if state.outcome else None),
        )
        while True:
            pubsub = subscribing(self._subscribed)
            try:
                self._hear(pubsub)
            except _LOST as problem:
                self._not_listening(problem)
            finally:
                pubsub.close()

    def _subscribed(self) -> redis.client.PubSub:
        """A subscription that the broker has confirmed, so that the next lost connection counts as a new outage."""
        pubsub = redis.client.PubSub(self._redis.connection_pool, ignore_subscribe_messages=True)
        try:
            pubsub.subscribe(CHANNEL)
            pubsub.get_message(timeout=5.0)
        except BaseException:
            pubsub.close()
            raise
        return pubsub

    def _not_listening(self, problem: BaseException | None) -> None:
        self._meters.count(BROKER_ERRORS, part=BrokerPart.LISTENER)
        log.debug("not listening: the broker is unavailable", cause=str(problem))

    def _hear(self, pubsub: redis.client.PubSub) -> None:
        while True:
            heard = pubsub.get_message(timeout=5.0)
            if heard is None or heard["type"] != "message":
                continue
            with self._lock:
                wakes = [wake for job_id in heard["data"].decode().split() for wake in self._wakes.get(job_id, ())]
            for wake in wakes:
                wake.tell()

    def _run(self, name: str, target: object) -> None:
        with self._lock:
            thread = self._threads.get(name)
            if thread is None or not thread.is_alive():
                thread = threading.Thread(target=target, name=name, daemon=True)  # type: ignore[arg-type]
                self._threads[name] = thread
                thread.start()
