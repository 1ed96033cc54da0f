"""A server with an API key: the browser is led to the login, and then the page works as ever."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import SCREENSHOTS
from tests.fixtures.cluster import Embedded

KEY = "a-key-for-this-test"


@pytest.fixture
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """A server of its own, with a key."""
    server = Embedded(tmp_path_factory.mktemp("locked"), {"OKAPI_INSTALL_API_KEY": KEY})
    with server.process:
        server.process.wait_for_line("okapi-install ready on ")
        yield server


def sign_in(page: Page, key: str) -> None:
    page.get_by_label("API key of this server").fill(key)
    page.get_by_role("button", name="Sign in").click()


def test_a_browser_signs_in_once(browser: Browser, locked: Embedded) -> None:
    context = browser.new_context(base_url=locked.url)
    page = context.new_page()
    page.goto("/tenants/supertenant")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in(page, "guess")
    expect(page.get_by_role("alert")).to_contain_text("not the key")
    found = Axe().run(page).response["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "login-refused.png")
    sign_in(page, KEY)
    expect(page.get_by_role("heading", name="Tenant supertenant")).to_be_visible()
    expect(page.locator("#live")).to_have_text("Live")
    context.close()
