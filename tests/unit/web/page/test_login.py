"""The API key and browsers: a form, a cookie, and what the cookie is not good for."""

from __future__ import annotations

import pytest

from okapi_install.config import Settings
from okapi_install.web.access.login import COOKIE, PageLogin, safe_target
from tests.fakes.memory_store import MemoryStore
from tests.unit.web.page.page_site import HERE, Site

KEY = "a key that nobody guesses"
HTML = {"Accept": "text/html,*/*;q=0.8"}


@pytest.fixture
def site() -> Site:
    return Site(key=KEY)


def _login(key: str, store: MemoryStore) -> PageLogin:
    return PageLogin.of(Settings(api_key=key), store)


def log_in(site: Site, key: str = KEY, target: str = "/tenants") -> int:
    return site.client.post("/login", data={"key": key, "next": target}, headers=HERE).status_code


def test_without_the_key_a_browser_is_led_to_the_login_and_back(site: Site) -> None:
    answer = site.client.get("/?tenant=diku", headers=HTML)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=%2F%3Ftenant%3Ddiku")
    form = site.client.get(answer.headers["Location"], headers=HTML)
    assert form.status_code == 200
    assert 'value="/?tenant=diku"' in form.text
    answer = site.client.post("/login", data={"key": KEY, "next": "/?tenant=diku"}, headers=HERE)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?tenant=diku")
    assert site.client.get("/?tenant=diku", headers=HTML).status_code == 200


def test_the_cookie_is_kept_from_scripts_and_other_sites_and_does_not_hold_the_key(site: Site) -> None:
    answer = site.client.post("/login", data={"key": KEY}, headers=HERE)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert KEY not in cookie
    assert "Secure" not in cookie
    secure = site.client.post("/login", data={"key": KEY}, headers=HERE, base_url="https://localhost")
    assert "Secure" in secure.headers["Set-Cookie"]


def test_a_wrong_key_is_refused(site: Site) -> None:
    assert log_in(site, "guess") == 403
    assert site.client.get("/", headers=HTML).status_code == 303


def test_the_login_is_not_for_other_sites(site: Site) -> None:
    answer = site.client.post("/login", data={"key": KEY}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


def test_the_cookie_opens_the_page_but_not_the_api(site: Site) -> None:
    job = site.job("mod-a-1.0.0")
    assert log_in(site) == 303
    assert site.client.get(f"/jobs/{job.id}", headers=HTML).status_code == 200
    assert site.client.post(f"/jobs/{job.id}/abort", headers=HERE).status_code == 303
    assert site.client.get("/_/install/jobs", headers=HTML).status_code == 401


def test_a_program_without_the_key_is_refused_and_not_led(site: Site) -> None:
    assert site.client.get("/").status_code == 401
    assert site.client.post("/jobs/x/abort", headers=HERE).status_code == 401


def test_a_cookie_of_another_key_opens_nothing(site: Site) -> None:
    for value in (_login("another key", site.store).new_session("another key") or "", "", "é"):
        site.client.set_cookie(COOKIE, value)
        assert site.client.get("/", headers=HTML).status_code == 303


def test_the_style_sheet_needs_no_key(site: Site) -> None:
    with site.client.get("/static/page.css") as answer:
        assert answer.status_code == 200


def test_without_a_key_there_is_nothing_to_sign_in_to() -> None:
    open_site = Site()
    assert "no API key" in open_site.text("/login")
    assert log_in(open_site) == 403


@pytest.mark.parametrize("wanted", [None, "", "http://evil", "//evil", "/\\evil", "/a\nb", "javascript:alert(1)"])
def test_the_login_leads_nowhere_but_to_this_server(wanted: str | None) -> None:
    assert safe_target(wanted) == "/"


def test_the_login_leads_to_what_was_wanted() -> None:
    assert safe_target("/jobs/1?x=y") == "/jobs/1?x=y"


def test_each_login_is_a_session_of_its_own_that_ends_with_its_sign_out(site: Site) -> None:
    first, second = (site.client.post("/login", data={"key": KEY}, headers=HERE).headers["Set-Cookie"] for _ in "ab")
    assert first != second
    assert 'action="/logout"' in site.text("/")
    kept = site.client.get_cookie(COOKIE)
    assert kept is not None
    answer = site.client.post("/logout", headers=HERE)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert site.client.get("/", headers=HTML).status_code == 303
    site.client.set_cookie(COOKIE, kept.value)
    assert site.client.get("/", headers=HTML).status_code == 303
    assert site.client.post("/logout", headers={"Sec-Fetch-Site": "cross-site"}).status_code in (401, 403)


def test_a_session_ends_when_its_time_is_up() -> None:
    store = MemoryStore()
    login = _login(KEY, store)
    cookie = login.new_session(KEY)
    store.pass_time(43_199)
    assert login.holder("/", cookie) is not None
    store.pass_time(2)
    assert login.holder("/", cookie) is None


def test_another_process_with_the_same_key_accepts_a_session() -> None:
    store = MemoryStore()
    cookie = _login(KEY, store).new_session(KEY)
    assert _login(KEY, store).holder("/", cookie) is not None
    assert _login(KEY + "2", store).holder("/", cookie) is None


def test_behind_a_trusted_proxy_with_tls_the_cookie_is_for_tls_only(site: Site) -> None:
    def cookie(proxy: str) -> str:
        headers = {**HERE, "X-Forwarded-Proto": "https"}
        sent = {"REMOTE_ADDR": proxy}
        return site.client.post("/login", data={"key": KEY}, headers=headers, environ_overrides=sent).headers[
            "Set-Cookie"
        ]

    assert "Secure" in cookie("127.0.0.1")
    assert "Secure" not in cookie("192.0.2.7")


def test_guessing_at_the_form_is_slow(site: Site) -> None:
    assert [log_in(site, f"guess{number}") for number in range(12)] == [403] * 10 + [429] * 2
    assert log_in(site) == 429
