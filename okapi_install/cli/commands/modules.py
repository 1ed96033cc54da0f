"""`modules`: adds descriptors to a server, and tells it where the modules run."""

from __future__ import annotations

from typing import Any

import click

from okapi_install.cli.completion import complete_module
from okapi_install.cli.connection import CONNECTION, ClientCommand, Session, with_options
from okapi_install.cli.descriptor_files import by_requirements, read_descriptors, read_instances
from okapi_install.cli.wording import number_of
from okapi_install.client.registry import Instance, RegistryClient
from okapi_install.domain.foreign_text import visible

IMPORT_EXAMPLES = """\b
Examples:
  # all descriptors of a list, and those of a folder
  okapi-install modules import descriptors.json
  okapi-install modules import ./descriptors
  # whatever they require
  okapi-install modules import --no-check descriptors.json
"""

ANNOUNCE_EXAMPLES = """\b
Examples:
  okapi-install modules announce mod-users-19.3.1=http://users.example.org:8081
  # all modules of a release: each at a host of its product's name
  okapi-install modules announce install.json --template 'http://{product}:8081'
  # the module has moved
  okapi-install modules announce --replace mod-users-19.3.1=http://users2.example.org:8081
"""


@click.group()
def modules() -> None:
    """Add module descriptors to the server, and say where modules run."""


@modules.command("import", cls=ClientCommand, epilog=IMPORT_EXAMPLES)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(allow_dash=True))
@click.option(
    "--check/--no-check", default=True, show_default=True,
    help="Refuse modules that require an interface which no module provides.",
)  # fmt: skip
@with_options(CONNECTION)
def import_(files: tuple[str, ...], check: bool, **given: Any) -> None:
    """Add module descriptors to the server.

    FILE is a JSON list of descriptors or a single one, a folder of such files, or - for the standard input. Descriptors
    are sent in the order of their requirements. Those that the server has already stay as they are.
    """
    session = Session.of(given)
    descriptors = by_requirements(read_descriptors(files))
    registry = RegistryClient(session.client)
    before = set(registry.module_ids())
    registry.import_modules(descriptors, check=check)
    ids = list(dict.fromkeys(str(descriptor["id"]) for descriptor in descriptors))
    new = [module for module in ids if module not in before]
    if session.terminal.as_json:
        session.terminal.document({"imported": new, "known": [module for module in ids if module in before]})
    for module in () if session.terminal.as_json else new:
        session.terminal.result(visible(module))
    session.terminal.talk(f"{number_of(len(ids), 'module')}: {len(new)} added, {len(ids) - len(new)} known already.")


@modules.command(cls=ClientCommand, epilog=ANNOUNCE_EXAMPLES)
@click.argument("instances", nargs=-1, required=True, metavar="INSTANCE...", shell_complete=complete_module)
@click.option("--template", metavar="URL", help="URL for modules without one, with {id}, {product} or {version} in it.")
@click.option("--replace", is_flag=True, help="Remove the other instances of these modules.")
@with_options(CONNECTION)
def announce(instances: tuple[str, ...], template: str | None, replace: bool, **given: Any) -> None:
    """Say where modules run, so that the server can call them.

    INSTANCE is MODULE=URL, a module id if there is a --template, or a file. A file has a JSON object of URLs by module
    id, a list of objects with srvcId and url as in Okapi's discovery, or it is an install.json, which needs a
    --template. An instance that is announced already stays as it is. Modules for the browser (folio_…) in an
    install.json are left out: they run nowhere.
    """
    session = Session.of(given)
    wanted = read_instances(instances, template)
    registry = RegistryClient(session.client)
    known = registry.instances()
    new = [instance for instance in wanted if not any(instance.same_place(other) for other in known)]
    old = [other for other in known if replace and _is_replaced(other, wanted)]
    for instance in new:
        registry.announce(instance)
    for instance in old:
        registry.withdraw(instance)
    _print_announced(session, new, len(wanted) - len(new), old)


def _is_replaced(known: Instance, wanted: list[Instance]) -> bool:
    same = [instance for instance in wanted if instance.module == known.module]
    return bool(same) and not any(instance.same_place(known) for instance in same)


def _print_announced(session: Session, new: list[Instance], known: int, removed: list[Instance]) -> None:
    if session.terminal.as_json:
        shown = [{"srvcId": i.module, "instId": i.given_id, "url": i.url} for i in new]
        session.terminal.document({"announced": shown, "removed": [i.given_id for i in removed]})
    for instance in () if session.terminal.as_json else new:
        session.terminal.result(visible(f"{instance.module}  {instance.url}"))
    gone = f", {len(removed)} removed" if removed else ""
    session.terminal.talk(f"{number_of(len(new), 'instance')} announced, {known} known already{gone}.")
