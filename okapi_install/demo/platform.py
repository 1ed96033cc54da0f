"""The demo's platform, read from data files: two generations of descriptors, and how long each module takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

Descriptor = Mapping[str, Any]


def platform() -> list[Descriptor]:
    """About thirty module descriptors that require only each other."""
    return _read("platform.json")


def next_generation() -> list[Descriptor]:
    """Newer versions of some of the modules, compatible with the others."""
    return _read("platform-next.json")


def behaviours() -> list[Mapping[str, Any]]:
    """The behaviours of the platform's simulated modules, as the fields of behaviours.Behaviour."""
    return _read("behaviours.json")


def has_back_end(descriptor: Descriptor) -> bool:
    """Whether a process runs for the module. A UI module has neither handlers nor filters."""
    return bool(descriptor.get("provides") or descriptor.get("filters"))


@cache
def _read(name: str) -> list[Descriptor]:
    found: list[Descriptor] = json.loads(files("okapi_install.demo").joinpath("data", name).read_text("utf-8"))
    return found
