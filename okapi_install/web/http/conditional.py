"""ETag and Retry-After of answers about jobs."""

from __future__ import annotations

from flask import Response, request

from okapi_install.domain.jobs import Job


def with_etag(answer: Response, job: Job) -> Response:
    """The answer with an ETag of the job's revision (304 if the client has it), and when to ask again.

    The ETag is a weak one: seconds that go by are no change.
    """
    answer.headers["ETag"] = f'W/"{job.id}-{job.revision}"'
    answer.headers["Cache-Control"] = "no-cache"
    if not job.complete:
        answer.headers["Retry-After"] = "1"
    if "If-None-Match" in request.headers:
        answer.make_conditional(request)
    return answer
