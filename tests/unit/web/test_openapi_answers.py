"""Whatever the description allows to be sent, the server answers with what the description says (schemathesis)."""

from __future__ import annotations

from typing import Any

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
from tests.fakes.fake_modules import answer
from tests.unit.service.house import enable
from tests.unit.web.jobs_site import JobsSite

CHECKS: list[CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def hasty_site() -> tuple[JobsSite, dict[str, str]]:
    """An API whose jobs are carried out as they are submitted, and what its paths may name that is there."""
    site = JobsSite(lease_seconds=3600.0)  # its worker counts as alive to the end

    def carry_out(job: JobRef) -> None:
        site.house.runner.run(job.id, job.task_id)

    site.house.queue.publish = carry_out  # type: ignore[method-assign]
    site.house.script("d-1.0.0", lambda _: answer(422, {"errors": [{"message": "no", "parameters": []}]}))
    site.house.submit(*enable("b-1.0.0"))
    job = site.house.submit(*enable("d-1.0.0"))
    site.house.runner.beat()
    site.client.post("/_/env", json={"name": "DB_HOST", "value": "postgres"})
    there = {"tenant": "diku", "job_id": job.id, "module": "b-1.0.0", "instance": "i-b-1.0.0", "interface": "ib"}
    body = {"name": "night", "tenants": ["diku"], "modules": [{"id": "b-1.0.0"}], "windows": []}
    there["rollout_id"] = site.client.post("/_/install/rollouts", json=body).get_json()["id"]
    return site, {**there, "name": "DB_HOST", "reference": "localhost", "filename": "swagger-ui.css"}


SITE, THERE = hasty_site()
SCHEMA = schemathesis.openapi.from_wsgi("/openapi.json", SITE.app)


@SCHEMA.parametrize()
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: schemathesis.Case[Any]) -> None:
    places = case.path_parameters or {}
    if len("".join(map(str, places.values()))) % 2:
        case.path_parameters = {name: THERE.get(name, value) for name, value in places.items()}
    case.headers["Accept-Encoding"] = "identity"  # the client for tests unpacks nothing
    case.call_and_validate(checks=CHECKS)
