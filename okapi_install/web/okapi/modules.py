"""Okapi's `/_/proxy/modules`: the registry of modules, its import, its cleaning, and the pull from another one."""

from __future__ import annotations

from flask import Blueprint, Response

from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.service.pull import Pulled, PullService
from okapi_install.service.registry import RegistryService
from okapi_install.web.http import bodies
from okapi_install.web.http.requests import body, flag, json_body, json_list, version_filter, whole_number
from okapi_install.web.http.responses import created, json_answer, no_content
from okapi_install.web.okapi.queries import module_list, summary_document


def blueprint(registry: RegistryService, pull: PullService) -> Blueprint:
    """`/_/proxy/modules`, `/_/proxy/import/modules`, `/_/proxy/cleanup/modules`, `/_/proxy/pull/modules`."""
    routes = Blueprint("registry", __name__)
    _add_modules(routes, registry)

    @routes.post("/_/proxy/import/modules")
    def import_modules() -> Response:
        modules = [ModuleDescriptor.parse(sent) for sent in json_list()]
        registry.add(modules, check=flag("check", True), versions=version_filter())
        return no_content()

    @routes.post("/_/proxy/cleanup/modules")
    def cleanup() -> Response:
        releases, snapshots = whole_number("saveReleases", None), whole_number("saveSnapshots", None)
        registry.cleanup(releases, snapshots, remove_dependencies=flag("removeDependencies", False))
        return no_content()

    @routes.post("/_/proxy/pull/modules")
    def pull_modules() -> Response:
        pulled = pull.pull(bodies.pull_urls(json_body()))
        return json_answer([_pulled(m) for m in pulled])

    return routes


def _pulled(module: Pulled) -> dict[str, object]:
    """A module in short (Okapi); one that was left out says why."""
    shown = summary_document(module.summary, named=True) if module.summary else {"id": module.id}
    return shown | ({"errors": [{"message": module.problem, "code": "left_out"}]} if module.problem else {})


def _add_modules(routes: Blueprint, registry: RegistryService) -> None:
    @routes.get("/_/proxy/modules")
    def modules() -> Response:
        skipped = bodies.skipped_ids(json_body()) if body() else []
        return module_list(registry, lambda query: registry.select(query, skipped), named=True)

    @routes.post("/_/proxy/modules")
    def add() -> Response:
        module = ModuleDescriptor.parse(json_body())
        registry.add([module], check=flag("check", True), versions=version_filter())
        return created(dict(module.document), module.id)

    @routes.get("/_/proxy/modules/<module>")
    def one(module: str) -> Response:
        return json_answer(dict(registry.get(module).document))

    @routes.delete("/_/proxy/modules/<module>")
    def remove(module: str) -> Response:
        registry.remove(module)
        return no_content()
