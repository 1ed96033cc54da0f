"""Failures in groups: what differs between tenants does not count."""

from __future__ import annotations

import pytest

from okapi_install.domain.rollouts.failures import grouped, normalised
from okapi_install.domain.rollouts.rollout import RolloutTenant, TenantStatus


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("relation diku_mod_users.users is missing", "relation <tenant>_mod_users.users is missing"),
        ("\n  first line \nsecond", "first line"),
        ("id 4f3c2a10-1111-4222-8333-123456789abc already exists", "id <id> already exists"),
        ("waited 12.5 s at 10.0.0.7:9130", "waited <n> s at <n>"),
        ("POST for mod-users-19.2.0 failed with 500: job 77", "POST for mod-users-19.2.0 failed with <n>: job <n>"),
        ("digest 00ffab12cd34", "digest <id>"),
        ("facade is added", "facade is added"),
        (None, ""),
    ],
)  # fmt: skip
def test_a_line_without_ids_numbers_and_the_tenants_name(message: str | None, expected: str) -> None:
    assert normalised(message, "diku") == expected


def _failed(tenant: str, module: str | None, message: str) -> RolloutTenant:
    return RolloutTenant(pos=0, tenant=tenant, wave=0, status=TenantStatus.ERROR, module=module, message=message)


def test_the_same_module_with_the_same_line_is_one_group_and_the_largest_comes_first() -> None:
    tenants = [
        _failed("b", "mod-x-1.0.0", "tenant b: 5 rows"),
        _failed("c", "mod-y-1.0.0", "tenant c: 5 rows"),
        _failed("a", "mod-x-1.0.0", "tenant a: 17 rows\nmore"),
        RolloutTenant(pos=0, tenant="d", wave=0, status=TenantStatus.DONE),
        _failed("e", None, "no plan"),
    ]
    groups = grouped(tenants)
    assert [(group.module, group.line, group.tenants) for group in groups] == [
        ("mod-x-1.0.0", "tenant <tenant>: <n> rows", ("a", "b")),
        (None, "no plan", ("e",)),
        ("mod-y-1.0.0", "tenant <tenant>: <n> rows", ("c",)),
    ]
    assert groups[0].example == "tenant b: 5 rows"
    assert len({group.key for group in groups}) == 3
