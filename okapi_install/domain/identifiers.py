"""Valid ids: the rules for tenants (FOLIO's ADR-000002, in Okapi's words), and the length limit for all ids."""

from __future__ import annotations

import re

from okapi_install.domain import messages, okapi_messages
from okapi_install.domain.errors import UserError

MOST_BYTES = 1000
"""A longer id does not fit into an index of a database."""
LONGEST_KEPT = 128
"""Longest text, in characters, that a cache may use as a key. This bounds its memory."""
LONGEST_TENANT_ID = 31
_TENANT_ID = re.compile(r"[a-z][a-z0-9]{0,30}")
_LEGACY_TENANT_ID = re.compile(rf"(?!\.{{1,2}}$)[!-.0-~]{{1,{MOST_BYTES}}}")
_ONE_DIGIT = re.compile(r"\d", re.ASCII)


def check_length(ident: str) -> None:
    """Raises UserError for an id that is too long to be stored."""
    if len(ident.encode()) > MOST_BYTES:
        raise UserError(messages.id_too_long(MOST_BYTES))


def check_legacy_tenant_id(ident: str) -> None:
    """Raises UserError for an id that not even a tenant from before the rules may have. Okapi accepts any.

    The id becomes a part of paths and headers. So its length is limited, and characters that would end one are refused.
    """
    if not _LEGACY_TENANT_ID.fullmatch(ident):
        raise UserError(messages.tenant_id_cannot_be_kept(MOST_BYTES))


def check_tenant_id(ident: str) -> None:
    """Raises UserError that says what is wrong with a new tenant's id."""
    if _TENANT_ID.fullmatch(ident):
        return
    raise UserError(_fault(ident))


def _fault(ident: str) -> str:
    if "_" in ident:
        return okapi_messages.tenant_id_has_underscore(ident)
    if "-" in ident:
        return okapi_messages.tenant_id_has_minus(ident)
    if len(ident) > LONGEST_TENANT_ID:
        return okapi_messages.tenant_id_too_long(ident)
    if _ONE_DIGIT.fullmatch(ident):  # more than one digit: Okapi's pattern misses it
        return okapi_messages.tenant_id_starts_with_digit(ident)
    return okapi_messages.tenant_id_invalid(ident)
