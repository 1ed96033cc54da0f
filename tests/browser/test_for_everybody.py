"""The page on a phone, in the dark, and to assistive technology."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import DESK, PHONE, Open, Watched
from tests.browser.operator_at_work import Operator
from tests.browser.test_acting_on_jobs import failed_job

SERIOUS = {"serious", "critical"}


@pytest.fixture(scope="session")
def places(operator: Operator) -> dict[str, str]:
    """A path of every kind of page, by name: with jobs that failed, that run, and that are done."""
    tenant, failed = failed_job(operator)
    done = operator.install(operator.tenant(), "mod-circulation", "mod-search", "mod-data-import", "--parallel", "4")
    operator.finished(done)
    busy = operator.tenant()
    operator.back_end.behave("mod-notes", tenant=busy, call="init", job={"seconds": 600})
    running = operator.install(busy, "mod-notes")
    return {
        "list": "/",
        "job-failed": f"/jobs/{failed}",
        "job-done": f"/jobs/{done}",
        "job-running": f"/jobs/{running}",
        "abort": f"/jobs/{running}/abort",
        "retry": f"/jobs/{failed}/retry",
        "rollout": operator.rollout("mod-notes", [tenant, busy]),
        "rollouts": "/rollouts",
        "retry-choice": f"/jobs/{failed}/retry?failed=true",
        "history": f"/jobs/{failed}/history",
        "tenants": "/tenants",
        "tenant": f"/tenants/{tenant}",
        "login": "/login",
    }


NAMES = (
    "list",
    "job-failed",
    "job-done",
    "job-running",
    "abort",
    "retry",
    "retry-choice",
    "history",
    "rollout",
    "rollouts",
    "tenants",
    "tenant",
    "login",
)


def serious(tab: Watched) -> list[str]:
    """What axe finds that keeps people out."""
    found = Axe().run(tab.page).response["violations"]
    return [f"{v['id']}: {[n['target'] for n in v['nodes']][:3]}" for v in found if v["impact"] in SERIOUS]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing_serious(open_tab: Open, places: dict[str, str], name: str, dark: bool) -> None:
    tab = open_tab(places[name], dark=dark)
    expect(tab.page.locator("h1")).to_be_visible()
    assert serious(tab) == []
    tab.shot(f"{name}-{'dark' if dark else 'light'}")


@pytest.mark.parametrize("name", NAMES)
def test_a_phone_shows_all_without_scrolling_sideways(open_tab: Open, places: dict[str, str], name: str) -> None:
    tab = open_tab(places[name], size=PHONE, dark=name == "job-failed")
    expect(tab.page.locator("h1")).to_be_visible()
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert serious(tab) == []
    tab.shot(f"{name}-phone")


def test_an_open_dialog_has_nothing_serious(open_tab: Open, places: dict[str, str]) -> None:
    tab = open_tab(places["job-failed"], size=DESK, dark=True)
    tab.page.click("#do-retry")
    assert serious(tab) == []


def test_a_page_that_is_not_there_is_a_page(open_tab: Open) -> None:
    tab = open_tab("/jobs/none")
    expect(tab.page.locator("h1")).to_have_text("Not found")
    tab.complaints.clear()  # Chromium reports a page with 404 in its console
