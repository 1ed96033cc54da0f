"""All blueprints of the API with their use cases."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from flask import Blueprint, Flask

from okapi_install.bootstrap import Services, build_services
from okapi_install.config import Settings
from okapi_install.domain.errors import OkapiInstallError
from okapi_install.web import metrics, request_meters
from okapi_install.web.access.login import PageLogin
from okapi_install.web.access.visitors import Visitors
from okapi_install.web.api import explain, openapi, preflight
from okapi_install.web.api import health as api_health
from okapi_install.web.api import jobs as api_jobs
from okapi_install.web.api import rollouts as api_rollouts
from okapi_install.web.api import workers as api_workers
from okapi_install.web.app import create_app
from okapi_install.web.front import Front
from okapi_install.web.front.forwarding import Forwarding
from okapi_install.web.front.permissions import PermissionCheck
from okapi_install.web.okapi import discovery, environment, installs, system, tenants
from okapi_install.web.okapi import modules as okapi_modules
from okapi_install.web.page import routes as page_routes
from okapi_install.web.page import workers as page_workers
from okapi_install.web.page.rendering import Rendering
from okapi_install.web.page.rollouts import routes as rollout_pages
from okapi_install.web.page.start import routes as start_routes
from okapi_install.web.page.tenants import routes as tenant_routes

log = structlog.get_logger()

_NOT_STARTED = 3
"""Gunicorn starts a process that ends with another code again (Arbiter.WORKER_BOOT_ERROR)."""


def blueprints(services: Services, sign_in: PageLogin) -> Sequence[Blueprint]:
    """What create_app registers."""
    rendering = Rendering(services.snapshots.now)
    found = (
        okapi_modules.blueprint(services.registry, services.pull),
        tenants.blueprint(services.tenants, services.registry),
        discovery.blueprint(services.discovery),
        environment.blueprint(services.environment),
        system.blueprint(services.discovery),
        installs.blueprint(services.installs, services.tenants, strict_delete=services.settings.strict_delete),
        api_jobs.blueprint(services.installs, services.snapshots),
        api_workers.blueprint(services.waiting),
        explain.blueprint(services.solutions),
        api_rollouts.blueprint(services.rollouts),
        preflight.blueprint(services.preflight, services.rollouts),
        api_health.blueprint(services.health),
        openapi.blueprint(),
        page_routes.blueprint(services.installs, services.snapshots, services.tenants, sign_in, rendering),
        tenant_routes.blueprint(services.tenants, services.registry, sign_in, rendering),
        page_workers.blueprint(services.waiting, sign_in, rendering, services.snapshots.now),
        rollout_pages.blueprint(services.rollouts, sign_in, rendering),
        start_routes.blueprint(services.proposals, services.installs, services.tenants, services.registry, rendering),
    )
    if not services.settings.metrics:
        return found
    alive, url = services.settings.lease_seconds, services.settings.public_url
    return (*found, metrics.blueprint(services.metering, alive_within=alive, public_url=url))


def front(services: Services) -> Front | None:
    """What an app has beside an Okapi; None without one."""
    if services.gateway is None or services.permissions is None:
        return None
    settings = services.settings
    visitors = Visitors(settings)
    forwarding = Forwarding(
        services.gateway,
        visitors,
        most=settings.most_forwarded_requests,
        modules=settings.okapi_proxy_modules,
    )
    return Front(forwarding=forwarding, check=PermissionCheck(services.permissions, visitors))


def build_app(settings: Settings) -> Flask:
    """The Flask application of an API process."""
    services = build_services(settings)
    for warning in settings.warnings():
        log.warning(warning)
    sign_in = PageLogin.of(settings, services.store)
    app = create_app(settings, blueprints(services, sign_in), services.tenants, sign_in, front(services))
    if settings.metrics:
        request_meters.install(app, services.meters)
    services.start()
    return app


def start_app(settings: Settings) -> Flask:
    """The same for a process. If it cannot start, it logs the reason in one line and ends, with gunicorn's master."""
    try:
        return build_app(settings)
    except OkapiInstallError as problem:
        log.error("the API cannot start", cause=problem.message)
        raise SystemExit(_NOT_STARTED) from None
