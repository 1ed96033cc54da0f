"""The demo's platform: descriptors of two generations, and how long each module takes. All of it is data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

Descriptor = Mapping[str, Any]


def platform() -> list[Descriptor]:
    """About thirty module descriptors that need nothing but each other."""
    return _read("platform.json")


def next_generation() -> list[Descriptor]:
    """Newer versions of some of them; together with the others they are a platform again."""
    return _read("platform-next.json")


def behaviours() -> list[Mapping[str, Any]]:
    """What the simulated modules of the platform do, in the words of behaviours.Behaviour."""
    return _read("behaviours.json")


def has_back_end(descriptor: Descriptor) -> bool:
    """Whether something runs for it: a UI module has neither handlers nor filters."""
    return bool(descriptor.get("provides") or descriptor.get("filters"))


@cache
def _read(name: str) -> list[Descriptor]:
    found: list[Descriptor] = json.loads(files("okapi_install.demo").joinpath("data", name).read_text("utf-8"))
    return found
