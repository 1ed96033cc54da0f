"""`workers`: the worker processes of a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from okapi_install.cli.connection import CONNECTION, ClientCommand, Session, with_options
from okapi_install.cli.wording import duration, number_of, table_lines

WORKERS_EXAMPLES = """\b
Examples:
  okapi-install workers
  okapi-install workers --json
"""


@click.command(cls=ClientCommand, epilog=WORKERS_EXAMPLES)
@with_options(CONNECTION)
def workers(**given: Any) -> None:
    """List the workers: whether they are alive, the jobs that they run, and their versions."""
    session = Session.of(given)
    found = session.client.workers()
    if session.terminal.as_json:
        session.terminal.document({"workers": found})
        return
    rows = [_row(worker) for worker in found]
    for line in table_lines([("WORKER", "STATE", "JOBS", "HEARTBEAT", "VERSION"), *rows]) if rows else []:
        session.terminal.result(line)
    alive = sum(worker.get("alive") is True for worker in found)
    session.terminal.talk(f"{number_of(alive, 'worker')} running.")


def _row(worker: Mapping[str, Any]) -> tuple[str, ...]:
    most = worker.get("concurrency")
    return (
        str(worker.get("name")),
        "running" if worker.get("alive") is True else "lost",
        f"{worker.get('jobs')} of {most}" if most else str(worker.get("jobs")),
        f"{duration(worker.get('secondsAgo'))} ago",
        str(worker.get("version") or ""),
    )
