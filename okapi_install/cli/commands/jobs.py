"""`jobs`, `job`, `abort` and `retry`: show jobs and act on them."""

from __future__ import annotations

from typing import Any

import click

from okapi_install.cli.completion import complete_tenant, jobs_in
from okapi_install.cli.connection import CONNECTION, FOLLOWING, ClientCommand, Session, with_options
from okapi_install.cli.exits import Exit
from okapi_install.cli.watching import follow_on_screen, print_job, watch
from okapi_install.cli.wording import history_lines, jobs_lines, number_of, outcome, retry_lines
from okapi_install.client.errors import NotFound, NotOffered
from okapi_install.client.okapi import JobRef
from okapi_install.domain.presentation.states import FILTER_NAMES

_STATES = click.Choice(FILTER_NAMES)

TENANT = (
    click.option(
        "--tenant", metavar="TENANT", envvar="OKAPI_TENANT", show_envvar=True, shell_complete=complete_tenant,
        help="The job's tenant. Used for a plain Okapi only; without it all tenants are searched.",
    ),
)  # fmt: skip

JOBS_EXAMPLES = """\b
Examples:
  okapi-install jobs
  okapi-install jobs --status running --all-tenants
  okapi-install jobs --status failed --json | jq -r '.jobs[].id'
"""

JOB_EXAMPLES = """\b
Examples:
  okapi-install job 1d0c8f52-9d5c-4f7e-a7f4-0a35d3bd7a39
  okapi-install job 1d0c8f52-9d5c-4f7e-a7f4-0a35d3bd7a39 --follow
  okapi-install job 1d0c8f52-9d5c-4f7e-a7f4-0a35d3bd7a39 --history
  # all warnings of all modules
  okapi-install job 1d0c8f52-9d5c-4f7e-a7f4-0a35d3bd7a39 --json | jq '.modules[].warnings[]'
"""

ABORT_EXAMPLES = """\b
Example:
  okapi-install abort 1d0c8f52-9d5c-4f7e-a7f4-0a35d3bd7a39
"""

RETRY_EXAMPLES = """\b
Examples:
  okapi-install retry 1d0c8f52-9d5c-4f7e-a7f4-0a35d3bd7a39
  okapi-install retry 1d0c8f52-9d5c-4f7e-a7f4-0a35d3bd7a39 --no-follow
  okapi-install retry 1d0c8f52-9d5c-4f7e-a7f4-0a35d3bd7a39 --skip mod-login-7.12.1
"""


@click.command(cls=ClientCommand, epilog=JOBS_EXAMPLES)
@click.option(
    "--tenant", metavar="TENANT", envvar="OKAPI_TENANT", show_envvar=True, shell_complete=complete_tenant,
    help="Only jobs of this tenant.",
)  # fmt: skip
@click.option("--all-tenants", is_flag=True, help="Jobs of all tenants, whatever OKAPI_TENANT says.")
@click.option("--status", type=_STATES, help="Only jobs in this state; queued, error and aborted are accepted too.")
@click.option(
    "--limit", type=click.IntRange(1, 500), default=20, show_default=True, metavar="N", help="At most N jobs."
)
@click.option("--offset", type=click.IntRange(min=0), default=0, metavar="N", help="Skip the N newest jobs.")
@with_options(CONNECTION)
def jobs(tenant: str | None, all_tenants: bool, status: str | None, limit: int, offset: int, **given: Any) -> None:
    """List jobs, newest first."""
    session = Session.of(given)
    wanted = None if all_tenants else tenant
    page = session.client.jobs(tenant=wanted, status=status, limit=limit, offset=offset)
    session.note_plain_okapi("it lists the jobs since its last start, and does not know who started them")
    if session.terminal.as_json:
        session.terminal.document(page)
        return
    for line in jobs_lines(page["jobs"]) if page["jobs"] else []:
        session.terminal.result(line)
    total = page.get("total", len(page["jobs"]))
    if not total and not wanted and not status:
        session.terminal.talk(
            f"No jobs yet. To start one: {session.command('install', '--tenant', 'TENANT', 'MODULE')}"
        )
        return
    many = "More than " if page.get("more") else ""
    left = f"; {total - len(page['jobs'])} more, see --limit and --offset" if total > len(page["jobs"]) else ""
    session.terminal.talk(f"{many}{number_of(total, 'job')}{f' of tenant {wanted}' if wanted else ''}{left}.")


@click.command(cls=ClientCommand, epilog=JOB_EXAMPLES)
@click.argument("job_id", metavar="JOB", shell_complete=jobs_in())
@click.option("-f", "--follow", is_flag=True, help="Follow the job to its end; the exit code tells how it ended.")
@click.option("--history", is_flag=True, help="Print what happened to the job so far, with the errors of each attempt.")
@with_options(TENANT, CONNECTION, FOLLOWING)
def job(job_id: str, follow: bool, history: bool, tenant: str | None, **given: Any) -> Exit:
    """Show one job: modules with stage, status and time, and errors and warnings in full.

    JOB is the id that `install` prints and `jobs` lists.

    Without --follow the exit code is 0, however the job ended.
    """
    if follow and history:
        raise click.UsageError("--follow and --history exclude each other.")
    session = Session.of(given)
    ref = JobRef(id=job_id, tenant=tenant)
    if history:
        return _print_history(session, ref)
    session.note_plain_okapi("it reports no times of modules, and one message instead of errors and warnings")
    if follow:
        return watch(session, ref)
    print_job(session, session.client.job(ref))
    return Exit.DONE


def _print_history(session: Session, ref: JobRef) -> Exit:
    events = session.client.history(ref)
    if session.terminal.as_json:
        session.terminal.document({"events": events, "total": len(events)})
    for line in [] if session.terminal.as_json else history_lines(events):
        session.terminal.result(line)
    return Exit.DONE


@click.command(cls=ClientCommand, epilog=ABORT_EXAMPLES)
@click.argument("job_id", metavar="JOB", shell_complete=jobs_in("queued", "running"))
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_options(TENANT, CONNECTION, FOLLOWING)
def abort(job_id: str, yes: bool, tenant: str | None, **given: Any) -> Exit:
    """Abort a job, and wait until it has stopped.

    JOB is the id that `jobs` lists.
    Modules that were enabled stay enabled. A running step is cancelled, at its module too, and does not count as
    enabled. The job's record is kept.
    """
    session = Session.of(given)
    ref = JobRef(id=job_id, tenant=tenant)
    if not yes and session.terminal.has_person:
        session.terminal.talk(outcome(session.client.job(ref)))
        if not click.confirm("Abort it?", err=True):
            return Exit.ABORTED
    session.client.abort(ref)
    try:
        print_job(session, follow_on_screen(session, ref))
    except NotFound:
        session.terminal.talk(f"Job {job_id} no longer exists.")
    return Exit.DONE


@click.command(cls=ClientCommand, epilog=RETRY_EXAMPLES)
@click.argument("job_id", metavar="JOB", shell_complete=jobs_in("error"))
@click.option("--no-follow", is_flag=True, help="Start the job again, print its id, and exit.")
@click.option("--module", "modules", multiple=True, metavar="MODULE", help="Run only this one; repeat it for more.")
@click.option("--failed", is_flag=True, help="Run only what failed or was skipped.")
@click.option("--skip", multiple=True, metavar="MODULE", help="Do not run this one, nor what requires it.")
@click.option("--anyway", is_flag=True, help="Run modules although one that they require is missing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_options(TENANT, CONNECTION, FOLLOWING)
def retry(
    job_id: str,
    no_follow: bool,
    modules: tuple[str, ...],
    failed: bool,
    skip: tuple[str, ...],
    anyway: bool,
    yes: bool,
    tenant: str | None,
    **given: Any,
) -> Exit:
    """Run the unfinished steps of a job again, and follow it.

    JOB is the id that `jobs` lists.
    It stays the same job, and finished steps are not repeated. For a job that failed, once the cause is fixed, or
    that was aborted.
    """
    session = Session.of(given)
    ref = JobRef(id=job_id, tenant=tenant)
    given_choice = {"modules": list(modules), "failed": failed, "skip": list(skip), "anyway": anyway}
    choice = {name: value for name, value in given_choice.items() if value}
    try:
        if choice and not _confirmed(session, ref, choice, yes=yes):
            return Exit.ABORTED
        again = session.client.retry(ref, choice)
    except NotOffered:
        _print_how_to_install_the_rest(session, ref)
        raise
    if not no_follow:
        return watch(session, ref)
    if session.terminal.as_json:
        session.terminal.document(again.document)
    else:
        session.terminal.result(again.id)
    return Exit.DONE


def _confirmed(session: Session, ref: JobRef, choice: dict[str, Any], *, yes: bool) -> bool:
    """Prints what the choice does, and asks whether to proceed."""
    for line in retry_lines(session.client.retry_plan(ref, choice)):
        session.terminal.talk(line)
    return yes or not session.terminal.has_person or click.confirm("Proceed?", err=True)


def _print_how_to_install_the_rest(session: Session, ref: JobRef) -> None:
    """Prints the command that comes closest to a retry on a plain Okapi."""
    old = session.client.job(ref)
    left = [m.id for m in old.modules if m.status != "done" and m.action == "enable"]
    if left:
        line = session.command("install", "--tenant", old.tenant, *left)
        session.terminal.talk(f"Closest to a retry: {line}")
