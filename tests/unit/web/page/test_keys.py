"""Keys with a name and a role on the page: who is signed in, what a reader may do, and when a session ends."""

from __future__ import annotations

import pytest

from okapi_install.domain.access import Role
from okapi_install.service.access import KeyService
from okapi_install.service.ports import HistoryFilter
from okapi_install.web.http.sse import Event, while_allowed
from tests.fakes.fake_clock import FakeClock
from tests.unit.web.page.page_site import HERE, Site

HTML = {"Accept": "text/html,*/*;q=0.8"}


@pytest.fixture
def site() -> Site:
    return Site(key="a key that nobody guesses")


def _sign_in(site: Site, name: str, role: Role) -> None:
    key = KeyService(site.store, ()).add(name, role)
    assert site.client.post("/login", data={"key": key}, headers=HERE).status_code == 303


def test_the_page_says_who_is_signed_in_and_puts_the_name_to_what_is_done(site: Site) -> None:
    _sign_in(site, "night-shift", Role.OPERATE)
    job = site.failed_job()
    text = site.text(f"/jobs/{job.id}")
    assert "<span>night-shift</span>" in text
    assert "only-reads" not in text
    assert site.client.post(f"/jobs/{job.id}/retry", headers=HERE).status_code == 303
    assert site.client.post(f"/jobs/{job.id}/abort", headers=HERE).status_code == 303
    events = site.store.history(job.id, HistoryFilter()).events[-2:]
    assert [(event.kind.value, event.by) for event in events] == [
        *[("retried", "night-shift"), ("aborted", "night-shift")]
    ]


def test_a_reader_sees_everything_and_is_told_why_nothing_can_be_changed(site: Site) -> None:
    _sign_in(site, "reader", Role.READ)
    job = site.failed_job()
    text = site.text(f"/jobs/{job.id}")
    assert 'class="only-reads"' in text
    assert "reader (read only)" in text
    answer = site.client.post(f"/jobs/{job.id}/retry", headers={**HERE, **HTML})
    assert answer.status_code == 403
    assert answer.mimetype == "text/html"
    assert "The API key reader may only read" in answer.text
    assert site.client.post("/logout", headers=HERE).status_code == 303
    assert site.client.get("/", headers=HTML).status_code == 303


def test_the_session_of_a_removed_key_ends(site: Site) -> None:
    _sign_in(site, "jenkins", Role.OPERATE)
    assert site.client.get("/", headers=HTML).status_code == 200
    KeyService(site.store, ()).remove("jenkins")
    assert site.client.get("/", headers=HTML).status_code == 303


def test_a_session_that_was_ended_elsewhere_ends_here(site: Site) -> None:
    _sign_in(site, "jenkins", Role.OPERATE)
    site.store._sessions.clear()
    assert site.client.get("/", headers=HTML).status_code == 303


def test_the_store_knows_neither_key_nor_cookie(site: Site) -> None:
    _sign_in(site, "jenkins", Role.OPERATE)
    cookie = site.client.get_cookie("okapi_install_page")
    assert cookie is not None
    stored = [(digest, session.key_mark) for digest, (_, session) in site.store._sessions.items()]
    assert len(stored) == 1
    assert cookie.value not in stored[0]


def test_a_stream_ends_with_the_session_that_opened_it() -> None:
    clock, sessions = FakeClock(), [True]

    def endless() -> list[Event | None]:
        return [None] * 100

    seen = 0
    for _ in while_allowed(endless(), lambda: sessions[0], clock.monotonic):
        seen += 1
        clock.sleep(10)
        sessions[0] = seen < 5
    assert 5 <= seen <= 7
