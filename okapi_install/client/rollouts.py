"""The operations of a server on rollouts. Only our own server has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from okapi_install.client.errors import NotFound, NotOffered
from okapi_install.client.okapi import OkapiClient
from okapi_install.client.transport import Reply

_PATH = "/_/install/rollouts"
_LONGEST = 600.0

Document = dict[str, Any]


class RolloutClient:
    """Starts, reads and changes rollouts. All methods raise only ClientError and its subclasses."""

    def __init__(self, client: OkapiClient) -> None:
        self._client = client

    def simulate(self, body: Mapping[str, Any]) -> Document:
        """What the rollout would do."""
        return self._send("POST", f"{_PATH}?simulate=true", dict(body))

    def start(self, body: Mapping[str, Any]) -> Document:
        """The rollout that was started."""
        return self._send("POST", _PATH, dict(body))

    def page(self, limit: int) -> Document:
        """Rollouts, newest first."""
        return self._send("GET", f"{_PATH}?limit={limit}")

    def one(self, rollout_id: str) -> Document:
        """One rollout."""
        return self._send("GET", f"{_PATH}/{quote(rollout_id, safe='')}")

    def act(self, rollout_id: str, verb: str, body: Mapping[str, Any] | None = None) -> Document:
        """The rollout after pause, resume, retry or abort."""
        return self._send("POST", f"{_PATH}/{quote(rollout_id, safe='')}/{verb}", None if body is None else dict(body))

    def remove(self, rollout_id: str) -> None:
        """Removes a complete rollout."""
        self._reply("DELETE", f"{_PATH}/{quote(rollout_id, safe='')}")

    def _send(self, method: str, path: str, body: object = None) -> Document:
        document: Document = self._reply(method, path, body).document()
        return document

    def _reply(self, method: str, path: str, body: object = None) -> Reply:
        try:
            return self._client.send(method, path, body, timeout=_LONGEST)
        except NotFound:
            if not self._client.ours:
                raise NotOffered("a plain Okapi has no rollouts") from None
            raise
