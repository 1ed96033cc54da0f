"""Sends callbacks over requests. The address is a stranger's: no redirects, no proxy, no cookies, no stored passwords.

What is answered beyond the status is not read, and an answer that trickles in is cut off.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import gevent
import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from okapi_install import __version__
from okapi_install.adapters.remote_registry import cause_of
from okapi_install.service.callbacks import WebhookFailed, is_web_url

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 10.0
_IN_ALL_SECONDS = 20.0
"""Less than the store's lease of a callback, so that no two workers send it at the same time."""


class RequestsWebhook:
    """See callbacks.Webhook."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """See callbacks.Webhook."""
        if not is_web_url(url):
            raise WebhookFailed("not an http or https URL")
        known = {"User-Agent": f"okapi-install/{__version__}", "Connection": "close", **headers}
        try:
            with gevent.Timeout(_IN_ALL_SECONDS, TimeoutError("no answer in time")):
                return _sent(requests.Request("POST", url, headers=known, data=body).prepare())
        except (requests.RequestException, HTTPError, OSError, ValueError) as problem:
            cause = cause_of(problem)
            raise WebhookFailed(str(problem) if isinstance(problem, TimeoutError) else cause) from problem


def _sent(prepared: requests.PreparedRequest) -> int:
    with contextlib.closing(HTTPAdapter(max_retries=0)) as adapter:
        answer = adapter.send(prepared, stream=True, timeout=(_CONNECT_SECONDS, _READ_SECONDS))
        with contextlib.closing(answer):
            return int(answer.status_code)
