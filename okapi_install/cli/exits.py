"""The exit codes of the client commands."""

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
  3  the server refused the request; nothing was changed
  4  the server could not be reached, or was unavailable for too long
  5  the job was aborted, or you declined before it started
  6  you stopped following; the job continues
"""


def exit_of_error(error: ClientError) -> Exit:
    """The exit code for a client error."""
    if isinstance(error, JobGone):
        return Exit.ABORTED
    return Exit.UNREACHABLE if isinstance(error, Unreachable) else Exit.REFUSED


def exit_of_job(job: JobProgress) -> Exit:
    """The exit code for a job that has ended."""
    if job.aborted:
        return Exit.ABORTED
    return Exit.FAILED if job.failed else Exit.DONE
