"""ETag and Retry-After of responses about jobs."""

from __future__ import annotations

from flask import Response, request

from okapi_install.domain.jobs import Job


def with_etag(answer: Response, job: Job) -> Response:
    """The response with the job's revision as ETag (304 if the client has it), and a Retry-After.

    The ETag is weak, because durations in the body change without a new revision.
    """
    answer.headers["ETag"] = f'W/"{job.id}-{job.revision}"'
    answer.headers["Cache-Control"] = "no-cache"
    if not job.complete:
        answer.headers["Retry-After"] = "1"
    if "If-None-Match" in request.headers:
        answer.make_conditional(request)
    return answer
