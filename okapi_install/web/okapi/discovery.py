"""Okapi's `/_/discovery/modules` and `/_/discovery/health`: where modules run, and whether they respond there."""

from __future__ import annotations

from flask import Blueprint, Response

from okapi_install.service.discovery import DiscoveryService, Health
from okapi_install.web.http import bodies
from okapi_install.web.http.requests import json_body
from okapi_install.web.http.responses import created, json_answer, no_content


def blueprint(discovery: DiscoveryService) -> Blueprint:
    """`/_/discovery/modules…` and `/_/discovery/health…`."""
    routes = Blueprint("discovery", __name__)
    _add_modules(routes, discovery)
    _add_health(routes, discovery)
    return routes


def _add_modules(routes: Blueprint, discovery: DiscoveryService) -> None:
    @routes.get("/_/discovery/modules")
    def all_instances() -> Response:
        return json_answer([dict(i.document) for i in discovery.all()])

    @routes.post("/_/discovery/modules")
    def add() -> Response:
        instance = discovery.add(bodies.deployment(json_body()))
        return created(dict(instance.document), instance.srvc_id, instance.inst_id)

    @routes.delete("/_/discovery/modules")
    def remove_all() -> Response:
        discovery.remove_all()
        return no_content()

    @routes.get("/_/discovery/modules/<module>")
    def of_module(module: str) -> Response:
        return json_answer([dict(i.document) for i in discovery.of_module(module)])

    @routes.delete("/_/discovery/modules/<module>")
    def remove_of_module(module: str) -> Response:
        discovery.remove_of_module(module)
        return no_content()

    @routes.get("/_/discovery/modules/<module>/<instance>")
    def one(module: str, instance: str) -> Response:
        return json_answer(dict(discovery.get(module, instance).document))

    @routes.delete("/_/discovery/modules/<module>/<instance>")
    def remove(module: str, instance: str) -> Response:
        discovery.remove(module, instance)
        return no_content()


def _add_health(routes: Blueprint, discovery: DiscoveryService) -> None:
    @routes.get("/_/discovery/health")
    def health_of_all() -> Response:
        return json_answer([_health_document(h) for h in discovery.health_of(discovery.all())])

    @routes.get("/_/discovery/health/<module>")
    def health_of_module(module: str) -> Response:
        return json_answer([_health_document(h) for h in discovery.health_of(discovery.of_module(module))])

    @routes.get("/_/discovery/health/<module>/<instance>")
    def health(module: str, instance: str) -> Response:
        return json_answer(_health_document(discovery.health_of([discovery.get(module, instance)])[0]))


def _health_document(health: Health) -> dict[str, object]:
    return {
        "instId": health.inst_id,
        "srvcId": health.srvc_id,
        "healthMessage": health.message,
        "healthStatus": health.well,
    }
