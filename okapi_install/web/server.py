"""The API under gunicorn, started from Settings. One process with many threads: most requests only wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication

from okapi_install.adapters.garbage import collect_rarely
from okapi_install.config import Settings
from okapi_install.logs import set_up_logging


class GunicornApp(BaseApplication):  # type: ignore[misc]
    """gunicorn with our settings instead of a command line. `load_app` runs in the process that serves."""

    def __init__(self, settings: Settings, load_app: Callable[[], Any]) -> None:
        self._settings = settings
        self._load_app = load_app
        super().__init__()

    def load_config(self) -> None:
        """See gunicorn."""
        for name, value in gunicorn_options(self._settings).items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """See gunicorn."""
        return self._load_app()


def gunicorn_options(settings: Settings) -> dict[str, object]:
    """Long polls and event streams hold a thread each, so there are many; a stop does not wait for them.

    The parser is named, because gunicorn takes `gunicorn_h1c` where it happens to be installed, which lets through
    what the other refuses: bare line feeds, folded headers, request lines without an end.
    """
    return {
        "bind": settings.listen,
        "worker_class": "gthread",
        "workers": 1,
        "threads": settings.api_threads,
        "timeout": 0,
        "graceful_timeout": 2,
        "keepalive": 75,
        "backlog": 2048,
        "proc_name": "okapi-install api",
        "control_socket_disable": True,
        "http_parser": "python",
        "loglevel": "warning",
        "post_worker_init": _on_ready,
    }


def _on_ready(_worker: object) -> None:
    collect_rarely()


def run_gunicorn(settings: Settings) -> None:
    """Serves until it is told to end."""

    def load_app() -> Any:
        from okapi_install.web.blueprints import start_app

        set_up_logging(settings.log_level, settings.log_format)
        return start_app(settings)

    GunicornApp(settings, load_app).run()
