"""What the HTTP status of another service's response means: a module, a registry, the receiver of a callback.

The statuses of this service's own responses are in `web` only.
"""

from __future__ import annotations


def is_interim(status: int) -> bool:
    """1xx: another response follows."""
    return status < 200


def succeeded(status: int) -> bool:
    """Any 2xx."""
    return 200 <= status < 300


def is_ok(status: int) -> bool:
    """200 only, for calls where no other status has a usable body."""
    return status == 200


def is_not_found(status: int) -> bool:
    """404."""
    return status == 404


def is_bad_request(status: int) -> bool:
    """400: what was sent is wrong. An auth filter also responds so where a token is missing."""
    return status == 400


def is_forbidden(status: int) -> bool:
    """401 or 403: the token is missing, invalid or without a permission."""
    return status in (401, 403)


def is_temporary(status: int) -> bool:
    """A refusal that may pass: 408, 429 and any 5xx."""
    return status in (408, 429) or is_server_error(status)


def is_gone(status: int) -> bool:
    """410: it must not be called again."""
    return status == 410


def is_error(status: int) -> bool:
    """Any 4xx or 5xx."""
    return status >= 400


def is_server_error(status: int) -> bool:
    """Any 5xx: a retry may succeed."""
    return status >= 500
