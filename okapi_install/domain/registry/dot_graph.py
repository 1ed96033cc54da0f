"""The dependency graph of modules in Graphviz's DOT language (Okapi: GraphDot)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from okapi_install.domain.modules.descriptors import ModuleSummary
from okapi_install.domain.modules.interface_versions import compatible


def dot_graph(modules: Sequence[ModuleSummary]) -> str:
    """The graph as DOT: a node for each module, an arrow to each provider, and red nodes for missing interfaces."""
    offers: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for module in modules:
        for interface in module.provides:
            if interface.regular:
                offers[interface.id].append((module.id, interface.version))
    lines = [f'  {_node(m.id)} [label="{m.id}"];' for m in modules]
    missing: set[str] = set()
    for module in modules:
        for required in module.requires:
            fitting = [ident for ident, version in offers[required.id] if compatible(version, required.version)]
            lacked = f"missing {required.id} {required.version}"
            if not fitting and lacked not in missing:
                missing.add(lacked)
                lines.append(f'  {_node(lacked)} [label="{lacked}", color=red];')
            lines += [f"  {_node(module.id)} -> {_node(end)};" for end in fitting or [lacked]]
    return "\n".join(["digraph okapi {", *lines, "}", ""])


def _node(text: str) -> str:
    return text.replace("-", "__").replace(".", "_").replace(" ", "_")
