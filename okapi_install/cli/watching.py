"""Follows a job: shows its progress, asks on Ctrl-C what to do, and prints how it ended."""

from __future__ import annotations

from urllib.parse import quote

import click

from okapi_install.cli.connection import Session
from okapi_install.cli.exits import Exit, exit_of_job
from okapi_install.cli.screens import screen_for
from okapi_install.cli.wording import result_lines
from okapi_install.client.following import follow
from okapi_install.client.okapi import JobRef
from okapi_install.client.progress import JobProgress

LEAVE, ABORT, GO_ON = "leave", "abort", "follow"


def watch(session: Session, ref: JobRef) -> Exit:
    """The exit code after a job was followed to its end, or the user left. Prints the result. Raises ClientError."""
    while True:
        try:
            job = follow_on_screen(session, ref)
        except KeyboardInterrupt:
            choice = ask_what_to_do(session)
        else:
            print_job(session, job)
            return exit_of_job(job)
        if choice == LEAVE:
            return leave(session, ref)
        if choice == ABORT:
            session.client.abort(ref)
            session.terminal.talk("Aborting: what runs is stopped, what is enabled stays enabled.")


def follow_on_screen(session: Session, ref: JobRef) -> JobProgress:
    """The job at its end, shown until then. Raises ClientError, and KeyboardInterrupt on Ctrl-C."""
    last: JobProgress | None = None
    with screen_for(session.terminal) as screen:
        for job in follow(session.client, ref, screen, session.pace):
            screen.show(job)
            last = job
    if last is None:
        raise AssertionError("a job that is followed is seen at least once")
    return last


def ask_what_to_do(session: Session) -> str:
    """LEAVE, ABORT or GO_ON; without a person, or on another Ctrl-C, LEAVE."""
    if not session.terminal.has_person:
        return LEAVE
    text = "Leave the job running, abort it, or keep following?"
    try:
        answer = click.prompt(text, type=click.Choice([LEAVE, ABORT, GO_ON]), default=LEAVE, err=True)
    except click.Abort:
        return LEAVE
    return str(answer)


def leave(session: Session, ref: JobRef) -> Exit:
    """Prints how to follow the job again."""
    session.terminal.talk(f"The job continues. To follow it again: {session.command('job', ref.id, '--follow')}")
    if session.terminal.as_json:
        session.terminal.document({"id": ref.id, "tenant": ref.tenant, "status": "running", "left": True})
    return Exit.LEFT_RUNNING


def print_job(session: Session, job: JobProgress) -> None:
    """Prints the job as the result, and what to do if it did not end well."""
    if session.terminal.as_json:
        session.terminal.document(job.document)
        return
    session.terminal.talk()
    for line in result_lines(job):
        session.terminal.result(line)
    if job.detailed and (job.failed or job.aborted):
        session.terminal.talk(f"To run what is not done: {session.command('retry', job.id)}")
        session.terminal.talk(f"The job's page: {session.url.rstrip('/')}/jobs/{quote(job.id, safe='')}")
