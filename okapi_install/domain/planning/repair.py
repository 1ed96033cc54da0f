"""Repairs a draft: finds the first fault, changes one or two modules, and looks again.

Requested modules are sticky: they are not removed again. So are modules that a repair has added. Repairs therefore
terminate: each adds a sticky module, or removes one that is not sticky.
"""

from __future__ import annotations

from collections.abc import Iterable

from okapi_install.domain import okapi_messages
from okapi_install.domain.errors import Provider, Reason, ReasonKind, Unresolvable
from okapi_install.domain.jobs import Action, Change
from okapi_install.domain.modules.descriptors import InterfaceRef, ModuleSummary
from okapi_install.domain.modules.versions import VersionFilter
from okapi_install.domain.planning.draft import Draft
from okapi_install.domain.registry.index import Entry, Index


class Repair:
    """Repairs one draft. `sticky` are the modules that must not be removed."""

    def __init__(self, index: Index, versions: VersionFilter, draft: Draft) -> None:
        self.index = index
        self.versions = versions
        self.draft = draft
        self.sticky: set[str] = set()
        self._changes: list[Change] = []
        self._faults: list[Reason] = []

    def available(self, module_id: str) -> ModuleSummary | None:
        """The module of that id, if it exists and passes the version filter."""
        module = self.index.modules.get(module_id)
        return module if module and self.versions.matches(module.module_id) else None

    def run(self, changes: Iterable[Change]) -> list[Change]:
        """The requested changes, followed by the repairs. Raises Unresolvable."""
        self._changes = list(changes)
        while self._step():
            pass
        if self._faults:
            raise Unresolvable(". ".join(f.message for f in self._faults), self._faults)
        return self._changes

    def faults(self) -> list[Reason]:
        """The faults of the draft as it is. Nothing is repaired."""
        self._faults = []
        for ident, providers in self.draft.provided_twice():
            self._fault_twice(ident, providers)
        for ident, requirers in self.draft.missing():
            for requirer in requirers:
                self._fault_missing(ident, requirer)
        for provider, unsuited in self.draft.clashing():
            for wanting in unsuited:
                self._fault_clash(provider, wanting)
        return self._faults

    def _step(self) -> bool:
        """Makes one repair. False if none was made; the remaining faults are then known."""
        self._faults = []
        return self._repair_twice() or self._repair_missing() or self._repair_clash()

    def _repair_twice(self) -> bool:
        for ident, providers in self.draft.provided_twice():
            loose = next((e.module for e in providers if e.module.id not in self.sticky), None)
            if loose is not None:
                self._disable(loose)
                return True
            self._fault_twice(ident, providers)
        return False

    def _repair_missing(self) -> bool:
        for ident, requirers in self.draft.missing():
            for requirer in requirers:
                found = self.index.providers_for(requirer.interface, self.versions)
                if len(found) > 1:
                    self._fault_ambiguous(requirer, found)
                    return False
                if found:
                    self._bring(found[0], requirer.module)
                    return True
                self._fault_missing(ident, requirer)
        return False

    def _bring(self, found: ModuleSummary, requirer: ModuleSummary) -> None:
        if requirer.id not in self.sticky:
            self._disable(requirer)
            return
        self.draft.enable(found)
        self.sticky.add(found.id)
        self._changes.append(Change(id=found.id))

    def _repair_clash(self) -> bool:
        for provider, unsuited in self.draft.clashing():
            for wanting in unsuited:
                done = self._repair_one_clash(provider, wanting)
                if done is not None:
                    return done
        return False

    def _repair_one_clash(self, provider: Entry, wanting: Entry) -> bool | None:
        """True if the conflict was repaired, False if no conflict can be any more, None if the next one may be."""
        if provider.module.id not in self.sticky:
            found = self.index.providers_for(wanting.interface, self.versions)
            if len(found) > 1:
                self._fault_ambiguous(wanting, found)
                return False
            if found:
                self._exchange(provider.module, found[0])
                return True
        if wanting.module.id not in self.sticky:
            self._adapt(wanting.module, provider.interface)
            return True
        self._fault_clash(provider, wanting)
        return None

    def _adapt(self, wanting: ModuleSummary, provided: InterfaceRef) -> None:
        """Replaces a module with a version of its product that works with the provided interface, or removes it."""
        found = self.index.requirers_of(provided, self.versions)
        suited = next((m for m in found if m.product == wanting.product), None)
        if suited is None:
            self._disable(wanting)
        else:
            self._exchange(wanting, suited)

    def _exchange(self, old: ModuleSummary, new: ModuleSummary) -> None:
        self.sticky.add(new.id)
        self.draft.disable(old.id)
        self.draft.enable(new)
        if old.product == new.product:
            self._changes.append(Change(id=new.id, from_id=old.id))
            return
        self._changes += [Change(id=old.id, action=Action.DISABLE), Change(id=new.id)]

    def _disable(self, module: ModuleSummary) -> None:
        self.draft.disable(module.id)
        self._changes.append(Change(id=module.id, action=Action.DISABLE))

    def _fault_twice(self, ident: str, providers: list[Entry]) -> None:
        names = ", ".join(e.module.id for e in providers)
        offers = tuple(Provider(module=e.module.id, version=e.interface.version) for e in providers)
        self._faults.append(
            Reason(
                kind=ReasonKind.PROVIDED_TWICE,
                message=okapi_messages.provided_twice(names, ident),
                interface=ident,
                providers=offers,
            )
        )

    def _fault_missing(self, ident: str, requirer: Entry) -> None:
        text = okapi_messages.no_provider(ident, requirer.module.id)
        self._faults.append(self._of(ReasonKind.MISSING_INTERFACE, text, requirer, self._known(ident)))

    def _fault_ambiguous(self, requirer: Entry, found: tuple[ModuleSummary, ...]) -> None:
        ident = requirer.interface.id
        text = okapi_messages.several_providers(ident, requirer.module.id, ", ".join(m.product for m in found))
        offers = tuple(o for m in found for o in _offers(m, ident))
        self._faults.append(self._of(ReasonKind.AMBIGUOUS_PROVIDER, text, requirer, offers))

    def _fault_clash(self, provider: Entry, wanting: Entry) -> None:
        have = Provider(module=provider.module.id, version=provider.interface.version)
        interface = wanting.interface
        text = okapi_messages.incompatible_version(
            wanting.module.id, interface.id, interface.version, f"{have.version}/{have.module}"
        )
        self._faults.append(self._of(ReasonKind.INCOMPATIBLE_INTERFACE, text, wanting, (have,), module=have.module))

    def _of(
        self, kind: ReasonKind, text: str, requirer: Entry, providers: tuple[Provider, ...], module: str | None = None
    ) -> Reason:
        return Reason(
            kind=kind,
            message=text,
            module=module,
            interface=requirer.interface.id,
            needed=requirer.interface.version,
            required_by=requirer.module.id,
            providers=providers,
        )

    def _known(self, ident: str) -> tuple[Provider, ...]:
        """The newest module of each product that provides the interface in any version."""
        newest: dict[str, ModuleSummary] = {}
        for module, interface in self.index.providers.get(ident, ()):
            known = newest.get(module.product)
            if interface.regular and (known is None or module.module_id > known.module_id):
                newest[module.product] = module
        return tuple(o for product in sorted(newest) for o in _offers(newest[product], ident))


def _offers(module: ModuleSummary, ident: str) -> list[Provider]:
    return [Provider(module=module.id, version=i.version) for i in module.provides if i.id == ident]
