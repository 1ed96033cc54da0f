"""The API under gunicorn, started from Settings. One process with many threads: most requests only wait."""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication

from okapi_install.adapters.garbage import collect_rarely
from okapi_install.adapters.parent_death import ends_with_parent
from okapi_install.config import Settings
from okapi_install.logs import capture_warnings, set_up_logging
from okapi_install.web.connections.arrivals import MOST_FIELDS

_FILES_OF_OUR_OWN = 100
MORE_CONNECTIONS = 2000
"""Connections without a thread: idle, or with an incomplete request."""


class GunicornApp(BaseApplication):  # type: ignore[misc]
    """gunicorn with our settings instead of a command line. `load_app` runs in the process that serves."""

    def __init__(self, settings: Settings, load_app: Callable[[], Any], handle: int | None = None) -> None:
        self._settings = settings
        self._handle = handle
        self._load_app = load_app
        super().__init__()

    def load_config(self) -> None:
        """See gunicorn."""
        for name, value in gunicorn_options(self._settings).items():
            self.cfg.set(name, value)
        if self._handle is not None:
            self.cfg.set("bind", f"fd://{self._handle}")

    def load(self) -> Any:
        """See gunicorn."""
        return self._load_app()


def gunicorn_options(settings: Settings) -> dict[str, object]:
    """The options for gunicorn. Long polls and event streams hold a thread each, so there are many threads.

    Headers with the path, the scheme or the address of the client are ignored: gunicorn would trust those from
    127.0.0.1. `forwarded` reads them, only from the proxies in the settings.

    The parser is set, because gunicorn prefers `gunicorn_h1c` if it happens to be installed. That one accepts what the
    other refuses: bare line feeds, folded headers, request lines without an end.
    """
    return {
        "bind": settings.listen,
        "worker_class": "okapi_install.web.connections.worker.ArrivalWorker",
        "workers": 1,
        "threads": settings.api_threads,
        "worker_connections": settings.api_threads + MORE_CONNECTIONS,
        "limit_request_line": 0,  # the worker's limit is exact; gunicorn's ends at 8190
        "limit_request_fields": MOST_FIELDS,
        "forwarder_headers": "",
        "forwarded_allow_ips": "",
        "secure_scheme_headers": {},
        "timeout": 0,
        "graceful_timeout": 2,
        "keepalive": 75,
        "backlog": 2048,
        "proc_name": "okapi-install api",
        "control_socket_disable": True,
        "http_parser": "python",
        "loglevel": "warning",
        "logger_class": "okapi_install.web.connections.log.GunicornLog",
        "pre_fork": _on_fork,
        "post_fork": _on_forked,
        "post_worker_init": _on_ready,
    }


def _on_fork(_arbiter: object, worker: Any) -> None:
    """Ends a worker with its master. A busy worker would otherwise outlive a killed master until its requests end."""
    worker.end_with_master = ends_with_parent()


def _on_forked(_arbiter: object, worker: Any) -> None:
    worker.end_with_master()


def _on_ready(worker: Any) -> None:
    collect_rarely()
    worker.worker_connections = min(worker.worker_connections, _open_files() - _FILES_OF_OUR_OWN)


def _open_files() -> int:
    """How many files this process may open, after raising the limit as far as possible."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(now, min(most, 65_536) if most != resource.RLIM_INFINITY else 65_536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    return wanted


def run_gunicorn(settings: Settings, handle: int | None = None) -> None:
    """Serves until the process is stopped. `handle` is a socket that is listening already; None opens a new one."""

    def load_app() -> Any:
        from okapi_install.web.blueprints import start_app

        return start_app(settings)

    set_up_logging(settings.log_level, settings.log_format)
    capture_warnings()
    GunicornApp(settings, load_app, handle).run()
