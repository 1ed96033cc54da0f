"""The newest release of a product, and which tenants are behind it."""

from __future__ import annotations

import pytest

from okapi_install.domain.modules.versions import ModuleId
from okapi_install.domain.registry.registry import Registry
from okapi_install.domain.registry.releases import is_behind, newest_release, tenants_behind
from tests.unit.domain.registries import module

IDS = ("mod-a-1.0.0", "mod-a-1.10.0", "mod-a-2.0.0-SNAPSHOT.1", "ui-1.0.1000001", "mod-a-b-3.0.0")
INDEX = Registry(map(module, IDS)).index


@pytest.mark.parametrize(("product", "newest"), [("mod-a", "mod-a-1.10.0"), ("ui", None), ("none", None)])
def test_snapshots_are_no_releases(product: str, newest: str | None) -> None:
    found = newest_release(INDEX, product)
    assert (found and found.id) == newest


@pytest.mark.parametrize(
    ("ident", "behind"),
    [
        ("mod-a-1.9.0", True),
        ("mod-a-1.10.0", False),
        ("mod-a-1.10.0-SNAPSHOT.7", True),
        ("mod-a-2.0.0-SNAPSHOT.1", False),
        ("ui-1.0.0", False),
    ],
)
def test_a_version_is_behind_if_a_newer_release_exists(ident: str, behind: bool) -> None:
    assert is_behind(INDEX, ModuleId.parse(ident)) is behind


def test_tenants_are_behind_by_the_product_and_not_by_its_prefix() -> None:
    enabled = {"c": ["mod-a-1.0.0"], "a": ["mod-x-1.0.0", "mod-a-1.2.0"], "b": ["mod-a-1.10.0"], "d": ["mod-a-b-1.0.0"]}
    assert tenants_behind(INDEX, enabled, "mod-a") == ["a", "c"]
    assert tenants_behind(INDEX, enabled, "ui") == []
