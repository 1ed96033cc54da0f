"""The application factory: blueprints, errors, doors, and on whose behalf a request is made."""

from __future__ import annotations

import time
from collections.abc import Sequence

from flask import Blueprint, Flask, g, request
from flask_compress import Compress

from okapi_install.config import Settings
from okapi_install.service.tenants import SUPERTENANT, TenantService
from okapi_install.web.access.forwarded import TrustedProxies
from okapi_install.web.access.key_brake import BRAKE, KeyBrake
from okapi_install.web.access.login import PageLogin
from okapi_install.web.access.roles import holder_name
from okapi_install.web.access.visitors import networks
from okapi_install.web.forwarded_requests import ForwardedResponse
from okapi_install.web.front import Front
from okapi_install.web.guards import Doors
from okapi_install.web.http import errors, waiting
from okapi_install.web.http.own_callbacks import refuse_own_callback
from okapi_install.web.http.paths import Segment, SegmentedPaths
from okapi_install.web.http.requests import RequestContext
from okapi_install.web.http.tokens import Claims, first_of, token_of

_COMPRESSED = [
    *("application/json", "application/problem+json", "text/plain", "text/html", "text/css", "image/svg+xml"),
    *("text/javascript", "application/javascript"),
]


def create_app(
    settings: Settings,
    blueprints: Sequence[Blueprint],
    tenants: TenantService,
    page: PageLogin,
    front: Front | None = None,
) -> Flask:
    """The API with those blueprints. Unknown paths get the same response as from Okapi.

    In every rule, `<name>` stands for one segment of the path, decoded, which may contain a slash. With `front`,
    unknown paths are those of an Okapi, and its auth filter decides who may use ours.
    """
    app = Flask("okapi_install.web")
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    app.url_map.converters |= {"default": Segment, "segment": Segment}
    proxies = networks(settings.trusted_proxies)
    app.wsgi_app = TrustedProxies(SegmentedPaths(app.wsgi_app), proxies)  # type: ignore[method-assign]
    waiting.install(app, settings)
    app.before_request(refuse_own_callback)
    if front is not None:
        front.forwarding.install_before_checks(app)
    brake = KeyBrake(time.monotonic)
    app.extensions[BRAKE] = brake
    replaces_key = front.check.replaces_key if front is not None else None
    Doors(settings, page, brake, replaces_key).install(app)
    _compress(app)
    if front is not None:
        front.forwarding.install_after_checks(app)
    app.before_request(lambda: _find_context(tenants))
    if front is not None:
        front.check.install(app)
    errors.register(app)
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    return app


def _compress(app: Flask) -> None:
    """Compresses large responses for clients that accept it, except event streams."""
    app.config["COMPRESS_MIMETYPES"] = _COMPRESSED
    app.config["COMPRESS_MIN_SIZE"] = 1400  # a response that fits into one packet is not compressed
    app.config["COMPRESS_ALGORITHM"] = ["br", "gzip"]
    app.config["COMPRESS_BR_LEVEL"] = 4
    app.config["COMPRESS_LEVEL"] = 5
    app.config["COMPRESS_STREAMS"] = False
    app.config["COMPRESS_REGISTER"] = False
    compress = Compress(app)
    app.after_request(lambda sent: sent if isinstance(sent, ForwardedResponse) else compress.after_request(sent))


def _find_context(tenants: TenantService) -> None:
    """Finds token and tenant of the request, in the order of Okapi's proxy.

    Raises:
        UserError: the tokens differ, the token cannot be read, or the tenant does not exist.
        NotFound: the tenant does not have Okapi's API enabled.
    """
    if not _is_for_okapi():
        return
    headers = dict(request.headers)
    token = token_of(headers)
    tenant = first_of(headers.get("X-Okapi-Tenant"))
    if tenant is None:
        tenant = Claims.read(token).text("tenant") or SUPERTENANT
    tenants.check_caller(tenant)
    g.context = RequestContext.of(headers, token, tenant, holder_name())


def _is_for_okapi() -> bool:
    """Whether the path belongs to the API. On paths of the page, Okapi's headers and cookies have no meaning."""
    return request.path.startswith("/_/") or request.routing_exception is not None
