"""Whether a person agrees to a plan. To delete data, the tenant's name must be typed or given as an option."""

from __future__ import annotations

from collections.abc import Iterable

import click

from okapi_install.cli.connection import Session
from okapi_install.client.okapi import Module, Request
from okapi_install.domain.jobs import Action, Change
from okapi_install.domain.planning.purge import Purge, purge_of


def purge_by(request: Request, plan: Iterable[Module]) -> Purge | None:
    """What the request deletes by that plan; None if nothing."""
    if not request.options.purge:
        return None
    return purge_of(_changes(plan), _changes(request.modules or ()))


def _changes(modules: Iterable[Module]) -> list[Change]:
    known = set(Action)
    return [Change(id=str(m["id"]), action=Action(m["action"])) for m in modules if m.get("action") in known]


def agreed(session: Session, tenant: str, purge: Purge | None, *, yes: bool, confirmed: str | None) -> bool:
    """Whether to proceed. `yes` answers the question, but not the one about data that is deleted.

    Raises:
        click.UsageError: data would be deleted, and there is nobody to confirm it, or the name is of another tenant.
    """
    if confirmed is not None and confirmed != tenant:
        raise click.UsageError(f"--confirm-purge names tenant {confirmed}, but the request changes tenant {tenant}.")
    try:
        if purge is not None:
            return confirmed is not None or _name_is_typed(session, tenant)
        return yes or not session.terminal.has_person or click.confirm("Proceed?", default=True, err=True)
    except click.Abort:
        session.terminal.talk()
        return False


def _name_is_typed(session: Session, tenant: str) -> bool:
    if not session.terminal.has_person:
        raise click.UsageError(
            f"This deletes data, and there is no terminal to ask. Nothing was started. "
            f"To confirm it, add --confirm-purge {tenant} to the command."
        )
    typed = click.prompt(
        f"To delete this data, type the tenant's name ({tenant})", default="", show_default=False, err=True
    )
    return str(typed).strip() == tenant
