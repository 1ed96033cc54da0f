"""Ids are measured before anything is made of them, wherever they come from."""

from __future__ import annotations

import pytest

from okapi_install.domain.errors import UserError
from okapi_install.domain.identifiers import LONGEST_KEPT, MOST_BYTES
from okapi_install.domain.modules.interface_versions import InterfaceVersion
from okapi_install.domain.modules.versions import ModuleId, _kept_module_id
from tests.unit.web.jobs_site import JobsSite

MANY_NUMBERS = "mod-a-1" + ".1" * 500_000
LONG = "mod-a-1" + ".1" * 600


@pytest.fixture(scope="module")
def site() -> JobsSite:
    return JobsSite()


@pytest.mark.parametrize("ident", [MANY_NUMBERS, "x" * (MOST_BYTES + 1)])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/_/proxy/tenants/diku/install?simulate=true", [{"id": "ID"}]),
        ("POST", "/_/proxy/tenants/diku/install?simulate=true", [{"id": "d-1.0.0", "from": "ID"}]),
        ("POST", "/_/proxy/tenants/diku/modules", {"id": "ID"}),
        ("POST", "/_/install/explain?tenant=diku", [{"id": "ID"}]),
        ("POST", "/_/proxy/modules", {"id": "ID"}),
        ("POST", "/_/proxy/import/modules", [{"id": "ID"}]),
        ("POST", "/_/proxy/modules", {"id": "b-1.0.0", "replaces": ["ID"]}),
        ("POST", "/_/discovery/modules", {"srvcId": "ID", "instId": "i", "url": "http://a"}),
    ],
)
def test_a_body_with_a_long_id_is_refused_and_leaves_nothing(
    site: JobsSite, ident: str, method: str, path: str, body: object
) -> None:
    before = _kept_module_id.cache_info().currsize
    text = __import__("json").dumps(body).replace("ID", ident)
    for _ in range(3):
        answer = site.client.open(path, method=method, data=text)
        assert answer.status_code in (400, 404), answer.text[:300]
        assert len(answer.data) < 3 * MOST_BYTES
    assert _kept_module_id.cache_info().currsize <= before + 3


@pytest.mark.parametrize(
    "path",
    [
        "/_/proxy/modules/ID",
        "/_/proxy/tenants/ID/modules",
        "/_/proxy/tenants/diku/install/ID",
        "/_/install/jobs/ID",
        "/jobs/ID",
        "/_/proxy/modules?filter=ID",
        "/_/proxy/modules?provide=ID",
        "/_/proxy/modules?require=ID",
        "/_/install/jobs?tenant=ID",
    ],
)
def test_a_path_or_a_parameter_with_a_long_id_is_refused(site: JobsSite, path: str) -> None:
    assert site.client.get(path.replace("ID", LONG)).status_code == 400


def test_long_ids_are_read_but_not_kept() -> None:
    fits = "mod-a-1" + ".1" * (LONGEST_KEPT // 2)
    before = _kept_module_id.cache_info().currsize
    assert ModuleId.parse(fits).product == "mod-a"
    assert _kept_module_id.cache_info().currsize == before
    with pytest.raises(UserError, match="longer than"):
        InterfaceVersion.parse("1.0 " * 1000)
