"""Whatever is sent to Okapi's paths, the answer is never an error of this server."""

from __future__ import annotations

from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.web.conftest import Api, module

_TENANT = "/_/proxy/tenants/diku"
_SEGMENTS = (
    st.sampled_from(["_", "proxy", "discovery", "deployment", "env", "version", "modules", "tenants", "import", "pull"])
    | st.sampled_from(["cleanup", "health", "nodes", "interfaces", "timers", "supertenant", "diku", "a-1.0.0", ".."])
    | st.text(max_size=8)
)
_ANY_PATHS = st.lists(_SEGMENTS, max_size=6).map(lambda parts: "/_/" + "/".join(map(_quoted, parts)))
_KNOWN_PATHS = (
    st.sampled_from(["/_/proxy/modules", "/_/proxy/import/modules", "/_/proxy/cleanup/modules", "/_/proxy/tenants"])
    | st.sampled_from(["/_/proxy/pull/modules", "/_/proxy/modules/a-1.0.0", "/_/deployment/modules", "/_/env"])
    | st.sampled_from([_TENANT, f"{_TENANT}/modules", f"{_TENANT}/interfaces", f"{_TENANT}/timers/mod-a_0"])
    | st.sampled_from(["/_/discovery/modules", "/_/discovery/nodes/x", "/_/discovery/health", f"{_TENANT}/timers"])
)
_METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
_MEMBERS = (
    st.sampled_from(["id", "name", "provides", "requires", "optional", "version", "handlers", "methods", "pathPattern"])
    | st.sampled_from(["srvcId", "instId", "url", "nodeId", "descriptor", "value", "urls", "metadata", "replaces"])
    | st.text(max_size=4)
)
_DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["a-1.0.0", "1.0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_MEMBERS, inner, max_size=4),
    max_leaves=12,
)
_PARAMETERS = st.dictionaries(
    st.sampled_from(["full", "filter", "latest", "provide", "require", "scope", "order", "orderBy", "preRelease"])
    | st.sampled_from(["npmSnapshot", "dot", "check", "type", "saveReleases", "saveSnapshots", "removeDependencies"]),
    st.sampled_from(["true", "false", "only", "id", "asc", "1", "-1", "a-1.0.0", "a=1.0", "x=,=", "="])
    | st.text(max_size=6),
    max_size=4,
)
_TOKENS = st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
_FUZZ = settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])


def _quoted(segment: str) -> str:
    return quote(segment, safe="", errors="replace")


def server(api: Api | None = None) -> Api:
    """One for all examples: what they leave behind is part of the trial."""
    made = api or Api()
    made.add(module("a-1.0.0", ["ia 1.0"]), module("b-1.0.0", [], ["ia 1.0"]))
    made.enable("diku", "a-1.0.0", "b-1.0.0")
    return made


_API = server()


@_FUZZ
@given(_METHODS, _ANY_PATHS | _KNOWN_PATHS, _PARAMETERS, _DOCUMENTS)
def test_no_document_path_or_parameter_breaks_the_server(
    method: str, path: str, parameters: dict[str, str], document: object
) -> None:
    query = {name: value.encode("utf-8", "replace").decode() for name, value in parameters.items()}
    answer = _API.client.open(path, method=method, query_string=query, json=document)
    assert answer.status_code < 500, answer.text


@_FUZZ
@given(_KNOWN_PATHS, st.binary(max_size=60))
def test_no_bytes_break_the_server(path: str, body: bytes) -> None:
    for method in ("GET", "POST", "PUT", "PATCH"):
        assert _API.client.open(path, method=method, data=body).status_code < 500


@_FUZZ
@given(_TOKENS, _TOKENS, _TOKENS, _TOKENS)
def test_no_header_breaks_the_server(
    token: str | None, auth: str | None, tenant: str | None, cookie: str | None
) -> None:
    sent = {"X-Okapi-Token": token, "Authorization": auth, "X-Okapi-Tenant": tenant, "Cookie": cookie}
    headers = {name: value for name, value in sent.items() if value is not None}
    assert _API.get("/_/env", headers=headers).status_code < 500


@_FUZZ
@given(st.binary(max_size=30))
def test_no_raw_path_breaks_the_server(raw: bytes) -> None:
    path = "/_/proxy/modules/" + quote(raw, safe="%+&=@:!$'()*,;")
    assert _API.get(path).status_code < 500
