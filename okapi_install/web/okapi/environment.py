"""Okapi's `/_/env`: variables for deployed modules. This service only stores them."""

from __future__ import annotations

from flask import Blueprint, Response

from okapi_install.service.discovery import EnvironmentService
from okapi_install.web.http import bodies
from okapi_install.web.http.requests import json_body
from okapi_install.web.http.responses import created, json_answer, no_content


def blueprint(environment: EnvironmentService) -> Blueprint:
    """`/_/env` and `/_/env/{name}`."""
    routes = Blueprint("environment", __name__)

    @routes.get("/_/env")
    def entries() -> Response:
        return json_answer([bodies.env_document(entry) for entry in environment.all()])

    @routes.post("/_/env")
    def put() -> Response:
        entry = environment.put(*bodies.env_entry(json_body()))
        return created(bodies.env_document(entry), entry.name)

    @routes.get("/_/env/<name>")
    def one(name: str) -> Response:
        return json_answer(bodies.env_document(environment.get(name)))

    @routes.delete("/_/env/<name>")
    def remove(name: str) -> Response:
        environment.remove(name)
        return no_content()

    return routes
