"""Which paths are ours beside an Okapi, and which are refused since they can be read in two ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okapi_install.web.front.paths import is_ambiguous, is_ours

OURS = [
    "/_/proxy/tenants/diku/install",
    "/_/proxy/tenants/diku/install/some-id",
    "/_/proxy/tenants/diku/upgrade",
    "/_/install",
    "/_/install/jobs",
    "/_/install/none/such",
]
OKAPIS = [
    "/_/version",
    "/_/proxy/health",
    "/_/proxy/modules",
    "/_/proxy/tenants",
    "/_/proxy/tenants/install",
    "/_/proxy/tenants/diku",
    "/_/proxy/tenants/diku/modules",
    "/_/proxy/tenants/diku/modules/install",
    "/_/proxy/tenants/diku/installs",
    "/_/discovery/modules",
    "/_/env/install",
    "/_/installs",
    "/_/invoke/tenant/diku/users",
    "/users/a.b/..c",
    "/users",
]
AMBIGUOUS = [
    "/_/install/../proxy/modules",
    "/_/proxy/tenants/diku/x/../install",
    "/_/proxy/tenants/diku/modules/%2e%2e",
    "/_/proxy/tenants/diku/modules/.%2E/install",
    "/_/proxy/tenants/diku/modules/%252e%252e/install",
    "/_/proxy/tenants/diku/modules/..%5cinstall",
    "/_/proxy/tenants/diku/./modules",
    "/_/proxy/tenants/diku/..;x/install",
    "/_/proxy/tenants/diku%2Finstall",
    "/_/proxy/tenants/diku%252Finstall",
    "/_/proxy/tenants/diku\\install",
    "/_/proxy/tenants//diku/install",
    "//_/proxy/tenants/diku/install",
    "/_//install/jobs",
    "/users/../_/install/jobs",
    "/%5F/install/jobs",
    "/_;a=b/install/jobs",
    "/_/invoke/tenant/supertenant/_/proxy/tenants/diku/install",
    "/_/invoke/tenant/a/_/invoke/tenant/b/_/install/jobs",
    "/_/invoke/tenant/a//_/install",
    "/_/invoke/tenant/supertenant/_/env",
]


@pytest.mark.parametrize("path", OURS)
def test_installs_and_our_own_paths_are_ours(path: str) -> None:
    assert is_ours(path)


@pytest.mark.parametrize("path", OKAPIS)
def test_all_other_paths_are_okapis(path: str) -> None:
    assert not is_ours(path)
    assert not is_ambiguous(path)


@pytest.mark.parametrize("path", AMBIGUOUS)
def test_a_path_that_can_be_read_in_two_ways_is_found_out(path: str) -> None:
    assert is_ambiguous(path)


@given(st.lists(st.sampled_from([".", "..", "/", "\\", "%2e", "%2F", "%5c", ";", "_", "install", "a"]), max_size=12))
def test_no_mixture_of_separators_and_dots_is_handed_on_as_another_path(parts: list[str]) -> None:
    path = "/" + "".join(parts)
    if not is_ambiguous(path):
        assert not {".", ".."} & set(path.replace("%2e", ".").replace("%2F", "/").replace("%5c", "/").split("/"))
