"""`keys`: adds, lists and removes API keys in the database of a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from okapi_install.cli.commands.server import reported, server_settings

if TYPE_CHECKING:
    from okapi_install.service.access import KeyService

_DATABASE = (
    click.option("--data", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="The data folder."),
    click.option("--database-url", metavar="URL", help="PostgreSQL or SQLite; default: SQLite in the data folder."),
)


def _with_database(command: Any) -> Any:
    for option in reversed(_DATABASE):
        command = option(command)
    return command


@contextmanager
def _key_service(**overrides: object) -> Iterator[KeyService]:
    from okapi_install.bootstrap import build_store  # takes long to import: not for --help
    from okapi_install.service.access import KeyService

    settings = server_settings(**overrides)
    store = build_store(settings)
    try:
        yield KeyService(store, settings.keys)
    finally:
        store.dispose()


@click.group()
def keys() -> None:
    """Add, list and remove API keys.

    Each key has a name, which is shown with the jobs that its holder requests, aborts or retries. The keys are in the
    server's database, as hashes. API processes notice a change within a second.
    """


ADD_EXAMPLES = """\b
Examples:
  okapi-install keys add night-shift --role read
  KEY=$(okapi-install keys add jenkins --role operate)
"""


@keys.command(epilog=ADD_EXAMPLES)
@click.argument("name", metavar="NAME")
@click.option(
    "--role", type=click.Choice(["read", "operate"]), required=True,
    help="What its holder may do: read only, or everything.",
)  # fmt: skip
@_with_database
@reported
def add(name: str, role: str, **overrides: object) -> None:
    """Add a key, and print it. It cannot be printed again.

    The first key closes a server that was open: from then on every request needs a key.
    """
    from okapi_install.domain.access import Role

    with _key_service(**overrides) as service:
        key = service.add(name, Role(role))
    click.echo(f"The key of {name}, which may {'read' if role == 'read' else 'do everything'}. Store it now:", err=True)
    click.echo(key)


@keys.command("list")
@_with_database
@reported
def list_keys(**overrides: object) -> None:
    """List the names and roles of all keys in the database."""
    with _key_service(**overrides) as service:
        found = service.all()
    rows = [("NAME", "ROLE", "CREATED"), *((one.name, one.role.value, _local(one.created)) for one in found)]
    width = max(len(name) for name, _, _ in rows)
    for name, role, created in rows if found else []:
        click.echo(f"{name:<{width}}  {role:<7}  {created}")
    click.echo(f"{len(found)} key{'' if len(found) == 1 else 's'} in the database.", err=True)


@keys.command()
@click.argument("name", metavar="NAME")
@click.option("-y", "--yes", is_flag=True, help="Do not ask, also for the last key.")
@_with_database
@reported
def remove(name: str, yes: bool, **overrides: object) -> None:
    """Remove a key. Its holder's sessions on the page end.

    Without any key the server is open: everybody who can connect may change everything.
    """
    with _key_service(**overrides) as service:
        if service.is_last(name) and not yes:
            click.confirm(
                f"{name} is the last key. Without it the server needs no key. Remove it?", abort=True, err=True
            )
        service.remove(name)
    click.echo(f"The key {name} is removed.", err=True)


def _local(seconds: float | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
