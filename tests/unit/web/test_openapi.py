"""The description of the API, held against the code: paths, examples, and what the server answers to what it allows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from werkzeug.routing import Rule

from okapi_install import __version__
from okapi_install.web.api.openapi import description
from okapi_install.web.request_meters import pattern_of
from tests.unit.web.jobs_site import JobsSite

DOCUMENT = description()
METHODS = ("get", "put", "post", "delete", "patch")
NOT_DESCRIBED = ("page.", "page_", "start.", "static")
"""Pages are for people."""


def resolved(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part, or what it refers to."""
    if "$ref" not in part:
        return part
    found: Any = DOCUMENT
    for step in part["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return resolved(found)


def operations() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every operation as `METHOD path`."""
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in item:
                yield f"{method.upper()} {path}", {**item[method], "parameters": _parameters(item, item[method])}


def _parameters(item: Mapping[str, Any], operation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [resolved(one) for one in (*item.get("parameters", ()), *operation.get("parameters", ()))]


OPERATIONS = dict(operations())


def is_described(rule: Rule) -> bool:
    """Whether a rule of the app has to be in the description."""
    return not rule.endpoint.startswith(NOT_DESCRIBED)


def media() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every body that is sent or answered, by its place."""
    named = [*OPERATIONS.items(), ("the webhook", DOCUMENT["webhooks"]["jobEnded"]["post"])]
    for name, operation in named:
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{name} gets {kind}", content
        for status, answer in operation["responses"].items():
            for kind, content in resolved(answer).get("content", {}).items():
                yield f"{name} answers {status} {kind}", content


MEDIA = dict(media())


def check(value: object, schema: Mapping[str, Any]) -> None:
    """Raises ValidationError unless the value is as its schema says."""
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(value)


def test_the_description_is_valid() -> None:
    validate(DOCUMENT)


def test_it_is_served_with_the_version_of_the_server() -> None:
    answer = JobsSite().client.get("/openapi.json")
    assert answer.json == DOCUMENT
    assert DOCUMENT["info"]["version"] == __version__


def test_every_path_is_described_and_every_description_has_a_path() -> None:
    rules = [rule for rule in JobsSite().app.url_map.iter_rules() if is_described(rule)]
    served = {f"{method} {pattern_of(rule.rule)}" for rule in rules for method in rule.methods or ()}
    served = {name for name in served if not name.startswith(("HEAD ", "OPTIONS "))}
    names = re.compile(r"{\w+}")
    assert {names.sub("{}", name) for name in served} == {names.sub("{}", name) for name in OPERATIONS}


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_place_in_a_path_is_described(name: str) -> None:
    places = {one["name"] for one in OPERATIONS[name]["parameters"] if one["in"] == "path"}
    assert places == set(re.findall(r"{(\w+)}", name))


@pytest.mark.parametrize("name", [name for name, content in MEDIA.items() if "example" in content])
def test_an_example_is_as_its_schema_says(name: str) -> None:
    check(MEDIA[name]["example"], MEDIA[name]["schema"])


def test_every_body_of_json_has_an_example() -> None:
    without = [name for name, content in MEDIA.items() if "example" not in content]
    assert [name for name in without if name.endswith("application/json")] == []


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["parameters"]))
def test_the_example_of_a_parameter_is_as_its_schema_says(name: str) -> None:
    parameter = DOCUMENT["components"]["parameters"][name]
    if "example" in parameter:
        check(parameter["example"], parameter["schema"])


@pytest.mark.parametrize("group", ["schemas", "parameters", "responses"])
def test_nothing_is_described_that_is_not_used(group: str) -> None:
    text = str(DOCUMENT)
    assert [name for name in DOCUMENT["components"][group] if f"#/components/{group}/{name}'" not in text] == []


def test_every_text_ends_as_a_sentence_does() -> None:
    told = [resolved(one)["description"] for operation in OPERATIONS.values() for one in operation["parameters"]]
    assert [text for text in told if not text.endswith(".")] == []


def test_the_viewer_comes_from_this_server_and_nothing_else_is_let_in() -> None:
    client = JobsSite().client
    page = client.get("/docs")
    assert page.status_code == 200
    policy = page.headers["Content-Security-Policy"]
    sources = {source for part in policy.split("; ") for source in part.split(" ")[1:]}
    assert sources == {"'none'", "'self'", "data:"}
    assert "img-src 'self' data:" in policy
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(links) >= 4
    for link in links:
        with client.get(link) as found:
            assert found.status_code == 200, link
    assert "<script>" not in page.text


@pytest.mark.parametrize("name", ["nosuch.js", "index.css", "..%2f__init__.py", "%2e%2e"])
def test_the_viewers_folder_is_not_open(name: str) -> None:
    assert JobsSite().client.get(f"/docs/{name}").status_code == 404
