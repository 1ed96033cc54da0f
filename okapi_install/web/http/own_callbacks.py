"""Refuses callbacks that this service sends to itself, under whatever name or through whatever gateway."""

from __future__ import annotations

from flask import request

from okapi_install.domain import messages
from okapi_install.domain.errors import UserError
from okapi_install.service.jobs.callbacks import DELIVERY


def refuse_own_callback() -> None:
    """Raises UserError for a request that is a callback of this service. It could change jobs without a user."""
    if DELIVERY in request.headers:
        raise UserError(messages.own_callback())
