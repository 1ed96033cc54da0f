"""`install` and `upgrade`: show the plan, ask for confirmation, start the job, follow it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from okapi_install.cli.completion import complete_module, complete_tenant
from okapi_install.cli.confirming import agreed, purge_by
from okapi_install.cli.connection import CONNECTION, FOLLOWING, ClientCommand, Session, with_options
from okapi_install.cli.exits import Exit, exit_of_error
from okapi_install.cli.module_arguments import modules_of, modules_of_file
from okapi_install.cli.rollouts.preflight import passes, preflight_of
from okapi_install.cli.screens import available_text, unavailable_text
from okapi_install.cli.solutions import SOLVING, course_of, decide
from okapi_install.cli.watching import watch
from okapi_install.cli.wording import number_of, plan_lines, plan_summary
from okapi_install.client.errors import ClientError, Refused, Unreachable
from okapi_install.client.following import Trouble
from okapi_install.client.okapi import JobRef, Module, Request
from okapi_install.client.options import InstallOptions

TENANT = (
    click.option(
        "--tenant",
        metavar="TENANT",
        envvar="OKAPI_TENANT",
        show_envvar=True,
        required=True,
        shell_complete=complete_tenant,
        help="The tenant to change.",
    ),
)

_VERSIONS = click.Choice(["true", "false", "only"])

HOW = (
    click.option("--parallel", type=click.IntRange(min=1), metavar="N", help="Up to N modules at the same time."),
    click.option(
        "-p", "--parameter", "parameters", multiple=True, metavar="KEY=VALUE",
        help="A tenant parameter for the modules; can be repeated. Same as tenantParameters=KEY=VALUE,…",
    ),
    click.option("--tenant-parameters", metavar="LIST", help="Tenant parameters in Okapi's form: a=b,c=d."),
    click.option(
        "--ignore-errors", is_flag=True, default=None,
        help="After a failure, continue with the modules that do not need the failed one.",
    ),
    click.option(
        "--purge", is_flag=True, default=None,
        help="Delete the data of the modules that are disabled; asks for the tenant's name.",
    ),
    click.option("--reinstall", is_flag=True, default=None, help="Call modules again that are already enabled."),
    click.option(
        "--dep-check/--no-dep-check", default=None,
        help="With --no-dep-check: exactly these modules, whatever they require.",
    ),
    click.option("--pre-release", type=_VERSIONS, help="Use versions such as 1.0.0-rc.1: yes, no, or no others."),
    click.option("--npm-snapshot", type=_VERSIONS, help="Use versions such as 1.0.1000012: yes, no, or no others."),
    click.option(
        "--invoke", metavar="WHAT",
        help="Which modules are called: true (all), false (none), or a regular expression.",
    ),
    click.option("--deploy", is_flag=True, default=None, help="Deploy the modules first, if the server can."),
)  # fmt: skip

COURSE = (
    click.option("--simulate", is_flag=True, help="Print the plan and stop."),
    click.option("--explain", is_flag=True, help="If the request is refused, print the chain of reasons."),
    click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation (never asked without a terminal)."),
    click.option(
        "--confirm-purge",
        metavar="TENANT",
        help="Confirms that --purge deletes data: the tenant's name. Required without a terminal and with --yes.",
    ),
    click.option("--strict", is_flag=True, help="Start only if a look at modules and tenant finds nothing wrong."),
    click.option("--sync", is_flag=True, help="Wait for the end in a single request, without progress."),
    click.option("--no-follow", is_flag=True, help="Start the job, print its id, and exit."),
)

INSTALL_EXAMPLES = """\b
Examples:
  # two modules and all that they require, at their newest versions
  okapi-install install --tenant diku mod-users mod-circulation
  # a FOLIO release, five modules at a time, with reference data
  okapi-install install --tenant diku install.json --parallel 5 -p loadReference=true
  # what would change, or why the request is refused
  okapi-install install --tenant diku mod-orders-13.0.0 --simulate --explain
  # the second of the solutions that are offered for a refused request, without questions
  okapi-install install --tenant diku mod-pubsub --solution 2 --yes
  # remove a module with its data; without --confirm-purge, the tenant's name must be typed
  okapi-install install --tenant diku --action disable --purge mod-tags-2.2.0 --confirm-purge diku
  # in a script: start now, follow later
  JOB=$(okapi-install install --tenant diku install.json --no-follow)
  okapi-install job $JOB --follow --json
"""

UPGRADE_EXAMPLES = """\b
Examples:
  # which newer versions there are
  okapi-install upgrade --tenant diku --simulate
  # upgrade all modules, five at a time, without confirmation
  okapi-install upgrade --tenant diku --parallel 5 --yes
  # to the versions of a release, no newer ones
  okapi-install upgrade --tenant diku install.json --parallel 5
  # to a release, whatever the tenant has now: the solution that changes least
  okapi-install upgrade --tenant diku --to install.json --solution 1
"""


@click.command(cls=ClientCommand, epilog=INSTALL_EXAMPLES)
@click.argument("modules", nargs=-1, required=True, shell_complete=complete_module)
@click.option(
    "--action", type=click.Choice(["enable", "disable"]), default="enable", show_default=True,
    help="The action for modules that state none; those in a file can state their own.",
)  # fmt: skip
@with_options(TENANT, HOW, COURSE, SOLVING, CONNECTION, FOLLOWING)
def install(modules: tuple[str, ...], action: str, **given: Any) -> Exit:
    """Install, upgrade or remove modules, and follow the job.

    MODULES are module ids (mod-users-19.3.1), products (mod-users: the newest version), and files with a JSON list
    of them, such as the install.json of a FOLIO release; - reads such a list from the standard input. Modules that they
    require are installed as well. Modules that are enabled in an older version are upgraded.

    The plan is shown before anything is changed. The job runs on the server; Ctrl-C asks whether to leave it running
    or to abort it.
    """
    return plan_and_run(modules_of(modules, action), given)


@click.command(cls=ClientCommand, epilog=UPGRADE_EXAMPLES)
@click.argument("modules", nargs=-1, shell_complete=complete_module)
@click.option(
    "--to",
    "release",
    metavar="RELEASE",
    help="The release's install.json: bring the tenant there, whatever it has now.",
)
@with_options(TENANT, HOW, COURSE, SOLVING, CONNECTION, FOLLOWING)
def upgrade(modules: tuple[str, ...], release: str | None, **given: Any) -> Exit:
    """Upgrade a tenant's modules, and follow the job.

    Without MODULES, all modules of the tenant are upgraded to the newest versions that the server knows. With MODULES
    (ids, products or files, as for install), only these and what they require are upgraded; those that the tenant
    does not have are installed.

    With --to, all modules of a FOLIO release are enabled in its versions. The tenant's other modules stay if they can.
    If one of them cannot stay as it is, or if the release is refused, the command offers solutions.
    """
    if release is not None and modules:
        raise click.UsageError("--to and MODULES exclude each other.")
    if release is not None:
        return plan_and_run(modules_of_file(release, "enable"), given, thorough=True)
    return plan_and_run(modules_of(modules, "enable") if modules else None, given)


def plan_and_run(modules: list[dict[str, Any]] | None, given: dict[str, Any], *, thorough: bool = False) -> Exit:
    """Shows the plan or a solution, asks for confirmation, and runs the job. Raises ClientError and click's errors.

    With `thorough`, solutions are looked for even if there is a plan.
    """
    if given["sync"] and given["no_follow"]:
        raise click.UsageError("--sync and --no-follow exclude each other.")
    session = Session.of(given)
    request = Request(tenant=given["tenant"], modules=modules, options=_options(given))
    decided = decide(session, request, course_of(given), thorough=thorough)
    if decided is None:
        return Exit.REFUSED
    request, plan = decided
    purge = purge_by(request, plan)
    show_plan(session, plan, request.tenant, as_result=given["simulate"], deleted=purge.modules if purge else ())
    if purge is not None:
        session.terminal.warn(purge.sentence(request.tenant) + ".")
    if given["simulate"]:
        return Exit.DONE
    if all(module.get("action") == "uptodate" for module in plan):
        return _nothing_to_do(session)
    wanted = session.terminal.has_person and not given["yes"]
    if not passes(session, preflight_of(session, request), strict=given["strict"], wanted=wanted):
        return Exit.REFUSED
    if not agreed(session, request.tenant, purge, yes=given["yes"], confirmed=given["confirm_purge"]):
        session.terminal.talk("Nothing was started.")
        return Exit.ABORTED
    if given["sync"]:
        return _run(session, request)
    return _start(session, request, follow=not given["no_follow"])


def _options(given: dict[str, Any]) -> InstallOptions:
    pairs = [*([given["tenant_parameters"]] if given["tenant_parameters"] else []), *given["parameters"]]
    wrong = [pair for pair in given["parameters"] if "=" not in pair]
    if wrong:
        raise click.BadParameter(f"{wrong[0]} is not KEY=VALUE", param_hint="--parameter")
    names = set(InstallOptions.__dataclass_fields__) - {"tenant_parameters"}
    return InstallOptions(tenant_parameters=",".join(pairs) or None, **{name: given[name] for name in names})


def show_plan(
    session: Session, plan: list[Module], tenant: str, *, as_result: bool, deleted: Sequence[str] = ()
) -> None:
    """Prints the plan: as the result on standard output, or as a message on standard error before the job starts.

    The modules in `deleted` lose their data.
    """
    terminal = session.terminal
    if as_result and terminal.as_json:
        terminal.document(plan)
        return
    say = terminal.result if as_result else terminal.talk
    for line in plan_lines(plan, deleted):
        say(line)
    terminal.talk(plan_summary(plan, tenant))


def _nothing_to_do(session: Session) -> Exit:
    session.terminal.talk("All modules are already up to date.")
    if session.terminal.as_json:
        session.terminal.document({"id": None, "status": "done", "complete": True, "modules": []})
    return Exit.DONE


def _run(session: Session, request: Request) -> Exit:
    try:
        done = session.client.run(request)
    except ClientError as problem:
        session.terminal.error(problem)
        refused = isinstance(problem, Refused) and problem.status in (400, 500)
        return Exit.FAILED if refused else exit_of_error(problem)
    except KeyboardInterrupt:
        session.terminal.talk(f"\nThe server continues with the job. To see it: {session.command('jobs')}")
        return Exit.LEFT_RUNNING
    if session.terminal.as_json:
        session.terminal.document(done)
    else:
        for line in plan_lines(done):
            session.terminal.result(line)
    session.terminal.talk(f"Done: {number_of(len(done), 'module')}.")
    return Exit.DONE


class _TroubleMessages:
    """Prints when the server is unavailable while a job is started, and when it is available again."""

    def __init__(self, session: Session) -> None:
        self._terminal = session.terminal

    def unavailable(self, problem: Unreachable) -> None:
        """Prints that the server is unavailable."""
        self._terminal.warn(unavailable_text(problem))

    def available_again(self, seconds: float) -> None:
        """Prints for how long it was unavailable."""
        self._terminal.warn(available_text(seconds))


def _start(session: Session, request: Request, *, follow: bool) -> Exit:
    session.note_plain_okapi("it reports no estimates, errors or warnings, and cannot abort or retry a job")
    trouble = Trouble(_TroubleMessages(session), session.pace)
    ref = session.client.start(request, trouble.wait)
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
    session.terminal.talk(f"The job has started. To follow it: {session.command('job', ref.id, '--follow')}")
