"""`GET /openapi.json`, the description of the API, and `/docs`, which shows it: Swagger UI from its wheel.

The description is written by hand, and a test compares it with the code. Nothing is loaded from other sites.
"""

from __future__ import annotations

import json
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from okapi_install import __version__
from okapi_install.web.http.responses import json_answer
from okapi_install.web.templating import page_templates

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""`data:` is allowed for images, because the viewer's style sheet contains its icons."""

_VIEWER_FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}


def description() -> dict[str, Any]:
    """The API, after OpenAPI 3.1."""
    document: dict[str, Any] = json.loads(files("okapi_install.web").joinpath("openapi.json").read_bytes())
    document["info"]["version"] = __version__
    return document


def viewer_folder() -> Path:
    """The folder of the viewer's files in its wheel."""
    with as_file(files("flask_swagger_ui").joinpath("dist")) as folder:
        return folder


def blueprint() -> Blueprint:
    """`/openapi.json`, `/docs` and its files."""
    routes = Blueprint("openapi", __name__)
    document, folder = description(), viewer_folder()
    templates = page_templates()

    @routes.get("/openapi.json")
    def openapi() -> Response:
        return json_answer(document)

    @routes.get("/docs")
    def docs() -> Response:
        answer = Response(templates.get_template("docs.html").render(), mimetype="text/html")
        answer.headers["Content-Security-Policy"] = POLICY
        answer.headers["Cache-Control"] = "no-cache"
        return answer

    @routes.get("/docs/<filename>")
    def viewer(filename: str) -> Response:
        kind = _VIEWER_FILES.get(filename)
        if kind is None:
            raise NotFound
        answer = Response((folder / filename).read_bytes(), mimetype=kind)
        answer.headers["Cache-Control"] = "max-age=3600"
        answer.add_etag()
        answer.make_conditional(request)
        return answer

    return routes
