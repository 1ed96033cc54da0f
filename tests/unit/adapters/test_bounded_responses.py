"""Responses of modules are read within bounds of bytes and time, whatever is sent."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator

import pytest

from okapi_install.adapters import bounded_http
from okapi_install.adapters.tenant_api import HttpTenantApi
from okapi_install.service.ports import Answer, ModuleUnreachable, NoAnswerInTime
from tests.fixtures.hostile import HostileModule, hostile_module
from tests.fixtures.hostile_module import DONE, ERRORS

DEADLINE = 4.0
ON_ITS_OWN = sorted(way for way in ERRORS if not way.startswith(("job-", "poll-")))
REFUSED = ("redirect", "unauthorized", "surrogates", "nul", "script", "escapes", "large-error")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileModule]:
    with hostile_module(tmp_path_factory.mktemp("hostile")) as module:
        yield module


@pytest.fixture
def api() -> HttpTenantApi:
    return HttpTenantApi(connect_timeout=5, connections=2)


def call(api: HttpTenantApi, url: str, timeout: float | None = DEADLINE) -> Answer:
    return api.call("POST", url + "/_/tenant", {"Accept": "*/*"}, "{}", timeout)


@pytest.mark.parametrize("way", ON_ITS_OWN)
def test_a_hostile_response_ends_within_its_time(way: str, hostile: HostileModule, api: HttpTenantApi) -> None:
    began = time.monotonic()
    try:
        answer = call(api, hostile.url(way))
    except ModuleUnreachable:
        answer = None
    assert time.monotonic() - began < 2 * DEADLINE
    assert answer is None or not 200 <= answer.status <= 299
    assert answer is None or len(answer.body) <= bounded_http.MOST_BODY
    assert (answer is not None) or way not in REFUSED


@pytest.mark.parametrize("way", [way for way in DONE if not way.startswith(("job-", "location"))])
def test_a_success_with_a_strange_body_is_one(way: str, hostile: HostileModule, api: HttpTenantApi) -> None:
    answer = call(api, hostile.url(way), timeout=30)
    assert 200 <= answer.status <= 299
    assert len(answer.body) <= bounded_http.MOST_BODY


@pytest.mark.parametrize("way", ["hundred", "trailers", "headers", "tiny-chunks"])
def test_a_flood_ends_by_its_bytes_where_there_is_no_time_limit(
    way: str, hostile: HostileModule, api: HttpTenantApi
) -> None:
    with pytest.raises(ModuleUnreachable) as failure:
        call(api, hostile.url(way), timeout=None)
    assert not isinstance(failure.value, NoAnswerInTime)


def test_a_response_that_has_started_ends_soon_even_without_a_time_limit(
    hostile: HostileModule, api: HttpTenantApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "RESPONSE_SECONDS", 1.2)
    with pytest.raises(ModuleUnreachable, match="did not end within"):
        call(api, hostile.url("drip"), timeout=None)


def test_a_limit_holds_for_the_whole_call_and_not_for_each_byte(hostile: HostileModule, api: HttpTenantApi) -> None:
    for way in ("drip", "drip-head"):
        began = time.monotonic()
        with pytest.raises(ModuleUnreachable):
            call(api, hostile.url(way), timeout=1.2)
        assert time.monotonic() - began < 4


def test_a_call_without_a_response_says_how_long_it_waited(hostile: HostileModule, api: HttpTenantApi) -> None:
    with pytest.raises(NoAnswerInTime, match=r"no response within 0\.5 s: 127\.0\.0\.1"):
        call(api, hostile.url("silent"), timeout=0.5)


def test_no_connection_is_used_again_after_an_early_hint(hostile: HostileModule) -> None:
    api = HttpTenantApi(connect_timeout=5, connections=1)
    assert [call(api, hostile.url("early-hints")).status for _ in range(2)] == [103, 103]
    assert call(api, hostile.url("redirect")).status == 307


def test_redirects_are_not_followed(hostile: HostileModule, api: HttpTenantApi) -> None:
    assert call(api, hostile.url("redirect")).status == 307


def test_a_body_that_was_compressed_once_is_read() -> None:
    body = gzip.compress(b'{"id":') + gzip.compress(b'"j"}')
    assert bounded_http.decoded(body, {"content-encoding": "GZIP"}) == '{"id":"j"}'
    assert bounded_http.decoded(b"plain", {"content-encoding": "gzip"}) == "plain"
    assert len(bounded_http.decoded(gzip.compress(b"x" * (5 << 20)), {"content-encoding": "gzip"})) == 1 << 20


def test_an_address_that_cannot_be_used_is_said_to_be_that(api: HttpTenantApi) -> None:
    for url in ("http://[::1", "ftp://host/x", "http:///x", "nothing"):
        with pytest.raises(ModuleUnreachable, match="not a usable address") as failure:
            call(api, url)
        assert not failure.value.retry
