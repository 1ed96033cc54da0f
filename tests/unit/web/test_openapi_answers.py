"""Whatever the description allows to be sent, the server answers with what the description says (schemathesis)."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from okapi_install.service.ports import JobRef
from tests.unit.service.house import enable
from tests.unit.web.jobs_site import JobsSite

CHECKS: list[CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def hasty_site() -> JobsSite:
    """An API whose jobs are carried out as they are submitted: a synchronous request waits for nobody."""
    site = JobsSite()

    def carry_out(job: JobRef) -> None:
        site.house.runner.run(job.id, job.task_id)

    site.house.queue.publish = carry_out  # type: ignore[method-assign]
    site.house.submit(*enable("b-1.0.0"))
    return site


SITE = hasty_site()
SCHEMA = schemathesis.openapi.from_wsgi("/openapi.json", SITE.app)


@SCHEMA.parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: schemathesis.Case) -> None:
    case.call_and_validate(checks=CHECKS)
