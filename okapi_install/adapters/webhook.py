"""Sends callbacks to addresses that clients chose: without redirects, proxies, cookies and stored passwords.

Only the status of the response is used; its body is not read.
"""

from __future__ import annotations

from collections.abc import Mapping

from okapi_install import __version__
from okapi_install.adapters.outgoing import Limits, OutgoingFailed, exchange
from okapi_install.domain.errors import UserError
from okapi_install.service.jobs.callbacks import WebhookFailed
from okapi_install.service.outgoing_rules import OutgoingRules

_LIMITS = Limits(connect=5.0, silence=10.0, seconds=20.0, most_bytes=64 * 1024)
"""Shorter than the store's lease of a callback, so that two workers never send it at the same time."""


class HttpWebhook:
    """Sends callbacks over HTTP; implements callbacks.Webhook."""

    def __init__(self, rules: OutgoingRules) -> None:
        self._rules = rules

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """The status of the response to a POST. Raises OutgoingFailed, or UserError for a forbidden address."""
        known = {"User-Agent": f"okapi-install/{__version__}", "Connection": "close", **headers}
        try:
            with exchange("POST", url, known, body, _LIMITS, self._rules) as response:
                return response.status
        except (OutgoingFailed, UserError) as why:
            raise WebhookFailed(why.message) from why
