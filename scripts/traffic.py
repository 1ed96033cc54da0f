"""Clients for measurements: a connection that counts and times its requests, and a platform of simulated modules."""

from __future__ import annotations

import http.client
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit

from tests.fixtures.back_end.descriptors import bare_descriptor
from tests.fixtures.back_end.process import BackEnd

INSTALL = "/_/proxy/tenants/{}/install?async=true"


class Tally:
    """Durations by kind of request, and what went wrong. Shared by threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.errors: list[str] = []

    def add(self, kind: str, seconds: float, error: str | None) -> None:
        """Adds a request."""
        with self._lock:
            self.seconds[kind].append(seconds)
            if error is not None:
                self.errors.append(f"{kind}: {error}")

    def table(self) -> list[str]:
        """A line for each kind, and one for all: how many, median and 99th percentile in milliseconds."""
        rows = {**dict(sorted(self.seconds.items())), "all": [s for found in self.seconds.values() for s in found]}
        return [
            f"{kind:<18}{len(found):>8}{at(found, 0.5):>9.1f}{at(found, 0.99):>9.1f}" for kind, found in rows.items()
        ]


def at(seconds: Iterable[float], part: float) -> float:
    """The percentile at `part` (0 to 1), in milliseconds."""
    found = sorted(seconds)
    return found[min(int(len(found) * part), len(found) - 1)] * 1000 if found else 0.0


class Connection:
    """One connection that is kept open, as a client's. It knows the server's address."""

    def __init__(self, url: str, tally: Tally | None = None) -> None:
        self._where = urlsplit(url).netloc
        self._http = http.client.HTTPConnection(self._where, timeout=60)
        self._tally = tally or Tally()

    def send(self, kind: str, method: str, path: str, body: object = None) -> tuple[int, Any, Mapping[str, str]]:
        """Status, body (parsed if JSON) and headers of a response. Status 0 means that there was none."""
        began, error = time.monotonic(), None
        status, text, headers = 0, b"", {}
        try:
            sent = None if body is None else json.dumps(body)
            self._http.request(method, path, sent, {"Content-Type": "application/json"})
            answer = self._http.getresponse()
            status, text, headers = answer.status, answer.read(), dict(answer.getheaders())
        except (OSError, http.client.HTTPException) as problem:
            self._http.close()
            error = f"{method} {path}: {type(problem).__name__}: {problem}"
        if status >= 500:
            error = f"{method} {path}: {status} {text[:200]!r}"
        self._tally.add(kind, time.monotonic() - began, error)
        is_json = headers.get("Content-Type", "").startswith("application/json") and text
        return status, json.loads(text) if is_json else text.decode("utf-8", "replace"), headers

    def install(self, tenant: str, module: str, options: str = "") -> str:
        """Submits a job. Returns its id, or "" if it was refused."""
        path = INSTALL.format(tenant) + options
        status, _, headers = self.send("install", "POST", path, [{"id": module, "action": "enable"}])
        return headers["Location"].rpartition("/")[2] if status == 201 else ""


def register(connection: Connection, back_end: BackEnd, descriptors: Iterable[Mapping[str, Any]]) -> None:
    """Registers modules and their instances."""
    found = list(descriptors)
    connection.send("setup", "POST", "/_/proxy/import/modules?check=false", found)
    for descriptor in found:
        connection.send("setup", "POST", "/_/discovery/modules", back_end.instance(str(descriptor["id"])))


def chain(name: str, length: int) -> list[dict[str, Any]]:
    """So many modules, each of which requires the one before. The last one's id is `mod-NAME<length - 1>-1.0.0`."""
    return [
        bare_descriptor(
            f"mod-{name}{i}-1.0.0",
            provides={f"{name}{i}": "1.0"},
            requires={f"{name}{i - 1}": "1.0"} if i else {},
        )
        for i in range(length)
    ]


def side_by_side(many: int, work: Callable[[int], None]) -> None:
    """Runs the work in so many threads, and waits for all of them."""
    threads = [Thread(target=work, args=(number,)) for number in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
