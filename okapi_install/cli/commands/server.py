"""The commands that run the server's parts: serve, api, worker, migrate."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from okapi_install.domain.errors import OkapiInstallError

if TYPE_CHECKING:
    from okapi_install.config import Settings


def server_settings(**overrides: object) -> Settings:
    """The settings of a server on this machine; `overrides` are options of the command line."""
    from okapi_install.config import Settings  # pydantic-settings takes long to import: not for --help

    return Settings.load(os.environ, **overrides)


def _reason(problem: OkapiInstallError) -> str:
    """Why a part does not run: a sentence, or a line of its log where programs read that."""
    from okapi_install.logs import emergency_line

    try:
        as_json = server_settings().log_format == "json"
    except OkapiInstallError:
        as_json = os.environ.get("OKAPI_INSTALL_LOG_FORMAT", "").strip().lower() == "json"
    return emergency_line("json", problem.message) if as_json else f"okapi-install: {problem.message}\n"


def reported(command: Callable[..., None]) -> Callable[..., None]:
    """Prints an OkapiInstallError as one line on standard error, and exits with code 1."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except OkapiInstallError as problem:
            click.echo(_reason(problem), err=True, nl=False)
            sys.exit(1)

    return run


@click.command()
@click.option("--listen", metavar="HOST:PORT", help="Where the API listens; port 0 picks a free one.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="The data folder.")
@click.option("--workers", type=int, metavar="N", help="How many worker processes.")
@click.option("--database-url", metavar="URL", help="PostgreSQL or SQLite; default: SQLite in the data folder.")
@click.option("--broker-url", metavar="URL", help="A Redis or Valkey; default: an embedded Valkey.")
@click.option("--okapi", metavar="URL", help="The Okapi beside which this runs; default: none, it stands alone.")
@click.option("--insecure", is_flag=True, default=None, help="Listen on any address without an API key.")
@reported
def serve(**overrides: object) -> None:
    """Run everything in one place: API, workers and broker.

    No server needs to be installed: the data folder holds a SQLite database, and the broker is a Valkey that
    comes with the program. A part that dies is restarted. SIGTERM, Ctrl-C or closing the terminal stops everything.

    \b
    Example:
      okapi-install serve --listen 127.0.0.1:9130 --data ./data
    """
    from okapi_install.logs import capture_warnings, set_up_logging
    from okapi_install.supervisor import Supervisor

    settings = server_settings(**overrides)
    set_up_logging(settings.log_level, settings.log_format)
    capture_warnings()

    def say(line: str) -> None:
        click.echo(line)
        sys.stdout.flush()

    sys.exit(Supervisor(settings, say).run())


@click.command()
@click.option("--listen", metavar="HOST:PORT", help="Where to listen.")
@click.option("--socket", type=int, hidden=True, help="The file descriptor of a listening socket; passed by `serve`.")
@reported
def api(socket: int | None, **overrides: object) -> None:
    """Run the API alone, under gunicorn; database and broker come from the settings."""
    from okapi_install.web.server import run_gunicorn

    settings = server_settings(**overrides)
    settings.check_door()
    run_gunicorn(settings, socket)


@click.command()
@click.option("--name", default="worker@%h", show_default=True, help="The worker's name; it must be unique.")
@click.option("--concurrency", type=int, metavar="N", help="How many jobs to run at once.")
@reported
def worker(name: str, concurrency: int | None) -> None:
    """Run one worker process; start as many as you like, on as many machines.

    The same as `celery -A worker worker -P gevent -c N -E` with the same settings.
    """
    settings = server_settings(concurrency=concurrency)
    options = ["-P", "gevent", "-c", str(settings.concurrency), "-E", "-n", name, "-l", "warning"]
    os.execve(  # noqa: S606 (becomes the worker)
        sys.executable,
        [sys.executable, "-m", "celery", "-q", "-A", "worker", "worker", *options],
        {**os.environ, **settings.to_environ()},
    )


@click.command()
@click.option("--okapi-moved", is_flag=True, help="The Okapi of this database has a new address: that of the settings.")
@reported
def migrate(*, okapi_moved: bool) -> None:
    """Create the database's tables, or bring them up to date.

    Run it once before a new version of the API and the workers is started. They refuse to start on the schema of
    another version.
    """
    from okapi_install.adapters.store import bind_to_okapi, open_store
    from okapi_install.adapters.store import migrate as run_migrations

    settings = server_settings()
    run_migrations(settings.database, patience=settings.startup_wait_seconds)
    if okapi_moved:
        store = open_store(settings.database, pool_size=1)
        try:
            bind_to_okapi(store, settings.okapi, moved=True)
        finally:
            store.dispose()
    click.echo("The database is up to date.")
