"""How a client command ends, as a number for scripts."""

from __future__ import annotations

from enum import IntEnum

from okapi_install.client.errors import ClientError, Unreachable
from okapi_install.client.following import JobGone
from okapi_install.client.progress import JobProgress


class Exit(IntEnum):
    """Exit codes; the same for all client commands."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    UNREACHABLE = 4
    ABORTED = 5
    LEFT_RUNNING = 6


EXIT_CODES = """\b
Exit codes:
  0  done
  1  the job failed
  2  the command line is wrong
  3  the server refused: nothing was changed
  4  the server was not reached, or was away for too long
  5  aborted: the job, or by you before it began
  6  you left; the job goes on
"""


def exit_of_error(error: ClientError) -> Exit:
    """How a command ends that met this error."""
    if isinstance(error, JobGone):
        return Exit.ABORTED
    return Exit.UNREACHABLE if isinstance(error, Unreachable) else Exit.REFUSED


def exit_of_job(job: JobProgress) -> Exit:
    """How a command ends that has seen this end of a job."""
    if job.aborted:
        return Exit.ABORTED
    return Exit.FAILED if job.failed else Exit.DONE
