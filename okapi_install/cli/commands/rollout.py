"""`rollout`: starts a rollout for many tenants, shows it, and acts on it."""

from __future__ import annotations

from typing import Any

import click

from okapi_install.cli.connection import CONNECTION, FOLLOWING, ClientCommand, Session, with_options
from okapi_install.cli.exits import Exit
from okapi_install.cli.module_arguments import modules_of
from okapi_install.cli.rollouts.preflight import passes, preflight_of_rollout
from okapi_install.cli.rollouts.screen import follow_rollout, rollout_lines, rollouts_lines, simulation_lines
from okapi_install.client.rollouts import RolloutClient

_ID = "1d0c8f52-9d5c-4f7e-a7f4-0a35d3bd7a39"

START_EXAMPLES = """\b
Examples:
  # one tenant first, then a tenth of all, then the rest; five tenants at a time
  okapi-install rollout start --name Ramsons install.json --all-tenants --waves 1,10%,rest --at-once 5
  # only what would happen to which tenant
  okapi-install rollout start --name Ramsons install.json --all-tenants --simulate
  # an upgrade of three tenants, at night, that stops after more than one failure
  okapi-install rollout start --name night --upgrade --tenants diku,test,demo \\
    --window '22:00-04:00 Europe/Berlin' --max-failures 1
"""
STATUS_EXAMPLES = f"""\b
Examples:
  okapi-install rollout status {_ID}
  okapi-install rollout status {_ID} --follow
  okapi-install rollout status {_ID} --json | jq '.failures[]'
"""
LIST_EXAMPLES = """\b
Example:
  okapi-install rollout list
"""
PAUSE_EXAMPLES = f"""\b
Example:
  okapi-install rollout pause {_ID}
"""
RESUME_EXAMPLES = f"""\b
Example:
  okapi-install rollout resume {_ID} --follow
"""
RETRY_EXAMPLES = f"""\b
Examples:
  okapi-install rollout retry {_ID}
  okapi-install rollout retry {_ID} --tenants diku,test
  # the first group of failures that the status shows
  okapi-install rollout retry {_ID} --group 1
"""
ABORT_EXAMPLES = f"""\b
Examples:
  okapi-install rollout abort {_ID}
  okapi-install rollout abort {_ID} --jobs
"""
REMOVE_EXAMPLES = f"""\b
Example:
  okapi-install rollout remove {_ID}
"""

_FOLLOW = click.option("--follow", is_flag=True, help="Show its progress until it ends or pauses.")


@click.group()
def rollout() -> None:
    """Install or upgrade modules for many tenants, in waves."""


@rollout.command(cls=ClientCommand, epilog=START_EXAMPLES)
@click.argument("modules", nargs=-1, metavar="[MODULES]...")
@click.option("--name", required=True, metavar="NAME", help="A name for people.")
@click.option("--upgrade", is_flag=True, help="Upgrade all that each tenant has, instead of MODULES.")
@click.option("--tenants", metavar="LIST", help="The tenants, with commas between them.")
@click.option("--all-tenants", is_flag=True, help="All tenants but the supertenant.")
@click.option("--except", "excepted", metavar="LIST", help="Tenants to leave out.")
@click.option("--waves", metavar="SIZES", help="Sizes of the waves: numbers, percentages, rest. One wave without it.")
@click.option("--at-once", type=click.IntRange(1), metavar="N", help="Most tenants at once; 10 without it.")
@click.option("--max-per-module", type=click.IntRange(1), metavar="N", help="Most calls of one module at once.")
@click.option("--max-failures", metavar="N", help="Pause if more tenants fail: a number or a percentage; 0 without it.")
@click.option("--pause-after-wave", metavar="WHEN", help="After each wave: 'ask' for a person, or so many seconds.")
@click.option("--window", "windows", multiple=True, metavar="WINDOW", help="'[DAYS] HH:MM-HH:MM ZONE'; several times.")
@click.option("--parallel", type=click.IntRange(1), metavar="N", help="Up to N modules of a tenant at once.")
@click.option("--tenant-parameters", metavar="LIST", help="Tenant parameters in Okapi's form: a=b,c=d.")
@click.option("--ignore-errors", is_flag=True, help="Go on with a tenant's other modules after one fails.")
@click.option("--simulate", is_flag=True, help="Print what would happen to which tenant, and stop.")
@click.option("--strict", is_flag=True, help="Start only if a look at modules and tenants finds nothing wrong.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation (never asked without a terminal).")
@click.option("--no-follow", is_flag=True, help="Start it, print its id, and exit.")
@with_options(CONNECTION, FOLLOWING)
def start(modules: tuple[str, ...], simulate: bool, strict: bool, yes: bool, no_follow: bool, **given: Any) -> Exit:
    """Start a rollout, and follow it.

    MODULES are as for install. What would happen to which tenant is shown before anything is started.
    """
    session = Session.of(given)
    client, body = RolloutClient(session.client), _body(modules, given)
    found = client.simulate(body)
    if simulate and session.terminal.as_json:
        session.terminal.document(found)
        return Exit.DONE
    for line in simulation_lines(found):
        (session.terminal.result if simulate else session.terminal.talk)(line)
    if simulate:
        return Exit.DONE
    asks = session.terminal.has_person and not yes
    if not passes(session, preflight_of_rollout(session, body), strict=strict, wanted=asks):
        return Exit.REFUSED
    if asks and not click.confirm("Start?", err=True):
        session.terminal.talk("Nothing was started.")
        return Exit.ABORTED
    started = client.start(body)
    if no_follow:
        session.terminal.result(started["id"])
        return Exit.DONE
    return follow_rollout(session, client, started["id"])


@rollout.command(cls=ClientCommand, epilog=STATUS_EXAMPLES)
@click.argument("rollout_id", metavar="ID")
@_FOLLOW
@with_options(CONNECTION, FOLLOWING)
def status(rollout_id: str, follow: bool, **given: Any) -> Exit:
    """Show where a rollout stands, what failed and why, and when it will be done."""
    session = Session.of(given)
    client = RolloutClient(session.client)
    return follow_rollout(session, client, rollout_id) if follow else _show(session, client.one(rollout_id))


@rollout.command("list", cls=ClientCommand, epilog=LIST_EXAMPLES)
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, metavar="N", help="At most N.")
@with_options(CONNECTION)
def list_rollouts(limit: int, **given: Any) -> Exit:
    """List rollouts, newest first."""
    session = Session.of(given)
    page = RolloutClient(session.client).page(limit)
    if session.terminal.as_json:
        session.terminal.document(page)
        return Exit.DONE
    for line in rollouts_lines(page["rollouts"]):
        session.terminal.result(line)
    return Exit.DONE


@rollout.command(cls=ClientCommand, epilog=PAUSE_EXAMPLES)
@click.argument("rollout_id", metavar="ID")
@with_options(CONNECTION)
def pause(rollout_id: str, **given: Any) -> Exit:
    """Start no more tenants. What runs, runs on."""
    session = Session.of(given)
    return _show(session, RolloutClient(session.client).act(rollout_id, "pause"))


@rollout.command(cls=ClientCommand, epilog=RESUME_EXAMPLES)
@click.argument("rollout_id", metavar="ID")
@_FOLLOW
@with_options(CONNECTION, FOLLOWING)
def resume(rollout_id: str, follow: bool, **given: Any) -> Exit:
    """Go on with a paused rollout. If it paused because of failures, these do not count any more."""
    session = Session.of(given)
    client = RolloutClient(session.client)
    found = client.act(rollout_id, "resume")
    return follow_rollout(session, client, rollout_id) if follow else _show(session, found)


@rollout.command(cls=ClientCommand, epilog=RETRY_EXAMPLES)
@click.argument("rollout_id", metavar="ID")
@click.option("--tenants", metavar="LIST", help="Only these tenants, with commas between them.")
@click.option("--group", type=click.IntRange(1), metavar="N", help="Only the Nth group of failures of the status.")
@_FOLLOW
@with_options(CONNECTION, FOLLOWING)
def retry(rollout_id: str, tenants: str | None, group: int | None, follow: bool, **given: Any) -> Exit:
    """Let failed tenants have their turn again: all, some, or a group of failures."""
    if tenants is not None and group is not None:
        raise click.UsageError("--tenants and --group exclude each other.")
    session = Session.of(given)
    client, body = RolloutClient(session.client), {}
    if tenants is not None:
        body = {"tenants": _list(tenants)}
    if group is not None:
        failures = client.one(rollout_id)["failures"]
        if group > len(failures):
            raise click.BadParameter(f"the rollout has {len(failures)} groups of failures", param_hint="--group")
        body = {"group": failures[group - 1]["key"]}
    found = client.act(rollout_id, "retry", body)
    return follow_rollout(session, client, rollout_id) if follow else _show(session, found)


@rollout.command(cls=ClientCommand, epilog=ABORT_EXAMPLES)
@click.argument("rollout_id", metavar="ID")
@click.option("--jobs", is_flag=True, help="Abort running jobs too; else they run to their end.")
@with_options(CONNECTION)
def abort(rollout_id: str, jobs: bool, **given: Any) -> Exit:
    """Start nothing any more."""
    session = Session.of(given)
    return _show(session, RolloutClient(session.client).act(rollout_id, "abort", {"jobs": jobs}))


@rollout.command(cls=ClientCommand, epilog=REMOVE_EXAMPLES)
@click.argument("rollout_id", metavar="ID")
@with_options(CONNECTION)
def remove(rollout_id: str, **given: Any) -> Exit:
    """Remove a complete rollout. Its jobs stay."""
    session = Session.of(given)
    RolloutClient(session.client).remove(rollout_id)
    session.terminal.talk("Removed.")
    return Exit.DONE


def _show(session: Session, document: dict[str, Any]) -> Exit:
    if session.terminal.as_json:
        session.terminal.document(document)
        return Exit.DONE
    for line in rollout_lines(document):
        session.terminal.result(line)
    return Exit.DONE


def _body(modules: tuple[str, ...], given: dict[str, Any]) -> dict[str, Any]:
    """The request. Raises click.UsageError."""
    if bool(modules) is given["upgrade"]:
        raise click.UsageError("Name MODULES, or give --upgrade.")
    if (given["tenants"] is None) is not given["all_tenants"]:
        raise click.UsageError("Give --tenants or --all-tenants.")
    names = ("parallel", "tenant_parameters", "ignore_errors")
    options = {_camel(name): given[name] for name in names if given[name]}
    body = {
        "name": given["name"],
        "tenants": "all" if given["all_tenants"] else _list(given["tenants"]),
        "except": _list(given["excepted"] or ""),
        "options": options,
        "waves": [_size(part) for part in _list(given["waves"] or "")],
        "maxConcurrent": given["at_once"],
        "maxPerModule": given["max_per_module"],
        "maxFailures": _size(given["max_failures"] or "0"),
        "pauseAfterWave": _pause(given["pause_after_wave"]),
        "windows": [_window(text) for text in given["windows"]],
    }
    if modules:
        body["modules"] = modules_of(modules, "enable")
    return {name: value for name, value in body.items() if value is not None}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _size(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _pause(text: str | None) -> bool | float | None:
    if text is None:
        return None
    if text == "ask":
        return True
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter("use ask, or a number of seconds", param_hint="--pause-after-wave") from None


def _window(text: str) -> dict[str, Any]:
    """A window such as `fri,sat 22:00-04:00 Europe/Berlin`; without days, every day."""
    parts = text.split()
    hours = parts[-2].split("-") if len(parts) in (2, 3) else []
    if len(hours) != 2:
        hint = "write '[DAYS] HH:MM-HH:MM ZONE', for example 'fri,sat 22:00-04:00 Europe/Berlin'"
        raise click.BadParameter(hint, param_hint="--window")
    days = _list(parts[0]) if len(parts) == 3 else []
    return {"days": days, "from": hours[0], "to": hours[1], "zone": parts[-1]}
