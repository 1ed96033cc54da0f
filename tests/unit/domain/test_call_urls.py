"""The URL of a call stays with the instance: its scheme, host, port and path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from okapi_install.domain.modules.call_urls import UnusableUrl, call_url, check_address

ADDRESS = "http://127.0.0.1:9130/m/mod-a"


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://h", "http://h/_/tenant"),
        ("http://h:1/", "http://h:1/_/tenant"),
        ("http://h:1///", "http://h:1/_/tenant"),
        ("https://[::1]:1/m/mod-a//", "https://[::1]:1/m/mod-a/_/tenant"),
    ],
)
def test_slashes_at_the_end_of_an_address_do_not_count(address: str, url: str) -> None:
    assert call_url(address, "/_/tenant") == url


@pytest.mark.parametrize(
    "path",
    [
        "@127.0.0.2:9812/stolen/",
        ".evil.example/",
        ":1/",
        "",
        "_/tenant",
        "/../stolen",
        "/_/tenant/..",
        "/./x",
        "/a/%2e%2E/b",
        "/a/..%2fb",
        "/a/%252e%252e/b",
        "/..;x=1/b",
        "/a\\..\\b",
        "/a?b=",
        "/a#b",
        "/a b",
        "/a\r\nX-Okapi-Token: b",
        "/a\tb",
        "/ü",
        "/\ud800",
        "/" + "a" * 4000,
    ],
)
def test_a_path_that_could_lead_away_is_refused_with_a_sentence(path: str) -> None:
    with pytest.raises(UnusableUrl, match="must begin with /"):
        call_url(ADDRESS, path)


@pytest.mark.parametrize("path", ["/", "/_/tenant", "/_/tenant/{id}", "//x", "/a;b=1/@c", "/a..b/...", "/%C3%BC"])
def test_other_paths_are_taken_as_they_are(path: str) -> None:
    assert call_url(ADDRESS, path) == ADDRESS + path


@pytest.mark.parametrize(
    "address",
    [
        "http://[::1",
        "http://",
        "http:///x",
        "ftp://h/",
        "h:9130",
        "//h",
        "http://h:port",
        "http://h:99999",
        "http://h?x=",
        "http://h#x",
        "http://h\\@evil",
        "http://h/a/../b",
        "http://h\r\n",
        " http://h",
        "http://h/ü",
        "http://\ud800",
    ],
)
def test_an_address_that_no_call_can_be_made_with_is_refused_with_a_sentence(address: str) -> None:
    with pytest.raises(UnusableUrl, match="Register the instance again") as refused:
        check_address(address)
    assert refused.value.message.isascii()
    with pytest.raises(UnusableUrl):
        call_url(address, "/_/tenant")


@given(path=st.text(max_size=30) | st.text("/.%2eE5@\\?#:;a", max_size=30).map(lambda text: "/" + text))
def test_whatever_the_path_the_client_library_calls_that_host_below_that_address(path: str) -> None:
    try:
        parsed = parse_url(call_url(ADDRESS, path))
    except UnusableUrl:
        return
    assert (parsed.scheme, parsed.auth, parsed.host, parsed.port) == ("http", None, "127.0.0.1", 9130)
    assert (parsed.path or "").startswith("/m/mod-a/")
    assert (parsed.query, parsed.fragment) == (None, None)
