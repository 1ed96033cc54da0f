"""Which tenant is in which wave, and how many failures are allowed."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import islice

from okapi_install.domain.errors import UserError
from okapi_install.domain.rollouts import words

WaveSize = int | str | tuple[str, ...]
"""A number of tenants, a percentage of all ("10%"), "rest", or the tenants themselves."""

REST = "rest"
_ALL = 100.0
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,4})?)\s*%", re.ASCII)


def waves(tenants: Sequence[str], sizes: Sequence[WaveSize]) -> list[tuple[str, ...]]:
    """The tenants of each wave, in order. What the sizes leave over is a last wave; empty waves are left out.

    A percentage is of all tenants, rounded up. Tenants that are named in a list are in that wave only.

    Raises:
        UserError: a size is not valid, or a list names a tenant that is not in the rollout, or one twice.
    """
    named = [tenant for size in sizes if isinstance(size, tuple) for tenant in size]
    _check_named(named, tenants)
    others = iter([tenant for tenant in tenants if tenant not in set(named)])
    found = [
        tuple(size) if isinstance(size, tuple) else tuple(islice(others, _number(size, len(tenants)))) for size in sizes
    ]
    return [wave for wave in (*found, tuple(others)) if wave]


def allowed_failures(limit: int | str, tenants: int) -> int:
    """How many tenants may fail. A percentage is of all tenants, rounded down. Raises UserError."""
    if isinstance(limit, int):
        if limit < 0:
            raise UserError(words.invalid_failures(str(limit)))
        return limit
    percent = _percent(limit)
    if percent is None:
        raise UserError(words.invalid_failures(limit))
    return math.floor(tenants * percent / 100)


def _number(size: int | str, total: int) -> int | None:
    """How many tenants; None means all that are left."""
    if isinstance(size, int):
        if size < 1:
            raise UserError(words.invalid_wave(str(size)))
        return size
    if size == REST:
        return None
    percent = _percent(size)
    if not percent:
        raise UserError(words.invalid_wave(size))
    return math.ceil(total * percent / _ALL)


def _percent(text: str) -> float | None:
    found = _PERCENT.fullmatch(text.strip())
    percent = float(found[1]) if found else None
    return percent if percent is not None and percent <= _ALL else None


def _check_named(named: Sequence[str], tenants: Sequence[str]) -> None:
    known, seen = set(tenants), set()
    for tenant in named:
        if tenant not in known:
            raise UserError(words.wave_names_other_tenant(tenant))
        if tenant in seen:
            raise UserError(words.tenant_twice(tenant))
        seen.add(tenant)
