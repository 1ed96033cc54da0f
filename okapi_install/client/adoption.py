"""Copies what an Okapi has into a service that stands alone, through the service's own API.

So it runs with the checks of the API, from any machine, and while the service works. A tenant's modules are enabled by
one job that calls no module. Only what is missing is added: what differs may be newer than what Okapi has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from okapi_install.client.errors import NotFound, NotOffered
from okapi_install.client.okapi import OkapiClient
from okapi_install.client.registration import PRODUCTS
from okapi_install.client.registry import Descriptor, Instance, RegistryClient
from okapi_install.domain.modules.internal_module import OKAPI_PRODUCT
from okapi_install.domain.modules.versions import ModuleId

_RECORD_ONLY = "invoke=false&depCheck=false"
_MINUTES = 600.0


@dataclass(kw_only=True)
class Report:
    """What is missing in the service, how much it has already, and what it has that differs."""

    descriptors: list[Descriptor] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)
    tenants: list[Mapping[str, Any]] = field(default_factory=list)
    enabled: dict[str, list[str]] = field(default_factory=dict)
    same: dict[str, int] = field(default_factory=dict)
    differs: list[str] = field(default_factory=list)

    def counts(self) -> list[tuple[str, int, int]]:
        """For each kind of thing: its name, how many are missing, how many are there already."""
        enabled = sum(map(len, self.enabled.values()))
        missing = (len(self.descriptors), len(self.instances), len(self.tenants), enabled)
        names = ("descriptor", "instance", "tenant", "enabled module")
        return [(name, new, self.same.get(name, 0)) for name, new in zip(names, missing, strict=True)]

    def as_json(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "descriptors": [str(one["id"]) for one in self.descriptors],
            "instances": [{"srvcId": one.module, "instId": one.given_id, "url": one.url} for one in self.instances],
            "tenants": [str(one["id"]) for one in self.tenants],
            "enabled": self.enabled,
            "same": self.same,
            "differs": self.differs,
        }


class Adoption:
    """Compares an Okapi with a service, and copies what the service lacks."""

    def __init__(self, source: RegistryClient, client: OkapiClient) -> None:
        self._source = source
        self._client = client
        self._target = RegistryClient(client)

    def compared(self) -> Report:
        """What is missing and what differs. Raises NotOffered if the server is not a service that stands alone."""
        self._check_target()
        report = Report()
        self._compare_descriptors(report)
        self._compare_instances(report)
        self._compare_tenants(report)
        return report

    def carry_out(self, report: Report) -> None:
        """Copies what is missing."""
        self._target.import_modules(report.descriptors, check=False)
        for instance in report.instances:
            self._target.announce(instance)
        for tenant in report.tenants:
            self._client.send("POST", "/_/proxy/tenants", dict(tenant))
        for tenant_id, modules in report.enabled.items():
            changes = [{"id": module, "action": "enable"} for module in modules]
            path = f"/_/proxy/tenants/{quote(tenant_id, safe='')}/install?{_RECORD_ONLY}"
            self._client.send("POST", path, changes, timeout=_MINUTES)

    def _check_target(self) -> None:
        try:
            health = self._client.send("GET", "/_/install/health").document()
        except NotFound:
            raise NotOffered("only okapi-install has tables of its own; this server is a plain Okapi") from None
        if "okapi" in health:
            raise NotOffered(
                "this service stands beside an Okapi, and so has no tables of its own: see the setting okapi"
            )

    def _compare_descriptors(self, report: Report) -> None:
        known = {str(one["id"]): one for one in self._target.descriptors()}
        for descriptor in self._source.descriptors():
            ident = str(descriptor["id"])
            if _is_own(ident):
                continue
            if ident not in known:
                report.descriptors.append(descriptor)
            elif known[ident] != descriptor:
                report.differs.append(f"the descriptor {ident}")
            else:
                _count(report, "descriptor")

    def _compare_instances(self, report: Report) -> None:
        known = self._target.instances()
        ids = {instance.given_id for instance in known}
        for instance in self._source.instances():
            if _is_own(instance.module):
                continue
            if any(instance.same_place(other) for other in known):
                _count(report, "instance")
            elif instance.given_id in ids:
                place = f"{instance.module} at {instance.url}"
                report.differs.append(f"the instance {instance.given_id}, in Okapi {place}")
            else:
                report.instances.append(instance)

    def _compare_tenants(self, report: Report) -> None:
        known = {str(tenant["id"]): tenant for tenant in self._target.tenants()}
        for tenant in self._source.tenants():
            ident = str(tenant["id"])
            if ident not in known:
                report.tenants.append(tenant)
            elif any(known[ident].get(name) != tenant.get(name) for name in ("name", "description")):
                report.differs.append(f"name or description of tenant {ident}")
            else:
                _count(report, "tenant")
            have = self._target.enabled(ident) if ident in known else []
            self._compare_enabled(report, ident, self._source.enabled(ident), have)

    def _compare_enabled(self, report: Report, tenant: str, wanted: Sequence[str], have: Sequence[str]) -> None:
        wanted, have = _without_own(wanted), _without_own(have)
        products = {ModuleId.parse(ident).product: ident for ident in have}
        missing = []
        for ident in wanted:
            here = products.pop(ModuleId.parse(ident).product, None)
            if here is None:
                missing.append(ident)
            elif here != ident:
                report.differs.append(f"tenant {tenant} has {here}, in Okapi {ident}")
            else:
                _count(report, "enabled module")
        report.differs += [f"tenant {tenant} has {ident}, in Okapi it has not" for ident in sorted(products.values())]
        if missing:
            report.enabled[tenant] = sorted(missing)


def _is_own(ident: str) -> bool:
    """Whether a module is Okapi itself, or this service: each server has its own."""
    return ModuleId.parse(ident).product in (OKAPI_PRODUCT, *PRODUCTS)


def _without_own(ids: Sequence[str]) -> list[str]:
    return [ident for ident in ids if not _is_own(ident)]


def _count(report: Report, what: str) -> None:
    report.same[what] = report.same.get(what, 0) + 1
