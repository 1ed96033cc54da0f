"""The calls that each version of the tenant interface wants; the rules are Okapi's."""

from __future__ import annotations

import pytest

from okapi_install.domain.errors import ErrorType, ModuleCallFailed
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.domain.modules.tenant_interface import parse_tenant_parameters, tenant_calls

V2 = ("POST /_/tenant", "GET,DELETE /_/tenant/{id}")
V1 = ("POST,DELETE /_/tenant", "POST /_/tenant/disable")


def module(version: str, *paths: str, kind: str | None = "system") -> ModuleDescriptor:
    handlers = [{"methods": p.split(" ")[0].split(","), "pathPattern": p.split(" ")[1]} for p in paths]
    interface: dict[str, object] = {"id": "_tenant", "version": version, "handlers": handlers}
    if kind is not None:
        interface["interfaceType"] = kind
    return ModuleDescriptor.parse({"id": "mod-a-1.0.0", "provides": [interface]})


def called(
    descriptor: ModuleDescriptor, *, to: bool = True, purge: bool = False, parameters: str | None = None
) -> tuple[str, object] | None:
    new, old = (descriptor, None) if to else (None, descriptor)
    calls = tenant_calls(old, new, tenant_parameters=parameters, purge=purge)
    return None if calls is None else (f"{calls.post.method} {calls.post.path}", calls.body)


def test_a_module_without_the_interface_is_not_called() -> None:
    assert called(ModuleDescriptor.parse({"id": "mod-a-1.0.0"})) is None


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])
def test_version_1_posts_to_enable_and_deletes_to_purge(version: str) -> None:
    assert called(module(version, *V1)) == ("POST /_/tenant", {"module_to": "mod-a-1.0.0"})
    assert called(module(version, *V1), to=False, purge=True) == ("DELETE /_/tenant", None)


def test_version_1_disables_at_a_path_of_its_own_but_1_0_not_at_all() -> None:
    assert called(module("1.1", *V1), to=False) == ("POST /_/tenant/disable", {"module_from": "mod-a-1.0.0"})
    assert called(module("1.1", "POST /_/tenant"), to=False) is None
    assert called(module("1.0", *V1), to=False) is None


def test_version_1_0_without_handlers_is_called_at_the_old_path() -> None:
    assert called(module("1.0", kind=None)) == ("POST /_/tenant", {"module_to": "mod-a-1.0.0"})
    assert called(module("1.0", kind=None), to=False, purge=True) is None


def test_only_1_2_and_2_0_get_tenant_parameters() -> None:
    wanted = [{"key": "loadSample", "value": "true"}]
    one, two = (
        called(module("1.2", *V1), parameters="loadSample=true"),
        called(module("2.0", *V2), parameters="loadSample=true"),
    )
    assert one == ("POST /_/tenant", {"module_to": "mod-a-1.0.0", "parameters": wanted})
    assert two == ("POST /_/tenant", {"module_to": "mod-a-1.0.0", "purge": False, "parameters": wanted})
    assert called(module("1.1", *V1), parameters="loadSample=true") == ("POST /_/tenant", {"module_to": "mod-a-1.0.0"})


def test_version_2_posts_for_everything_and_may_have_a_tenant_job() -> None:
    calls = tenant_calls(module("2.0", *V2), None, tenant_parameters=None, purge=True)
    assert calls is not None
    assert calls.body == {"module_from": "mod-a-1.0.0", "purge": True}
    assert calls.get is not None
    assert calls.delete is not None
    assert calls.get.at("77").path == "/_/tenant/77"
    assert calls.post.retry


def test_version_2_with_get_needs_delete() -> None:
    with pytest.raises(ModuleCallFailed, match="Missing DELETE method for tenant interface version 2") as failed:
        called(module("2.0", "POST /_/tenant", "GET /_/tenant/{id}"))
    assert failed.value.error_type is ErrorType.INTERNAL


def test_an_unknown_version_is_refused_in_okapis_words() -> None:
    with pytest.raises(ModuleCallFailed, match="Unsupported interface _tenant: 3.0") as failed:
        called(module("3.0", "POST /_/tenant"))
    assert failed.value.error_type is ErrorType.USER


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a=1,b=2", [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]),
        ("flag,x=y=z", [{"key": "flag"}, {"key": "x", "value": "y"}]),
        ("", [{"key": ""}]),
        ("=", []),
        ("a,,", [{"key": "a"}]),
        ("=x", [{"key": "", "value": "x"}]),
        ("a=", [{"key": "a"}]),
    ],
)
def test_tenant_parameters_are_split_as_java_splits(text: str, wanted: list[dict[str, str]]) -> None:
    assert parse_tenant_parameters(text) == wanted
