"""The RAML and its schemas (OKAPI-874), held against what the code sends and takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from jsonschema import Draft4Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry
from referencing.jsonschema import DRAFT4

from okapi_install.web.request_meters import pattern_of
from tests.fakes.fake_modules import Call, answer
from tests.fixtures.parts import ROOT
from tests.unit.service.house import enable
from tests.unit.web.jobs_site import JobsSite

FOLDER = ROOT / "docs/raml"
SCHEMAS = {file.name: json.loads(file.read_text(encoding="utf-8")) for file in FOLDER.glob("*.json")}
RAMLS = sorted(FOLDER.glob("*.raml"))
REGISTRY: Registry[Any] = Registry().with_resources(
    (name, DRAFT4.create_resource(schema)) for name, schema in SCHEMAS.items()
)
PROBLEM = {"message": "no room", "type": "error", "code": "disk_full", "parameters": [{"key": "disk", "value": "sda"}]}
TENANT_JOB = {
    "id": "j1",
    "tenant": "diku",
    "tenantAttributes": {"module_to": "d-1.0.0", "purge": False, "parameters": [{"key": "loadSample"}]},
    "complete": True,
    "messages": ["table x was left as it is"],
    "status": "done",
    "warnings": [PROBLEM],
}


class RamlLoader(yaml.SafeLoader):
    """YAML with RAML's includes."""


def _include(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> object:
    return SCHEMAS[loader.construct_scalar(node)]


RamlLoader.add_constructor("!include", _include)


def raml(name: str) -> dict[str, Any]:
    """A RAML document, with what it includes."""
    found: dict[str, Any] = yaml.load((FOLDER / name).read_text(encoding="utf-8"), RamlLoader)  # noqa: S506 - a safe one
    return found


def check(value: object, schema: str) -> None:
    """Raises ValidationError unless the value is as the schema says."""
    Draft4Validator(SCHEMAS[schema], registry=REGISTRY).validate(value)


def job_of(site: JobsSite, job_id: str) -> Mapping[str, Any]:
    """The job as Okapi's path tells it."""
    found = site.client.get(f"/_/proxy/tenants/diku/install/{job_id}").json
    assert isinstance(found, dict)
    return found


def with_tenant_job(site: JobsSite, document: Mapping[str, Any]) -> None:
    """Module d answers with that tenant job."""

    def play(call: Call) -> Any:
        if call.method == "POST":
            return answer(201, {"id": "j1"}, Location="/_/tenant/j1")
        return answer(204) if call.method == "DELETE" else answer(200, document)

    site.house.script("d-1.0.0", play)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_schema_is_one(name: str) -> None:
    Draft4Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("file", RAMLS, ids=lambda file: file.name)
def test_a_raml_is_one_and_declares_what_it_uses(file: Any) -> None:
    assert file.read_text(encoding="utf-8").startswith("#%RAML 1.0\n")
    document = raml(file.name)
    used = {kind.removesuffix("[]") for kind in _types(document)}
    assert used <= document["types"].keys() | {"object", "integer"}


def _types(part: Any) -> set[str]:
    if not isinstance(part, dict):
        return set()
    own = {part["type"]} if isinstance(part.get("type"), str) else set()
    return own.union(*(_types(value) for key, value in part.items() if key != "types"))


def test_the_paths_of_the_raml_are_served() -> None:
    rules = {pattern_of(rule.rule) for rule in JobsSite().app.url_map.iter_rules()}
    base = "/_/proxy/tenants/{tenant}/install"
    assert base in raml("install.raml")
    assert {base, base + "/{job_id}"} <= rules


def test_a_job_is_as_its_schema_says_at_every_point_of_its_life() -> None:
    site = JobsSite()
    job = site.house.submit(*enable("b-1.0.0"))
    check(job_of(site, job.id), "InstallJob.json")
    site.house.work()
    done = job_of(site, job.id)
    check(done, "InstallJob.json")
    assert done["status"] == "done"


def test_a_failed_job_is_as_its_schema_says_with_errors_and_warnings() -> None:
    site = JobsSite()
    failed = TENANT_JOB | {"status": "error", "error": "it broke", "errors": [PROBLEM]}
    check(failed, "TenantJob.json")
    with_tenant_job(site, failed)
    told = job_of(site, site.house.carried_out(*enable("d-1.0.0")).id)
    check(told, "InstallJob.json")
    module = told["modules"][0]
    assert (told["status"], module["status"]) == ("error", "error")
    assert PROBLEM in module["errors"]
    assert {"it broke", "table x was left as it is"} <= {error["message"] for error in module["errors"]}
    assert module["warnings"] == [PROBLEM]


def test_the_warnings_of_a_tenant_job_are_told() -> None:
    site = JobsSite()
    check(TENANT_JOB, "TenantJob.json")
    with_tenant_job(site, TENANT_JOB)
    told = job_of(site, site.house.carried_out(*enable("d-1.0.0")).id)
    check(told, "InstallJob.json")
    assert [warning["message"] for warning in told["modules"][0]["warnings"]] == [
        "no room",
        "table x was left as it is",
    ]


def test_a_plan_is_as_its_schema_says() -> None:
    sent = JobsSite().client.post("/_/proxy/tenants/diku/install?simulate=true", json=[{"id": "c-1.0.0"}])
    for change in sent.get_json():
        check(change, "TenantModuleDescriptor.json")


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ("InstallJob.json", {"id": "x", "complete": True, "modules": [], "status": "aborted"}),
        ("TenantModuleDescriptor.json", {"id": "x", "status": "pending"}),
        ("TenantModuleDescriptor.json", {"id": "x", "errors": []}),
        ("Problem.json", {"code": "x"}),
        ("TenantJob.json", {"complete": "yes", "id": "x"}),
    ],
)
def test_what_is_not_so_is_refused(schema: str, value: object) -> None:
    with pytest.raises(ValidationError):
        check(value, schema)
