"""What the HTTP status means with which somebody else answers: a module, a registry, the receiver of a callback.

Which statuses this service answers with is known in `web` alone.
"""

from __future__ import annotations


def is_interim(status: int) -> bool:
    """1xx: another response follows."""
    return status < 200


def succeeded(status: int) -> bool:
    """Any 2xx."""
    return 200 <= status < 300


def is_ok(status: int) -> bool:
    """200, where nothing else has a body that is wanted."""
    return status == 200


def is_not_found(status: int) -> bool:
    """404."""
    return status == 404


def is_gone(status: int) -> bool:
    """410: it is not to be asked again."""
    return status == 410


def is_error(status: int) -> bool:
    """Any 4xx or 5xx."""
    return status >= 400


def is_server_error(status: int) -> bool:
    """Any 5xx: it may pass."""
    return status >= 500
