"""Module descriptors: what is refused and in which words, what is kept, and what can be read from one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from okapi_install.domain.errors import UserError
from okapi_install.domain.modules.descriptors import InterfaceRef, ModuleDescriptor, ModuleSummary, interface_ref
from tests.unit.domain.registries import read_shared, registries

HANDLER: dict[str, Any] = {"methods": ["GET"], "pathPattern": "/a/{id}/*", "permissionsRequired": []}


def refusal(document: object) -> str:
    with pytest.raises(UserError) as caught:
        ModuleDescriptor.parse(document)
    return caught.value.message


def provided(*interfaces: Any) -> dict[str, Any]:
    return {"id": "m-1.0.0", "provides": list(interfaces)}


def handled(**entry: Any) -> dict[str, Any]:
    return provided({"id": "x", "version": "1.0", "handlers": [HANDLER | entry]})


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"name": "no id"}, "id is missing for module"),
        ({"id": "m"}, "Missing semantic version for: m (at id)"),
        ({"id": "m-1.0.0-"}, "missing pre-release version component (at id)"),
        (provided({"version": "1.0"}), "id is missing for module m-1.0.0"),
        (provided({"id": "x"}), "version is missing for module m-1.0.0"),
        (provided({"id": "x", "version": "1"}), "Bad version number '1' (at provides[0].version)"),
        (
            provided({"id": "x", "version": "1.0"}, {"id": "x", "version": "2.0"}),
            "Interface x provided multiple times (at provides)",
        ),
        (
            provided({"id": "x", "version": "1.0", "interfaceType": "odd"}),
            "Bad interface type 'odd' for module m-1.0.0",
        ),
        (
            provided({"id": "x", "version": "1.0", "handlers": [{"methods": ["GET"]}]}),
            "Bad routing entry, needs a pathPattern or at least a path",
        ),
        (handled(type="redirect"), "Redirect entry without redirectPath"),
        (
            handled(permissionsRequired=None),
            "Module 'm-1.0.0' handler /a/{id}/*: Missing field permissionsRequired",
        ),
        (
            {"id": "m-1.0.0", "requires": [{"id": "x", "version": "1.0", "handlers": [HANDLER]}]},
            "No handlers allowed in 'requires' section for module m-1.0.0",
        ),
        (
            {"id": "m-1.0.0", "filters": [{"methods": ["*"], "phase": "auth"}]},
            "Bad routing entry, needs a pathPattern or at least a path",
        ),
    ],
)
def test_okapis_rules_are_told_in_okapis_words(document: dict[str, Any], words: str) -> None:
    assert refusal(document) == words


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"phase": "late"}, "Invalid phase late"),
        ({"type": "odd"}, "Invalid entry type: odd"),
        ({"type": None}, "Invalid entry type: null"),
        ({"methods": ["get"]}, "get is not an HTTP method"),
        ({"methods": None}, "methods must not be null"),
        ({"pathPattern": "/a b"}, "Invalid character   for pathPattern"),
        ({"pathPattern": "/a}"}, "Invalid character } for pathPattern"),
        ({"pathPattern": "/{a/b}"}, "Invalid character / inside {}-construct in pathPattern"),
        ({"pathPattern": "/{a"}, "Missing }-character for {}-construct in pathPattern"),
        ({"unit": "week"}, "unit must be"),
        ({"schedule": {"cron": "* * *"}}, "A cron expression has 5 fields"),
        ({"schedule": {"cron": "* * * * *", "zone": "?"}}, "Unknown time zone: ?"),
        ({"schedule": {"cron": "* * * * *", "zone": "Mars"}}, "Unknown time zone: Mars"),
        ({"schedule": {"every": "day"}}, "a schedule has no member 'every'"),
        ({"delegateCORS": "maybe"}, "expected true or false"),
        ({"nosuch": 1}, "a routing entry has no member 'nosuch'"),
        ({"modulePermissions": "all"}, "expected a list of strings"),
        ({"rewritePath": {}}, "expected a string"),
    ],
)
def test_a_routing_entry_is_checked_member_by_member(entry: dict[str, Any], words: str) -> None:
    told = refusal(handled(**entry))
    assert told.startswith(words)
    assert "(at provides[0].handlers[0]" in told


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("nosuch", 1),
        ("provides", {}),
        ("provides", None),
        ("requires", ["x"]),
        ("requires", [None]),
        ("tags", "x"),
        ("metadata", []),
        ("launchDescriptor", {"dockerCmd": []}),
        ("launchDescriptor", {"waitIterations": "soon"}),
        ("uiDescriptor", {"nosuch": ""}),
        ("env", [{"key": "x"}]),
        ("permissionSets", [{"displayName": "x"}]),
        ("permissionSets", [{"permissionName": None}]),
        ("replaces", ["mod-a-1.0.0"]),
        ("replaces", [None]),
        ("id", None),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(member: str, value: object) -> None:
    assert member in refusal({"id": "m-1.0.0", member: value})


@pytest.mark.parametrize(
    "entry",
    [
        {"id": "x", "version": "1.0", "interfaceType": "odd"},
        {"id": "x", "version": "1.0", "handlers": [HANDLER]},
        {"id": "x"},
        {"version": "1.0"},
    ],
)
def test_what_is_optional_is_kept_without_a_check(entry: dict[str, Any]) -> None:
    descriptor = ModuleDescriptor.parse({"id": "m-1.0.0", "optional": [entry]})
    assert descriptor.document["optional"] == [entry]
    assert len(descriptor.optional) == (1 if entry.keys() >= {"id", "version"} else 0)


def test_a_registry_is_believed_about_what_only_makes_a_descriptor_complete() -> None:
    handlers = [{"methods": ["GET"], "pathPattern": "/x"}, {"methods": ["GET"]}]
    document = provided({"id": "x", "version": "1.0", "interfaceType": "odd", "handlers": handlers})
    assert ModuleDescriptor.from_registry(document).document == document
    with pytest.raises(UserError, match="version is missing for module m-1.0.0"):
        ModuleDescriptor.from_registry(provided({"id": "x"}))
    with pytest.raises(UserError, match="id is missing for module"):
        ModuleDescriptor.from_registry({})


@pytest.mark.parametrize("document", [None, [], "m-1.0.0", 7])
def test_a_descriptor_is_an_object(document: object) -> None:
    assert refusal(document) == "a module descriptor must be an object"


def test_what_okapi_does_not_write_again_is_left_out() -> None:
    descriptor = ModuleDescriptor.parse(
        {
            "id": "m-1.0.0",
            "name": None,
            "product": "ignored",
            "tags": [1, True, 2.5, None],
            "replaces": [],
            "metadata": {"kept": None},
            "filters": [HANDLER | {"delegateCORS": False, "phaseLevel": "10", "phase": None}],
            "launchDescriptor": {"dockerPull": "false", "waitIterations": "5", "dockerArgs": {"a": [None]}},
        }
    )
    assert descriptor.document == {
        "id": "m-1.0.0",
        "tags": ["1", "true", "2.5", None],
        "metadata": {"kept": None},
        "filters": [dict(HANDLER)],
        "launchDescriptor": {"dockerPull": False, "waitIterations": 5, "dockerArgs": {"a": [None]}},
    }


def test_permissions_of_a_system_interface_need_no_permission() -> None:
    entry = {"methods": ["POST"], "pathPattern": "/_/x"}
    for interface in ({"id": "_x", "version": "1.0"}, {"id": "x", "version": "1.0", "interfaceType": "system"}):
        descriptor = ModuleDescriptor.parse(provided(interface | {"handlers": [entry]}))
        assert descriptor.provides[0].type == "system"


def test_the_parts_of_a_descriptor_can_be_read() -> None:
    descriptor = ModuleDescriptor.parse(
        {
            "id": "m-1.0.0",
            "name": "M",
            "tags": ["t"],
            "provides": [
                {"id": "x", "version": "1.0", "handlers": [HANDLER | {"modulePermissions": ["p"]}], "scope": ["s"]},
                {"id": "_tenantPermissions", "version": "1.1", "interfaceType": "system"},
                {"id": "many", "version": "1.0", "interfaceType": "multiple"},
            ],
            "requires": [{"id": "y", "version": "1.0 2.0"}],
            "optional": [{"id": "z", "version": "1.0"}],
            "replaces": ["old"],
            "permissionSets": [{"permissionName": "p"}],
            "filters": [HANDLER | {"phase": "auth", "path": "/f"}],
        }
    )
    entry = descriptor.provides[0].handlers[0]
    assert (entry.static_path, entry.match("GET"), entry.match("POST")) == ("/a/{id}/*", True, False)
    assert entry.system_id("m-1.0.0") == "SYS#m-1.0.0#/a/{id}/*#[GET]"
    assert descriptor.auth_filter is not None
    assert descriptor.auth_filter.static_path == "/f"
    assert descriptor.system_interface("_tenantPermissions") is descriptor.provides[1]
    assert descriptor.system_interface("x") is None
    assert descriptor.permission_sets == ({"permissionName": "p"},)
    offered = ("x", "1.0", "proxy", ("s",)), ("_tenantPermissions", "1.1", "system"), ("many", "1.0", "multiple")
    assert descriptor.summary() == ModuleSummary(
        "m-1.0.0",
        "m",
        tuple(InterfaceRef(*one) for one in offered),
        (InterfaceRef("y", "1.0 2.0"),),
        (InterfaceRef("z", "1.0"),),
        ("old",),
        exclusive=True,
        name="M",
        tags=("t",),
    )


def test_an_interface_that_only_looks_like_the_permissions_interface_is_not_exclusive() -> None:
    assert not ModuleDescriptor.parse(provided({"id": "_tenantPermissions", "version": "1.1"})).exclusive


@settings(max_examples=30)
@given(registries())
def test_a_summary_survives_json(modules: tuple[ModuleSummary, ...]) -> None:
    for module in modules:
        assert ModuleSummary.from_json(json.loads(json.dumps(module.to_json()))) == module


def test_equal_interfaces_are_one_object() -> None:
    assert interface_ref("users", "15.0") is interface_ref("users", "15.0")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    ["name", "tags", "provides", "requires", "optional", "filters", "permissionSets", "env", "metadata", "replaces"]
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(MEMBERS, JSON, max_size=4))
def test_any_json_is_read_or_refused(members: dict[str, Any]) -> None:
    document = {"id": "m-1.0.0", **members}
    try:
        first = ModuleDescriptor.parse(document)
    except UserError:
        assert refusal(document)
    else:
        assert ModuleDescriptor.parse(first.document) == first


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return [without_nulls(v) for v in value] if isinstance(value, list) else value


def test_real_descriptors_are_kept_whole() -> None:
    for document in read_shared("registry/descriptors.json.gz"):
        kept = ModuleDescriptor.parse(document).document
        given = {k: v for k, v in without_nulls(document).items() if k != "replaces" or v}
        assert json.dumps(kept) == json.dumps(given).replace('"visible": "true"', '"visible": true')
