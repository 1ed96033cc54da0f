"""`tenants` and `enabled`: the tenants of a server, and the modules that one of them has."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from okapi_install.cli.completion import complete_tenant
from okapi_install.cli.connection import CONNECTION, ClientCommand, ClientGroup, Session, with_options
from okapi_install.cli.wording import number_of, table_lines
from okapi_install.client.registry import RegistryClient
from okapi_install.domain.foreign_text import visible, visible_document

TENANTS_EXAMPLES = """\b
Examples:
  okapi-install tenants
  okapi-install tenants create diku --name 'Datalogisk Institut'
"""

CREATE_EXAMPLES = """\b
Example:
  okapi-install tenants create diku --name 'Datalogisk Institut'
"""

ENABLED_EXAMPLES = """\b
Examples:
  okapi-install enabled diku
  # give another tenant the same modules
  okapi-install enabled diku --json | okapi-install install --tenant other -
"""


@click.group(cls=ClientGroup, invoke_without_command=True, epilog=TENANTS_EXAMPLES)
@with_options(CONNECTION)
@click.pass_context
def tenants(context: click.Context, /, **given: Any) -> None:
    """List the tenants, or create one."""
    if context.invoked_subcommand is not None:
        _refuse_options(context, context.invoked_subcommand)
        return
    session = Session.of(given)
    found = RegistryClient(session.client).tenants()
    if session.terminal.as_json:
        session.terminal.document(found)
        return
    shown = sorted((str(t.get("id")), str(t.get("name") or "")) for t in visible_document(found))
    for line in table_lines([("TENANT", "NAME"), *shown]) if shown else []:
        session.terminal.result(line)
    session.terminal.talk(f"{number_of(len(shown), 'tenant')}.")


def _refuse_options(context: click.Context, command: str) -> None:
    """Options before the name of a command would be ignored. Raises click.UsageError."""
    for name in context.params:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"Options of `tenants {command}` come after {command}.")


@tenants.command(cls=ClientCommand, epilog=CREATE_EXAMPLES)
@click.argument("tenant")
@click.option("--name", metavar="NAME", help="A name for people.  [default: the id]")
@click.option("--description", metavar="TEXT", help="More about the tenant.")
@with_options(CONNECTION)
def create(tenant: str, name: str | None, description: str | None, **given: Any) -> None:
    """Create a tenant, which has no modules yet."""
    session = Session.of(given)
    created = RegistryClient(session.client).create_tenant(tenant, name, description)
    if session.terminal.as_json:
        session.terminal.document(created)
    else:
        session.terminal.result(visible(str(created.get("id"))))
    session.terminal.talk(f"To install modules: {session.command('install', '--tenant', tenant, 'MODULE')}")


@click.command(cls=ClientCommand, epilog=ENABLED_EXAMPLES)
@click.argument("tenant", envvar="OKAPI_TENANT", shell_complete=complete_tenant)
@with_options(CONNECTION)
def enabled(tenant: str, **given: Any) -> None:
    """List the modules that a tenant has enabled.

    TENANT may be left out if OKAPI_TENANT is set. With --json the list can be given to `install`.
    """
    session = Session.of(given)
    found = sorted(RegistryClient(session.client).enabled(tenant))
    if session.terminal.as_json:
        session.terminal.document([{"id": module, "action": "enable"} for module in found])
    for module in () if session.terminal.as_json else found:
        session.terminal.result(visible(module))
    session.terminal.talk(f"{number_of(len(found), 'module')} of tenant {tenant}.")
