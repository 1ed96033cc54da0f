"""The demo's data holds together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from okapi_install.demo.behaviours import parse_behaviour
from okapi_install.demo.platform import Descriptor, behaviours, next_generation, platform


def upgraded() -> list[Descriptor]:
    products = {product(d): d for d in platform()}
    return list((products | {product(d): d for d in next_generation()}).values())


def product(descriptor: Descriptor) -> str:
    return str(descriptor["id"]).rsplit("-", 1)[0]


def offered(descriptors: Iterable[Descriptor]) -> dict[str, str]:
    found: dict[str, str] = {}
    for descriptor in descriptors:
        for interface in descriptor["provides"]:
            if interface.get("interfaceType", "proxy") == "proxy":
                assert interface["id"] not in found, f"two modules provide {interface['id']}"
                found[interface["id"]] = interface["version"]
    return found


def satisfied(needed: str, have: str) -> bool:
    major, minor = (int(part) for part in have.split(".")[:2])
    wanted = [tuple(int(part) for part in version.split(".")[:2]) for version in needed.split()]
    return any(w[0] == major and w[1] <= minor for w in wanted)


@pytest.mark.parametrize("descriptors", [platform(), upgraded()], ids=["first", "next"])
def test_every_requirement_is_met_within_the_platform(descriptors: list[Descriptor]) -> None:
    have = offered(descriptors)
    for descriptor in descriptors:
        for needed in descriptor["requires"]:
            assert satisfied(needed["version"], have[needed["id"]]), (descriptor["id"], needed)
        for needed in descriptor.get("optional", []):
            assert satisfied(needed["version"], have.get(needed["id"], needed["version"].split()[-1]))


def test_the_platform_has_about_thirty_modules_of_all_kinds() -> None:
    descriptors = platform()
    assert 28 <= len(descriptors) <= 32
    assert any(d["id"].startswith("folio_") for d in descriptors)
    assert any("filters" in d for d in descriptors)
    assert {v for d in descriptors for v in versions_of(d, "_tenant")} >= {"1.1", "1.2", "2.0"}
    assert sum(bool(versions_of(d, "_tenantPermissions")) for d in descriptors) == 1


def versions_of(descriptor: Mapping[str, Any], interface: str) -> list[str]:
    return [p["version"] for p in descriptor["provides"] if p["id"] == interface]


def test_the_next_generation_is_newer_and_breaks_an_interface() -> None:
    first = {product(d): d for d in platform()}
    for descriptor in next_generation():
        old = first[product(descriptor)]["id"].rsplit("-", 1)[1]
        new = descriptor["id"].rsplit("-", 1)[1]
        assert [int(p) for p in new.split(".")] > [int(p) for p in old.split(".")]
    before, after = offered(platform()), offered(upgraded())
    assert any(before[i].split(".")[0] != after[i].split(".")[0] for i in before)


def test_every_behaviour_is_one_and_names_a_module_of_the_platform() -> None:
    products = {product(d) for d in platform()}
    rules = [parse_behaviour(b) for b in behaviours()]
    assert {r.module for r in rules} - {"*"} <= products
    assert any(r.job is not None and r.job.extra.get("warnings") for r in rules)
