"""Limits for requests that hold a thread without using it, so that others always find one.

There are two limits: for requests that wait for jobs (event streams, long polls, synchronous installs), and for clients
that may send or read a large body slowly.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import cast

from flask import Flask, Response, current_app, request

from okapi_install.config import Settings
from okapi_install.domain import messages
from okapi_install.web.connections.arrivals import MOST_BODY
from okapi_install.web.http.errors import TooManyWaiting, error_answer

_EXTENSION = "okapi_install.waiting"
_LARGE_RESPONSE = 256 * 1024
"""Bytes. The kernel buffers a smaller response at once, whether the client reads or not."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place that was taken. It may be released twice."""

    places: BoundedSemaphore
    _released: list[bool] = field(default_factory=list)

    def release(self) -> None:
        """Gives it back."""
        if not self._released:
            self._released.append(True)
            self.places.release()


class Places:
    """A fixed number of places, without a queue."""

    def __init__(self, most: int, refusal: str) -> None:
        self._refusal = refusal
        self._free = BoundedSemaphore(most)

    def take(self) -> Place:
        """A place. Raises TooManyWaiting."""
        if not self._free.acquire(blocking=False):
            raise TooManyWaiting(self._refusal)
        return Place(self._free)


@dataclass(frozen=True, slots=True)
class _Limits:
    jobs: Places
    bodies: Places


def install(app: Flask, settings: Settings) -> None:
    """Sets the limits of the app. Large bodies get half of the threads that others do not occupy."""
    waiting = settings.most_waiting_requests
    forwarded = settings.most_forwarded_requests if settings.okapi is not None else 0
    bodies = max(1, (settings.api_threads - waiting - forwarded) // 2)
    limits = _Limits(
        jobs=Places(waiting, messages.too_many_waiting(waiting)),
        bodies=Places(bodies, messages.too_many_large_bodies(bodies)),
    )
    app.extensions[_EXTENSION] = limits
    app.after_request(_while_it_is_sent)


def place_for_jobs() -> Place:
    """A place among those that wait for jobs, to be released by the caller. Raises TooManyWaiting."""
    return _limits().jobs.take()


@contextmanager
def waiting_for_a_job() -> Iterator[None]:
    """Holds a place for the current request while it waits for a job. Raises TooManyWaiting."""
    place = place_for_jobs()
    try:
        yield
    finally:
        place.release()


@contextmanager
def receiving_the_body() -> Iterator[None]:
    """Holds a place while the current request reads a body that has not arrived yet. Raises TooManyWaiting."""
    if has_arrived():
        yield
        return
    place = _limits().bodies.take()
    try:
        yield
    finally:
        place.release()


def has_arrived() -> bool:
    """Whether the server had the whole body before the request was given a thread."""
    headers = request.headers
    unknown = "Transfer-Encoding" in headers or "Expect" in headers
    return not unknown and (request.content_length or 0) <= MOST_BODY


def _while_it_is_sent(response: Response) -> Response:
    if response.is_streamed or (response.content_length or 0) <= _LARGE_RESPONSE:
        return response
    try:
        response.call_on_close(_limits().bodies.take().release)
    except TooManyWaiting as refusal:
        return error_answer(refusal)
    return response


def _limits() -> _Limits:
    return cast(_Limits, current_app.extensions[_EXTENSION])
