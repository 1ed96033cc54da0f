"""`beside` and `adopt`: what joins this service to an Okapi, and what takes over from one."""

from __future__ import annotations

from typing import Any

import click

from okapi_install.cli.connection import CONNECTION, ClientCommand, Session, with_options
from okapi_install.cli.exits import Exit
from okapi_install.cli.terminal import Terminal
from okapi_install.cli.wording import number_of
from okapi_install.client.adoption import Adoption, Report
from okapi_install.client.beside import BesideChecks, Finding, Level, nginx_lines
from okapi_install.client.okapi import OkapiClient
from okapi_install.client.registration import Registration
from okapi_install.client.registry import RegistryClient
from okapi_install.client.transport import HttpTransport
from okapi_install.domain.foreign_text import visible

_COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "red"}
_SERVICE = "http://127.0.0.1:9131"

BESIDE_EXAMPLES = """\b
Examples:
  # look whether all is there, and print the lines for nginx
  okapi-install beside http://okapi:9130 --service http://okapi-install:9131
  # reach the service through Okapi: its own paths, and Okapi's paths for installs too
  okapi-install beside http://okapi:9130 --service http://okapi-install:9131 --register --take-over
  # Okapi installs by itself again
  okapi-install beside http://okapi:9130 --undo
"""

ADOPT_EXAMPLES = """\b
Examples:
  # what would be copied, and what differs
  okapi-install adopt http://okapi:9130 --dry-run
  okapi-install adopt http://okapi:9130
"""


@click.command(cls=ClientCommand, epilog=BESIDE_EXAMPLES)
@click.argument("okapi", metavar="URL")
@click.option("--service", metavar="URL", help=f"Where Okapi and nginx reach this service.  [nginx lines: {_SERVICE}]")
@click.option("--register", is_flag=True, help="Make Okapi hand /_/install/… to the service.")
@click.option("--take-over", is_flag=True, help="Make it hand its own paths for installs to the service, too.")
@click.option("--undo", is_flag=True, help="Take both back.")
@click.option("--token", metavar="TOKEN", envvar="OKAPI_TOKEN", show_envvar=True, help="A token for that Okapi.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the result and errors.")
def beside(
    okapi: str, service: str | None, register: bool, take_over: bool, undo: bool, token: str | None, **given: Any
) -> Exit:
    """Check what a service beside the Okapi at URL needs, and say how to mend it.

    Run it on a machine of the workers: it looks whether modules can be reached from there. It changes nothing without
    --register, --take-over or --undo. These can be repeated.
    """
    terminal = Terminal(**given)
    client = OkapiClient(HttpTransport(okapi, token=token), url=okapi)
    registration = Registration(client)
    if undo:
        if register or take_over:
            raise click.UsageError("--undo cannot be combined with --register and --take-over")
        return _print_done(terminal, registration.undo())
    if (register or take_over) and service is None:
        raise click.UsageError("--register and --take-over need --service: where Okapi reaches this service")
    checks = BesideChecks(okapi, client, service=service)
    findings = checks.findings()
    lines = nginx_lines(okapi.rstrip("/"), (service or _SERVICE).rstrip("/"))
    done = None
    if service is not None and (register or take_over):
        obstacle = checks.obstacle(service)
        findings += [obstacle] if obstacle else []
        done = [] if obstacle else registration.register(service, take_over=take_over)
    if terminal.as_json:
        terminal.document(_as_json(findings, lines, done))
    else:
        _print_findings(terminal, findings)
        _print_front(terminal, lines, done)
    return Exit.FAILED if any(finding.level is Level.ERROR for finding in findings) else Exit.DONE


def _as_json(findings: list[Finding], lines: str, done: list[str] | None) -> dict[str, Any]:
    shown = [{"level": f.level, "text": f.text, "mend": f.mend, "more": list(f.more)} for f in findings]
    return {"findings": shown, "nginx": lines, "done": done}


def _print_findings(terminal: Terminal, findings: list[Finding]) -> None:
    for finding in findings:
        level = click.style(f"{finding.level:8}", fg=_COLOURS[finding.level])
        terminal.result(f"{level} {visible(finding.text)}")
        if finding.mend is not None:
            terminal.result(f"         {visible(finding.mend)}")


def _print_front(terminal: Terminal, lines: str, done: list[str] | None) -> None:
    if done is not None:
        _print_done(terminal, done)
        return
    terminal.talk()
    terminal.talk("For nginx in front of both:")
    terminal.result(lines)


def _print_done(terminal: Terminal, done: list[str]) -> Exit:
    if terminal.as_json:
        terminal.document({"done": done})
    for line in () if terminal.as_json else done:
        terminal.result(visible(line))
    terminal.talk("" if done else "Nothing had to be changed.")
    return Exit.DONE


@click.command(cls=ClientCommand, epilog=ADOPT_EXAMPLES)
@click.argument("okapi", metavar="URL")
@click.option("--okapi-token", metavar="TOKEN", help="A token for that Okapi.")
@click.option("--dry-run", is_flag=True, help="Copy nothing; say what would be copied.")
@with_options(CONNECTION)
def adopt(okapi: str, okapi_token: str | None, dry_run: bool, **given: Any) -> Exit:
    """Copy what the Okapi at URL has into the tables of this service, for a site that gives up Okapi's installer.

    Copied are module descriptors, instances, tenants, and what tenants have enabled; no module is called. What the
    service has already stays as it is; where that differs from Okapi it is reported. Can be repeated.
    """
    session = Session.of(given)
    source = RegistryClient(OkapiClient(HttpTransport(okapi, token=okapi_token), url=okapi))
    adoption = Adoption(source, session.client)
    report = adoption.compared()
    if not dry_run:
        adoption.carry_out(report)
    _print_report(session.terminal, report, dry_run=dry_run)
    return Exit.FAILED if report.differs else Exit.DONE


def _print_report(terminal: Terminal, report: Report, *, dry_run: bool) -> None:
    if terminal.as_json:
        terminal.document(report.as_json())
        return
    verb = "to be added" if dry_run else "added"
    for what, new, same in report.counts():
        terminal.result(f"{number_of(new, what)} {verb}, {same} there already")
    for line in report.differs:
        terminal.result(visible(f"differs: {line}"))
    if report.differs:
        terminal.talk("What differs was left as it is here.")
