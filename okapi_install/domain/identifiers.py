"""Which ids may be: of tenants (FOLIO's rule ADR-000002, in Okapi's words), and how long any id may be."""

from __future__ import annotations

import re

from okapi_install.domain import messages, okapi_messages
from okapi_install.domain.errors import UserError

MOST_BYTES = 1000
"""A longer id fits into no index of a database."""
LONGEST_KEPT = 128
"""Characters of a text that a cache may have as its key, so that its memory has a bound."""
LONGEST_TENANT_ID = 31
_TENANT_ID = re.compile(r"[a-z][a-z0-9]{0,30}")
_LEGACY_TENANT_ID = re.compile(rf"(?!\.{{1,2}}$)[!-.0-~]{{1,{MOST_BYTES}}}")
_ONE_DIGIT = re.compile(r"\d", re.ASCII)


def check_length(ident: str) -> None:
    """Raises UserError for an id that cannot be kept because it is too long."""
    if len(ident.encode()) > MOST_BYTES:
        raise UserError(messages.id_too_long(MOST_BYTES))


def check_legacy_tenant_id(ident: str) -> None:
    """Raises UserError for an id that no tenant can have, also one that is older than the rules (Okapi takes any).

    It goes into paths and headers; so it is bounded, and has no character that would end one of them.
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
