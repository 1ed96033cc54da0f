"""Other servers over HTTP: registries to pull from, and instances whose health is checked."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import structlog

from okapi_install.adapters.outgoing import Limits, OutgoingFailed, exchange, read_body
from okapi_install.config_rules import redacted_url
from okapi_install.domain import messages
from okapi_install.domain.errors import InternalError, UserError
from okapi_install.domain.foreign_status import is_not_found, is_ok, succeeded
from okapi_install.domain.modules.call_urls import UnusableUrl, call_url, check_address
from okapi_install.service.outgoing_rules import OutgoingRules

log = structlog.get_logger()

_VERSION = Limits(connect=10.0, silence=10.0, seconds=30.0, most_bytes=64 * 1024)
_PROBE = Limits(connect=5.0, silence=5.0, seconds=5.0, most_bytes=64 * 1024)
_HEALTH = "/admin/health"
_LONGEST_VERSION = 1024
_BYTES_PER_ELEMENT = 12
"""Descriptors have at most one list, object or member in 30 bytes. A denser document would fill the memory."""


class HttpRemoteRegistry:
    """Reads from another Okapi, or a server with its API.

    At most `most_bytes` of its list are read, even when decompressed, and for at most `seconds`.
    """

    def __init__(self, rules: OutgoingRules, *, most_bytes: int, seconds: float) -> None:
        self._rules = rules
        self._most_bytes = most_bytes
        self._limits = Limits(connect=10.0, silence=min(60.0, seconds), seconds=seconds, most_bytes=most_bytes)

    def version(self, url: str) -> str | None:
        """The version of the server; None if it does not respond."""
        try:
            with exchange("GET", _path(url, "_/version"), {}, None, _VERSION, self._rules) as response:
                text = response.read(_LONGEST_VERSION).decode("utf-8", "replace").strip()
        except OutgoingFailed as why:
            log.warning("pull: no response", url=redacted_url(url), cause=why.message)
            return None
        if not is_ok(response.status):
            log.warning("pull: refused", url=redacted_url(url), status=response.status)
            return None
        return text

    def descriptors(self, url: str, known: Sequence[str]) -> list[object]:
        """The server's module descriptors, without those that are known. Raises InternalError."""
        shown = redacted_url(url)
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
        path = _path(url, "_/proxy/modules?full=true")
        try:
            with exchange("GET", path, headers, orjson.dumps(list(known)), self._limits, self._rules) as response:
                if not is_ok(response.status):
                    raise UserError(messages.pull_refused(shown, response.status))
                sent = read_body(response, self._limits)
        except OutgoingFailed as why:
            raise InternalError(f"pull: no usable response from {shown}: {why.message}") from None
        return self._list(sent, shown)

    def _list(self, sent: bytes, shown: str) -> list[object]:
        elements = sent.count(b"[") + sent.count(b"{") + sent.count(b",")
        if elements > max(100_000, self._most_bytes // _BYTES_PER_ELEMENT):
            raise InternalError(f"pull: {shown} sent a list with too many elements")
        try:
            found = orjson.loads(sent)
        except orjson.JSONDecodeError:
            raise InternalError(f"pull: {shown} did not respond with JSON") from None
        if not isinstance(found, list):
            raise InternalError(f"pull: {shown} did not respond with a list of modules")
        return found


class HttpHealthProbe:
    """Checks the health of an address over HTTP."""

    def problem(self, url: str) -> str | None:
        """Why the address does not respond; None if it does, with any status."""
        try:
            check_address(url)
            with exchange("GET", url, {}, None, _PROBE):
                return None
        except (UnusableUrl, OutgoingFailed) as why:
            return why.message

    def health_problem(self, url: str) -> str | None:
        """What the health check of a module at that address says; None if it is well, or there is no health check."""
        try:
            with exchange("GET", call_url(url, _HEALTH), {}, None, _PROBE) as response:
                usual = succeeded(response.status) or is_not_found(response.status)
                return None if usual else str(response.status)
        except (UnusableUrl, OutgoingFailed) as why:
            return why.message


def _path(url: str, path: str) -> str:
    return (url if url.endswith("/") else url + "/") + path
