"""Our paths as modules of an Okapi's supertenant: which handlers they have, and how they come and go."""

from __future__ import annotations

import hashlib
import json
import re

import pytest

from okapi_install.client.okapi import OkapiClient
from okapi_install.client.registration import (
    OWN,
    SUPERTENANT,
    TAKE_OVER,
    VERSION,
    Document,
    Registration,
    own_module,
    take_over_module,
)
from okapi_install.client.transport import HttpTransport
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.web.front.permissions import permission_for
from tests.fixtures.okapi_stand_in import OkapiStandIn
from tests.unit.web.jobs_site import JobsSite

SERVICE, MOVED = "http://okapi-install:9131", "http://elsewhere:9131"
OWN_ID, TAKE_OVER_ID = f"{OWN}-{VERSION}", f"{TAKE_OVER}-{VERSION}"
CONTENT = {"1.0.0": "7754"}
"""The first digits of a digest of both descriptors, by their version."""


@pytest.fixture
def registration(stand_in: OkapiStandIn) -> Registration:
    return Registration(OkapiClient(HttpTransport(stand_in.url)))


def ours(okapi: OkapiStandIn) -> list[str]:
    """What Okapi knows of us: enabled modules, descriptors, and addresses."""
    state = okapi.state
    places = [f"{one['srvcId']} {one['url']}" for one in state.instances.values()]
    known = [*state.enabled[SUPERTENANT], *state.modules, *places]
    return sorted(one for one in known if one.startswith(OWN))


def first_permission(module: Document, method: str, path: str) -> list[str] | None:
    """The permissions that Okapi requires for a request: those of the first handler that fits."""
    (interface,) = module["provides"]
    for handler in interface["handlers"]:
        pattern = re.escape(handler["pathPattern"]).replace(r"\*", ".*")
        if method in handler["methods"] and re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", pattern), path):
            found: list[str] = handler["permissionsRequired"]
            return found
    return None


def test_a_changed_descriptor_has_a_new_version() -> None:
    content = json.dumps([own_module(), take_over_module()], sort_keys=True).encode()
    assert CONTENT[VERSION] == hashlib.sha256(content).hexdigest()[:4]


def test_the_descriptors_pass_okapis_checks_and_call_nothing() -> None:
    for document in (own_module(), take_over_module()):
        module = ModuleDescriptor.parse(document)
        assert module.system_interface("_tenant") is None
        assert "permissionSets" not in document


def test_okapi_finds_the_taken_paths_here_before_its_own() -> None:
    assert max("okapi-7.0.0", TAKE_OVER_ID, OWN_ID) == "okapi-7.0.0"
    module = take_over_module()
    base = "/_/proxy/tenants/diku"
    assert first_permission(module, "POST", f"{base}/install") == ["okapi.proxy.tenants.install.post"]
    assert first_permission(module, "DELETE", f"{base}/install/id") == ["okapi.proxy.tenants.install.delete"]
    assert first_permission(module, "POST", f"{base}/upgrade") == ["okapi.proxy.tenants.upgrade.post"]
    assert first_permission(module, "POST", f"{base}/modules") is None


def test_each_of_our_paths_is_registered_with_the_permission_that_we_ask_for() -> None:
    rules = [rule for rule in JobsSite().app.url_map.iter_rules() if rule.rule.startswith("/_/install/")]
    assert len(rules) > 5
    for rule in rules:
        path = re.sub("<[^>]+>", "x", rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            wanted = [] if path == "/_/install/health" else [permission_for(method, path)]
            assert first_permission(own_module(), method, path) == wanted, (method, path)


def test_registering_is_done_once(registration: Registration, stand_in: OkapiStandIn) -> None:
    done = registration.register(SERVICE, take_over=False)
    assert done == [
        f"added the descriptor {OWN_ID}",
        f"announced {OWN_ID} at {SERVICE}",
        f"enabled {OWN_ID} for {SUPERTENANT}",
    ]
    assert ours(stand_in) == [OWN_ID, OWN_ID, f"{OWN_ID} {SERVICE}"]
    assert registration.register(SERVICE + "/", take_over=False) == []
    assert not registration.is_taken_over()


def test_taking_over_registers_both_and_undo_leaves_nothing(registration: Registration, stand_in: OkapiStandIn) -> None:
    before = stand_in.state.enabled[SUPERTENANT]
    assert len(registration.register(SERVICE, take_over=True)) == 6
    assert registration.is_taken_over()
    assert len(registration.undo()) == 6
    assert (ours(stand_in), stand_in.state.enabled[SUPERTENANT]) == ([], before)
    assert registration.undo() == []


def test_a_service_that_has_moved_is_found_at_its_new_address(
    registration: Registration, stand_in: OkapiStandIn
) -> None:
    registration.register(SERVICE, take_over=False)
    registration.register(MOVED, take_over=False)
    assert ours(stand_in) == [OWN_ID, OWN_ID, f"{OWN_ID} {MOVED}"]


def test_an_older_version_is_replaced(registration: Registration, stand_in: OkapiStandIn) -> None:
    old = f"{OWN}-0.9.0"
    stand_in.state.add_modules([{"id": old}])
    stand_in.state.add_instance({"srvcId": old, "instId": "old", "url": MOVED})
    stand_in.state.change(SUPERTENANT, came=[old])
    registration.register(SERVICE, take_over=False)
    assert ours(stand_in) == [OWN_ID, OWN_ID, f"{OWN_ID} {SERVICE}"]


def test_a_registration_that_was_cut_off_is_completed(registration: Registration, stand_in: OkapiStandIn) -> None:
    stand_in.state.add_modules([own_module()])
    assert registration.register(SERVICE, take_over=False) == [
        f"announced {OWN_ID} at {SERVICE}",
        f"enabled {OWN_ID} for {SUPERTENANT}",
    ]


def test_no_module_is_called_and_nothing_else_is_changed(registration: Registration, stand_in: OkapiStandIn) -> None:
    registration.register(SERVICE, take_over=True)
    queries = [request.query for request in stand_in.requests if request.path.endswith("/modules")]
    changes = [query for query in queries if query.get("invoke")]
    assert changes == [{"invoke": "false", "depCheck": "false"}] * 2
    assert stand_in.changes() == [("POST", f"/_/proxy/tenants/{SUPERTENANT}/modules")] * 2
