"""Callbacks of this service that come to this service: they are refused, whatever name or gateway led them here."""

from __future__ import annotations

from flask import request

from okapi_install.domain import messages
from okapi_install.domain.errors import UserError
from okapi_install.service.jobs.callbacks import DELIVERY


def refuse_own_callback() -> None:
    """Raises UserError for a request that is a callback: it would change jobs in the name of nobody."""
    if DELIVERY in request.headers:
        raise UserError(messages.own_callback())
