"""`demo`: starts everything, installs a simulated platform while the user watches, and cleans up."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from okapi_install.cli.connection import Session
from okapi_install.cli.exits import Exit, exit_of_job
from okapi_install.cli.program import program
from okapi_install.cli.terminal import Terminal
from okapi_install.cli.watching import follow_on_screen, print_job
from okapi_install.client.errors import ClientError
from okapi_install.client.following import Pace
from okapi_install.client.okapi import JobRef
from okapi_install.demo.service_process import DidNotStart
from okapi_install.demo.stage import TENANT, USUAL_LISTEN, Stage, open_stage

_TERMINATED = 128 + signal.SIGTERM

EXAMPLES = """\b
Examples:
  okapi-install demo
  okapi-install demo --exit && echo installed
  okapi-install demo --listen 127.0.0.1:9131 --parallel 1

\b
Exit codes (with --exit):
  0  the job is done
  1  the job failed, or something did not start
"""


@click.command(epilog=EXAMPLES)
@click.option("--exit", "ends", is_flag=True, help="Exit when the job has ended. Without it: run until Ctrl-C.")
@click.option(
    "--listen", metavar="HOST:PORT", help=f"Where the service listens.  [default: {USUAL_LISTEN}, or a free port]"
)
@click.option(
    "--parallel",
    type=click.IntRange(min=1),
    default=6,
    show_default=True,
    metavar="N",
    help="Up to N modules at the same time.",
)
def demo(ends: bool, listen: str | None, parallel: int) -> None:
    """Install a small simulated FOLIO platform, and watch.

    Starts the service with a temporary data folder, and simulated back-end modules. Creates a tenant and installs about
    thirty modules for it in an asynchronous job. Then the service keeps running, so that you can look around: the
    page, the API, an upgrade. On exit everything is stopped and removed.
    """
    terminal = Terminal()
    try:
        with ended_by_sigterm(), open_stage(listen) as stage:
            code = _play(stage, terminal, parallel, ends=ends)
    except DidNotStart as problem:
        terminal.warn(str(problem))
        code = Exit.FAILED
    except ClientError as problem:
        terminal.error(problem)
        code = Exit.FAILED
    except KeyboardInterrupt:
        code = Exit.FAILED
    sys.exit(int(code))


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Turns SIGTERM and SIGHUP into a normal exit, so that everything that was started is cleaned up."""

    def leave(*_: object) -> NoReturn:
        sys.exit(_TERMINATED)

    former = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _play(stage: Stage, terminal: Terminal, parallel: int, *, ends: bool) -> Exit:
    url = stage.service.url
    session = Session(client=stage.client, terminal=terminal, pace=Pace(), url=url)
    terminal.talk(f"The service is ready on {url}, {stage.prepare()} simulated modules on {stage.back_end.url}.")
    ref = stage.client.start(stage.request(parallel))
    terminal.talk(f"POST {url}/_/proxy/tenants/{TENANT}/install?async=true&parallel={parallel} started job {ref.id}.")
    try:
        job = follow_on_screen(session, ref)
    except KeyboardInterrupt:
        terminal.talk("Interrupted. Stopping everything.")
        return Exit.ABORTED
    print_job(session, job)
    if not ends:
        _go_on_serving(stage, terminal, ref, parallel)
    return Exit.DONE if exit_of_job(job) is Exit.DONE else Exit.FAILED


def _go_on_serving(stage: Stage, terminal: Terminal, ref: JobRef, parallel: int) -> None:
    newer = stage.add_next_generation()
    for line in invitation(stage.service.url, ref.id, newer, parallel, program()):
        terminal.talk(line)
    try:
        while stage.service.alive:
            time.sleep(0.2)
        terminal.warn("The service has stopped.")
    except KeyboardInterrupt:
        terminal.talk("\nStopping everything.")


def invitation(url: str, job_id: str, newer: int, parallel: int, command: str) -> list[str]:
    """Lines that say what to look at and what to try next. `command` is how to call okapi-install."""
    upgrade = f"{url}/_/proxy/tenants/{TENANT}/upgrade?async=true&parallel={parallel}"
    return [
        "",
        "Look around:",
        f"  the page   {url}/",
        f"  the API    {url}/docs",
        f"  this job   {url}/_/install/jobs/{job_id}",
        f"Newer versions of {newer} modules are available now. To upgrade, run in another terminal:",
        f"  curl -X POST '{upgrade}'",
        f"  {command} upgrade --url {url} --tenant {TENANT} --parallel {parallel}",
        "Ctrl-C stops everything.",
    ]
