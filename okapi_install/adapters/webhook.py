"""Sends callbacks. The address is a stranger's: no redirects, no proxy, no cookies, no stored passwords.

Neither is its answer more than a status: nothing of its body is read.
"""

from __future__ import annotations

from collections.abc import Mapping

from okapi_install import __version__
from okapi_install.adapters.outgoing import Limits, OutgoingFailed, exchange
from okapi_install.domain.errors import UserError
from okapi_install.service.callbacks import WebhookFailed
from okapi_install.service.outgoing_rules import OutgoingRules

_LIMITS = Limits(connect=5.0, silence=10.0, seconds=20.0, most_bytes=64 * 1024)
"""Less time than the store's lease of a callback, so that no two workers send it at the same time."""


class HttpWebhook:
    """See callbacks.Webhook."""

    def __init__(self, rules: OutgoingRules) -> None:
        self._rules = rules

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """See callbacks.Webhook."""
        known = {"User-Agent": f"okapi-install/{__version__}", "Connection": "close", **headers}
        try:
            with exchange("POST", url, known, body, _LIMITS, self._rules) as response:
                return response.status
        except (OutgoingFailed, UserError) as why:
            raise WebhookFailed(why.message) from why
