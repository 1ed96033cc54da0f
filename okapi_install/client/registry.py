"""What a server knows apart from jobs: module descriptors, instances of modules, tenants, and what they have enabled.

All of it is Okapi's API, so it works on every server with that API.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from okapi_install.client.errors import BadAnswer, NotFound
from okapi_install.client.okapi import OkapiClient

Descriptor = Mapping[str, Any]
"""A module descriptor as its file has it."""

_IMPORT_TIMEOUT = 300.0
_MOST_BYTES = 16 * 2**20
"""Of one import request. Our server accepts twice that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """Where a module runs. Several may have the same module."""

    module: str
    url: str
    id: str | None = None

    @property
    def given_id(self) -> str:
        """Its id, or one made of module and URL, so that the same instance never has two."""
        digest = hashlib.sha256(self.url.encode()).hexdigest()[:8]
        return self.id or f"{self.module}-{digest}"

    def same_place(self, other: Instance) -> bool:
        """Whether it is the same module at the same address."""
        return self.module == other.module and self.url.rstrip("/") == other.url.rstrip("/")


class RegistryClient:
    """The operations. All methods raise only ClientError and its subclasses."""

    def __init__(self, client: OkapiClient) -> None:
        self._client = client

    def module_ids(self) -> list[str]:
        """The ids of all modules that the server knows."""
        return [str(module.get("id")) for module in self._list("/_/proxy/modules")]

    def descriptors(self) -> list[Descriptor]:
        """All module descriptors."""
        return self._list("/_/proxy/modules?full=true", timeout=_IMPORT_TIMEOUT)

    def import_modules(self, descriptors: Sequence[Descriptor], *, check: bool = True) -> None:
        """Adds descriptors, in that order. A descriptor that the server has already is no error, if it is the same.

        With `check` the server refuses modules whose requirements it does not know.
        """
        query = "" if check else "?check=false"
        for part in _parts(descriptors):
            try:
                self._client.send("POST", f"/_/proxy/import/modules{query}", part, timeout=_IMPORT_TIMEOUT)
            except NotFound:  # an Okapi before 4.7
                for descriptor in part:
                    self._client.send("POST", f"/_/proxy/modules{query}", descriptor)

    def instances(self) -> list[Instance]:
        """All instances of all modules that have an address."""
        found = self._list("/_/discovery/modules")
        return [Instance(module=str(i["srvcId"]), url=str(i["url"]), id=i.get("instId")) for i in found if i.get("url")]

    def announce(self, instance: Instance) -> None:
        """Tells the server where a module runs."""
        document = {"srvcId": instance.module, "instId": instance.given_id, "url": instance.url}
        self._client.send("POST", "/_/discovery/modules", document)

    def withdraw(self, instance: Instance) -> None:
        """Removes an instance. It is no error if it has been removed already."""
        path = f"/_/discovery/modules/{quote(instance.module, safe='')}/{quote(instance.given_id, safe='')}"
        try:
            self._client.send("DELETE", path)
        except NotFound:
            return

    def tenants(self) -> list[Mapping[str, Any]]:
        """All tenants: `id`, `name`, `description`."""
        return self._list("/_/proxy/tenants")

    def create_tenant(self, tenant: str, name: str | None, description: str | None) -> Mapping[str, Any]:
        """Creates a tenant; the tenant as the server has it."""
        wanted = {"id": tenant, "name": name or tenant, "description": description}
        document = {key: value for key, value in wanted.items() if value is not None}
        created = self._client.send("POST", "/_/proxy/tenants", document).document()
        if not isinstance(created, dict):
            raise BadAnswer("the server's response is not a tenant")
        return created

    def enabled(self, tenant: str) -> list[str]:
        """The ids of the modules that the tenant has enabled."""
        with self._client.naming("tenant", tenant):
            found = self._list(f"/_/proxy/tenants/{quote(tenant, safe='')}/modules")
        return [str(module.get("id")) for module in found]

    def _list(self, path: str, *, timeout: float = 60.0) -> list[Mapping[str, Any]]:
        document = self._client.send("GET", path, timeout=timeout).document()
        if not isinstance(document, list) or not all(isinstance(item, dict) for item in document):
            raise BadAnswer(f"the server's response to GET {path} is not a list")
        return document


def _parts(descriptors: Sequence[Descriptor]) -> Iterator[list[Descriptor]]:
    """The descriptors in parts that fit a request, in the same order."""
    part: list[Descriptor] = []
    size = 0
    for descriptor in descriptors:
        more = len(json.dumps(descriptor))
        if part and size + more > _MOST_BYTES:
            yield part
            part, size = [], 0
        part.append(descriptor)
        size += more
    if part:
        yield part
