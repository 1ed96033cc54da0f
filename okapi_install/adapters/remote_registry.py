"""Other servers over HTTP, with requests: registries to pull from, and instances that are asked whether they answer."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import requests
import structlog

from okapi_install.domain.errors import InternalError, UserError

log = structlog.get_logger()

_CONNECT_SECONDS = 10.0
_READ_SECONDS = 300.0
_PROBE_SECONDS = 5.0
_MOST_BYTES = 512 * 1024 * 1024
_CHUNK = 1024 * 1024


class RequestsRemoteRegistry:
    """Another Okapi, or what speaks its API."""

    def version(self, url: str) -> str | None:
        """What it says it is; None if it does not answer, or not with 200."""
        try:
            with requests.get(_path(url, "_/version"), timeout=(_CONNECT_SECONDS, 30.0), stream=True) as answer:
                text = _read(answer, 1024).decode("utf-8", "replace").strip()
                status = answer.status_code
        except (requests.RequestException, ValueError, InternalError) as why:
            log.warning("pull: no answer", url=url, cause=type(why).__name__)
            return None
        if status != 200:
            log.warning("pull: refused", url=url, status=status)
            return None
        return text

    def descriptors(self, url: str, known: Sequence[str]) -> list[object]:
        """Its module descriptors, as it sent them, but for those known.

        Raises:
            UserError: it answered with an error; the message is its body.
            InternalError: it did not answer, or not with a list.
        """
        body, headers = orjson.dumps(list(known)), {"Content-Type": "application/json"}
        path = _path(url, "_/proxy/modules?full=true")
        try:
            with requests.get(
                path, data=body, headers=headers, timeout=(_CONNECT_SECONDS, _READ_SECONDS), stream=True
            ) as answer:
                sent, status = _read(answer, _MOST_BYTES), answer.status_code
        except (requests.RequestException, ValueError) as why:
            raise InternalError(f"pull: {url} does not answer: {cause_of(why)}") from None
        if status != 200:
            raise UserError(sent.decode("utf-8", "replace")[:10000])
        try:
            found = orjson.loads(sent)
        except orjson.JSONDecodeError:
            raise InternalError(f"pull: {url} did not answer with JSON") from None
        if not isinstance(found, list):
            raise InternalError(f"pull: {url} did not answer with a list of modules")
        return found


class RequestsHealthProbe:
    """Asks an address over HTTP."""

    def problem(self, url: str) -> str | None:
        """See HealthProbe: any answer will do."""
        try:
            with requests.get(url, timeout=_PROBE_SECONDS, stream=True, allow_redirects=False):
                return None
        except (requests.RequestException, ValueError) as why:
            return cause_of(why)


def cause_of(why: Exception) -> str:
    """What went wrong in a few words, without the library's names."""
    text = str(why)
    known = ("Connection refused", "Name or service not known", "Connection reset by peer", "No route to host")
    if isinstance(why, requests.Timeout):
        return "no answer in time"
    return next((words for words in known if words in text), type(why).__name__)


def _path(url: str, path: str) -> str:
    return (url if url.endswith("/") else url + "/") + path


def _read(answer: requests.Response, most: int) -> bytes:
    found = bytearray()
    for chunk in answer.iter_content(_CHUNK):
        found += chunk
        if len(found) > most:
            raise InternalError(f"pull: more than {most} bytes from {answer.url}")
    return bytes(found)
