"""Which ids may be: of tenants (FOLIO's rule ADR-000002, in Okapi's words), and how long any id may be."""

from __future__ import annotations

import re

from okapi_install.domain.errors import UserError
from okapi_install.domain.messages import message

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
        raise UserError(message(20104, MOST_BYTES))


def check_legacy_tenant_id(ident: str) -> None:
    """Raises UserError for an id that no tenant can have, also one that is older than the rules (Okapi takes any).

    It goes into paths and headers; so it is bounded, and has no character that would end one of them.
    """
    if not _LEGACY_TENANT_ID.fullmatch(ident):
        raise UserError(message(20105, MOST_BYTES))


def check_tenant_id(ident: str) -> None:
    """Raises UserError that says what is wrong with a new tenant's id."""
    if _TENANT_ID.fullmatch(ident):
        return
    if "_" in ident:
        number = 11609
    elif "-" in ident:
        number = 11610
    elif len(ident) > LONGEST_TENANT_ID:
        number = 11611
    else:
        number = 11612 if _ONE_DIGIT.fullmatch(ident) else 11601  # more than one digit: Okapi's pattern misses it
    raise UserError(message(number, ident))
