"""`install` and `upgrade`: show the plan, ask, begin the job, follow it."""

from __future__ import annotations

from typing import Any

import click

from okapi_install.cli.connection import CONNECTION, FOLLOWING, ClientCommand, Session, with_options
from okapi_install.cli.exits import Exit, exit_of_error
from okapi_install.cli.module_arguments import modules_of
from okapi_install.cli.screens import away_text, back_text
from okapi_install.cli.watching import watch
from okapi_install.cli.wording import number_of, plan_lines, plan_summary
from okapi_install.client.errors import ClientError, NotOffered, Refused, Unreachable
from okapi_install.client.following import Trouble
from okapi_install.client.okapi import JobRef, Module, Request
from okapi_install.client.options import InstallOptions
from okapi_install.domain.foreign_text import visible_document

TENANT = (
    click.option(
        "--tenant", metavar="TENANT", envvar="OKAPI_TENANT", show_envvar=True, required=True, help="Whose modules."
    ),
)

_VERSIONS = click.Choice(["true", "false", "only"])

HOW = (
    click.option("--parallel", type=click.IntRange(min=1), metavar="N", help="Up to N modules at the same time."),
    click.option(
        "-p", "--parameter", "parameters", multiple=True, metavar="KEY=VALUE",
        help="A tenant parameter for the modules; may come again. Same as tenantParameters=KEY=VALUE,…",
    ),
    click.option("--tenant-parameters", metavar="LIST", help="Tenant parameters as Okapi writes them: a=b,c=d."),
    click.option("--ignore-errors", is_flag=True, default=None, help="Continue with what needs no failed module."),
    click.option("--purge", is_flag=True, default=None, help="Delete the data of modules that are disabled."),
    click.option("--reinstall", is_flag=True, default=None, help="Call modules again that are enabled already."),
    click.option(
        "--dep-check/--no-dep-check", default=None, help="Without: exactly these modules, whatever they require."
    ),
    click.option("--pre-release", type=_VERSIONS, help="Whether versions such as 1.0.0-rc.1 count, or only those."),
    click.option("--npm-snapshot", type=_VERSIONS, help="Whether versions such as 1.0.1000012 count, or only those."),
    click.option("--invoke", metavar="WHAT", help="Which modules are called: true, false, or a regular expression."),
    click.option("--deploy", is_flag=True, default=None, help="Deploy modules first; where the server can."),
)  # fmt: skip

COURSE = (
    click.option("--simulate", is_flag=True, help="Print the plan and stop."),
    click.option("--explain", is_flag=True, help="If there is no plan: print the chain of reasons."),
    click.option("-y", "--yes", is_flag=True, help="Do not ask. Without a terminal there is no question."),
    click.option("--sync", is_flag=True, help="One request that is answered when all is done; no progress."),
    click.option("--no-follow", is_flag=True, help="Begin the job, print its id, and leave."),
)

INSTALL_EXAMPLES = """\b
Examples:
  # two modules and all that they require, at their newest versions
  okapi-install install --tenant diku mod-users mod-circulation
  # a FOLIO release, five modules at a time, with reference data
  okapi-install install --tenant diku install.json --parallel 5 -p loadReference=true
  # what would happen, and if it cannot: why
  okapi-install install --tenant diku mod-orders-13.0.0 --simulate --explain
  # remove a module with its data
  okapi-install install --tenant diku --action disable --purge mod-tags-2.2.0
  # in a script: begin, come back later
  JOB=$(okapi-install install --tenant diku install.json --no-follow)
  okapi-install job $JOB --follow --json
"""

UPGRADE_EXAMPLES = """\b
Examples:
  # what is newer than what the tenant has
  okapi-install upgrade --tenant diku --simulate
  # all of it, five modules at a time, without questions
  okapi-install upgrade --tenant diku --parallel 5 --yes
  # to the versions of a release, and no further
  okapi-install upgrade --tenant diku install.json --parallel 5
"""


@click.command(cls=ClientCommand, epilog=INSTALL_EXAMPLES)
@click.argument("modules", nargs=-1, required=True)
@click.option(
    "--action", type=click.Choice(["enable", "disable"]), default="enable", show_default=True,
    help="For modules that say none themselves, as those of a file may.",
)  # fmt: skip
@with_options(TENANT, HOW, COURSE, CONNECTION, FOLLOWING)
def install(modules: tuple[str, ...], action: str, **given: Any) -> Exit:
    """Install, upgrade or remove modules, and follow the job.

    MODULES are module ids (mod-users-19.3.1), products (mod-users: the newest version), and files with a JSON list
    of them, as a FOLIO release's install.json is; - reads such a list from the standard input. What they require
    comes along; what is enabled in an older version is upgraded.

    The plan is shown before anything is done. Then the job runs on the server: Ctrl-C asks whether to leave it
    running or to abort it.
    """
    return carry_out(modules_of(modules, action), given)


@click.command(cls=ClientCommand, epilog=UPGRADE_EXAMPLES)
@click.argument("modules", nargs=-1)
@with_options(TENANT, HOW, COURSE, CONNECTION, FOLLOWING)
def upgrade(modules: tuple[str, ...], **given: Any) -> Exit:
    """Upgrade a tenant's modules, and follow the job.

    Without MODULES, all modules of the tenant go to the newest versions that the server knows. With MODULES (ids,
    products or files, as for install) it is these, and what they require; those that the tenant lacks are added.
    """
    return carry_out(modules_of(modules, "enable") if modules else None, given)


def carry_out(modules: list[dict[str, Any]] | None, given: dict[str, Any]) -> Exit:
    """Plan, question, job. Raises ClientError and click's errors."""
    if given["sync"] and given["no_follow"]:
        raise click.UsageError("--sync and --no-follow exclude each other.")
    session = Session.of(given)
    request = Request(tenant=given["tenant"], modules=modules, options=_options(given))
    plan = _plan(session, request, explain=given["explain"])
    if plan is None:
        return Exit.REFUSED
    show_plan(session, plan, request.tenant, as_result=given["simulate"])
    if given["simulate"]:
        return Exit.DONE
    if all(module.get("action") == "uptodate" for module in plan):
        return _nothing_to_do(session)
    if not given["yes"] and not _agreed(session):
        session.terminal.talk("Nothing was started.")
        return Exit.ABORTED
    if given["sync"]:
        return _run(session, request)
    return _begin(session, request, follow=not given["no_follow"])


def _options(given: dict[str, Any]) -> InstallOptions:
    pairs = [*([given["tenant_parameters"]] if given["tenant_parameters"] else []), *given["parameters"]]
    wrong = [pair for pair in given["parameters"] if "=" not in pair]
    if wrong:
        raise click.BadParameter(f"{wrong[0]} is not KEY=VALUE", param_hint="--parameter")
    names = set(InstallOptions.__dataclass_fields__) - {"tenant_parameters"}
    return InstallOptions(tenant_parameters=",".join(pairs) or None, **{name: given[name] for name in names})


def _plan(session: Session, request: Request, *, explain: bool) -> list[Module] | None:
    """The plan; None after the refusal was told."""
    try:
        return session.client.plan(request)
    except Refused as refusal:
        if refusal.status != 400:
            raise
        tell_refusal(session, request, refusal, explain=explain)
        return None


def tell_refusal(session: Session, request: Request, refusal: Refused, *, explain: bool) -> None:
    """Why there is no plan, with the chain of reasons if that is wanted and to be had."""
    terminal = session.terminal
    if not explain:
        terminal.error(refusal)
        if not terminal.as_json:
            terminal.talk("The same command with --explain tells the chain of reasons.")
        return
    try:
        explanation = session.client.explain(request)
    except NotOffered as lack:
        terminal.error(refusal)
        terminal.talk(f"{lack.message}; these are all its words.")
        return
    if terminal.as_json:
        terminal.document({"error": {"kind": refusal.kind, "status": refusal.status, **explanation}})
        return
    explanation = visible_document(explanation)
    click.echo(click.style("Refused: ", fg="red") + str(explanation.get("message") or refusal.message), err=True)
    for line in explanation.get("explanation") or [r.get("message") for r in explanation.get("reasons", [])]:
        terminal.result(str(line))


def show_plan(session: Session, plan: list[Module], tenant: str, *, as_result: bool) -> None:
    """The plan: as the result on the standard output, or as talk before the work."""
    terminal = session.terminal
    if as_result and terminal.as_json:
        terminal.document(plan)
        return
    say = terminal.result if as_result else terminal.talk
    for line in plan_lines(plan):
        say(line)
    terminal.talk(plan_summary(plan, tenant))


def _nothing_to_do(session: Session) -> Exit:
    session.terminal.talk("All modules are already up to date.")
    if session.terminal.as_json:
        session.terminal.document({"id": None, "status": "done", "complete": True, "modules": []})
    return Exit.DONE


def _agreed(session: Session) -> bool:
    """Whether a person says yes; true where there is none."""
    if not session.terminal.has_person:
        return True
    try:
        return click.confirm("Proceed?", default=True, err=True)
    except click.Abort:
        session.terminal.talk()
        return False


def _run(session: Session, request: Request) -> Exit:
    try:
        done = session.client.run(request)
    except ClientError as problem:
        session.terminal.error(problem)
        refused = isinstance(problem, Refused) and problem.status in (400, 500)
        return Exit.FAILED if refused else exit_of_error(problem)
    except KeyboardInterrupt:
        session.terminal.talk("\nYou left; the server goes on with it. To see it: okapi-install jobs")
        return Exit.LEFT_RUNNING
    if session.terminal.as_json:
        session.terminal.document(done)
    else:
        for line in plan_lines(done):
            session.terminal.result(line)
    session.terminal.talk(f"Done: {number_of(len(done), 'module')}.")
    return Exit.DONE


class _Words:
    """Tells of trouble while a job is begun."""

    def __init__(self, session: Session) -> None:
        self._terminal = session.terminal

    def away(self, problem: Unreachable) -> None:
        """Says so."""
        self._terminal.warn(away_text(problem))

    def back(self, seconds: float) -> None:
        """Says so."""
        self._terminal.warn(back_text(seconds))


def _begin(session: Session, request: Request, *, follow: bool) -> Exit:
    session.say_what_is_lacking("it tells no estimates, errors and warnings, and cannot abort or retry")
    trouble = Trouble(_Words(session), session.pace)
    ref = session.client.begin(request, trouble.wait)
    trouble.over()
    if follow:
        return watch(session, ref)
    _print_ref(session, ref)
    return Exit.DONE


def _print_ref(session: Session, ref: JobRef) -> None:
    if session.terminal.as_json:
        session.terminal.document({"id": ref.id, "tenant": ref.tenant, "url": session.url})
    else:
        session.terminal.result(ref.id)
    session.terminal.talk(f"The job has begun. To see it: okapi-install job {ref.id} --follow")
