"""The description of the API in a browser: the viewer shows it, sends requests, and breaks no policy."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Open


def test_the_viewer_shows_the_api_and_tries_it(open_tab: Open) -> None:
    tab = open_tab("/docs")
    page = tab.page
    expect(page.get_by_role("heading", name="okapi-install")).to_be_visible()
    row = page.locator("#operations-Server-health")
    row.get_by_role("button").first.click()
    row.get_by_role("button", name="Try it out").click()
    row.get_by_role("button", name="Execute").click()
    expect(row.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    tab.shot("api-description")
