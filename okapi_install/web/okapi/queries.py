"""Lists of modules: the query parameters that choose them, and how they are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import Response

from okapi_install.domain.modules.descriptors import ModuleSummary
from okapi_install.domain.registry.dot_graph import dot_graph
from okapi_install.domain.registry.query import ModuleQuery
from okapi_install.service.registry import RegistryService
from okapi_install.web.http.requests import flag, parameter
from okapi_install.web.http.responses import json_answer, text_answer


def module_query() -> ModuleQuery:
    """The parameters of the current request that choose modules."""
    return ModuleQuery(
        filter=parameter("filter"),
        latest=parameter("latest"),
        provide=parameter("provide"),
        require=parameter("require"),
        order_by=parameter("orderBy"),
        order=parameter("order"),
        pre_release=parameter("preRelease"),
        npm_snapshot=parameter("npmSnapshot"),
        scope=parameter("scope"),
    )


def module_list(
    registry: RegistryService, select: Callable[[ModuleQuery], Sequence[ModuleSummary]], *, named: bool
) -> Response:
    """The requested modules: short, in full with `full=true`, or as a graph with `dot=true`.

    With `named`, the short form has the module's name. Raises UserError for a bad parameter.
    """
    drawn = flag("dot", False)
    full = drawn or flag("full", False)
    found = select(module_query())
    if drawn:
        return text_answer(dot_graph(found))
    if full:
        return json_answer([dict(d.document) for d in registry.descriptors([m.id for m in found])])
    return json_answer([summary_document(m, named=named) for m in found])


def summary_document(module: ModuleSummary, *, named: bool) -> dict[str, object]:
    """A module in short, as Okapi writes it."""
    document: dict[str, object] = {"id": module.id}
    if named and module.name is not None:
        document["name"] = module.name
    if module.tags is not None:
        document["tags"] = list(module.tags)
    return document
