"""Addresses and health of module instances, and environment variables for deployed modules.

This service starts no modules. An instance is an address that a client has registered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from okapi_install.domain import messages, okapi_messages
from okapi_install.domain.errors import NotFound, UserError
from okapi_install.domain.identifiers import check_length
from okapi_install.service.ports import EnvEntry, Instance, RegistryStore

_ASKED_AT_ONCE = 20


class HealthProbe(Protocol):
    """Checks whether an address responds."""

    def problem(self, url: str) -> str | None:
        """Why there was no response. None if there was any, whatever its status."""

    def health_problem(self, url: str) -> str | None:
        """What GET /admin/health of the instance at that address responded, if not that it is well. None if there is no
        such path.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """Whether an instance responds (Okapi: HealthDescriptor)."""

    inst_id: str
    srvc_id: str
    message: str
    well: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A node of the cluster as clients see it (Okapi: NodeDescriptor): there is one, this server."""

    node_id: str
    url: str


class DiscoveryService:
    """Instances of modules."""

    def __init__(self, store: RegistryStore, probe: HealthProbe, node: Node) -> None:
        self._store = store
        self._probe = probe
        self._node = node

    def add(self, document: Mapping[str, object]) -> Instance:
        """Adds an instance, as sent.

        Raises:
            UserError: a field is missing, the instance id is taken, or the request asks for a module to be started.
            NotFound: the module or the node does not exist.
        """
        module, instance, url = (_text(document, name) for name in ("srvcId", "instId", "url"))
        if module is None:
            raise UserError(okapi_messages.no_srvc_id())
        self._check_not_deploying(document, module)
        if instance is None:
            raise UserError(okapi_messages.no_inst_id())
        check_length(module)
        check_length(instance)
        added = Instance(inst_id=instance, srvc_id=module, url=url, document=dict(document))
        self._store.add_instance(added)
        return added

    def _check_not_deploying(self, document: Mapping[str, object], module: str) -> None:
        node = _text(document, "nodeId")
        if node is None:
            if "descriptor" in document:
                raise UserError(okapi_messages.no_node_id())
            return
        if "descriptor" not in document:
            self._check_launchable(module)
        self.node(node)
        raise UserError(messages.starts_no_modules(module))

    def _check_launchable(self, module: str) -> None:
        descriptor = self._store.descriptors([module]).get(module)
        if descriptor is None:
            raise NotFound(module)
        if "launchDescriptor" not in descriptor.document:
            raise UserError(okapi_messages.no_launch_descriptor(module))

    def all(self) -> list[Instance]:
        """All instances, by module, each module's in the order in which they were added."""
        return sorted(self._store.instances(), key=lambda i: i.srvc_id)

    def of_module(self, module: str) -> list[Instance]:
        """A module's instances. Raises NotFound if there are none."""
        found = self._store.instances(module)
        if not found:
            raise NotFound(module)
        return found

    def get(self, module: str, instance: str) -> Instance:
        """One instance. Raises NotFound."""
        for found in self._store.instances(module):
            if found.inst_id == instance:
                return found
        raise NotFound(f"{module}/{instance}")

    def remove(self, module: str, instance: str) -> None:
        """Removes an instance. Raises NotFound."""
        if not self._store.remove_instances(module, instance):
            raise NotFound(f"{module}/{instance}")

    def remove_of_module(self, module: str) -> None:
        """Removes a module's instances. Raises NotFound if there are none."""
        if not self._store.remove_instances(module):
            raise NotFound(module)

    def remove_all(self) -> None:
        """Removes all instances."""
        self._store.remove_instances()

    def health_of(self, instances: Sequence[Instance]) -> list[Health]:
        """The health of each instance. Several are checked at the same time."""
        if not instances:
            return []
        with ThreadPoolExecutor(min(len(instances), _ASKED_AT_ONCE), "health") as pool:
            return list(pool.map(self._health, instances))

    def _health(self, instance: Instance) -> Health:
        problem = "Unknown" if not instance.url else self._probe.problem(instance.url)
        words = "OK" if problem is None else problem if not instance.url else f"Fail: {problem}"
        return Health(inst_id=instance.inst_id, srvc_id=instance.srvc_id, message=words, well=problem is None)

    def nodes(self) -> list[Node]:
        """All nodes: this server."""
        return [self._node]

    def node(self, reference: str) -> Node:
        """The node of that id or address. Raises NotFound."""
        if reference not in (self._node.node_id, self._node.url):
            raise NotFound(okapi_messages.no_such_node(reference))
        return self._node

    def check_node_unchanged(self, ident: str, new_id: object, url: object, name: object) -> None:
        """Raises NotFound for an unknown node, and UserError if its id or URL would change."""
        if ident != self._node.node_id:
            raise NotFound(ident)
        if new_id != ident:
            raise UserError(okapi_messages.node_id_is_fixed(ident))
        if url != self._node.url:
            raise UserError(okapi_messages.node_url_is_fixed(ident))
        if name is not None:
            raise UserError(messages.node_names_not_kept(ident))


class EnvironmentService:
    """Environment variables for deployed modules."""

    def __init__(self, store: RegistryStore) -> None:
        self._store = store

    def all(self) -> list[EnvEntry]:
        """All variables, sorted by name."""
        return self._store.env()

    def get(self, name: str) -> EnvEntry:
        """One variable. Raises NotFound."""
        for entry in self._store.env():
            if entry.name == name:
                return entry
        raise NotFound(name)

    def put(self, name: str | None, value: str | None, description: str | None) -> EnvEntry:
        """Adds or replaces a variable. Raises UserError if name or value is missing."""
        if name is None:
            raise UserError(okapi_messages.no_variable_name())
        if value is None:
            raise UserError(okapi_messages.no_variable_value())
        check_length(name)
        entry = EnvEntry(name=name, value=value, description=description)
        self._store.put_env(entry)
        return entry

    def remove(self, name: str) -> None:
        """Removes a variable. Raises NotFound."""
        if not self._store.remove_env(name):
            raise NotFound(name)


def _text(document: Mapping[str, object], name: str) -> str | None:
    value = document.get(name)
    return value if isinstance(value, str) else None
