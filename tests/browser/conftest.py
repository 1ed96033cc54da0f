"""A real Chromium before a real server, with the demo's modules behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from tests.browser.operator_at_work import Operator
from tests.fixtures.back_end.process import BackEnd
from tests.fixtures.cluster import Embedded

SCREENSHOTS = Path(__file__).resolve().parents[1] / ".screenshots"
DESK = ViewportSize(width=1360, height=900)
PHONE = ViewportSize(width=360, height=740)

WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""


@pytest.fixture(scope="session")
def back_end() -> Iterator[BackEnd]:
    """Plays all modules; tests set behaviours for tenants of their own."""
    with BackEnd.start() as started:
        started.behave("*", call="init", delay=0.1)
        yield started


@pytest.fixture(scope="session")
def operator(embedded: Embedded, back_end: BackEnd) -> Operator:
    """At the embedded server, with the demo's platform."""
    found = Operator(embedded.url, back_end)
    found.prepare()
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """One Chromium for all tests of this process."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@dataclass
class Watched:
    """A tab in which nothing may go wrong unseen: complaints are collected, and are none at the end."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.add_init_script(WATCH)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type != "log" else None)

    def shot(self, name: str) -> None:
        """Writes what is to be seen to the folder of screenshots."""
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")

    def check(self) -> None:
        """Nothing was refused by the policy, and the console is empty."""
        assert self.page.evaluate("window.violations ?? []") == []
        assert self.complaints == []


Open = Callable[..., Watched]


@pytest.fixture
def open_tab(browser: Browser, operator: Operator) -> Iterator[Open]:
    """Opens a path of the page in a tab of its own; at the end every tab is checked."""
    with ExitStack() as stack:
        tabs: list[Watched] = []

        def open_path(path: str, *, size: ViewportSize = DESK, dark: bool = False, script: bool = True) -> Watched:
            context: BrowserContext = browser.new_context(
                base_url=operator.url,
                viewport=size,
                color_scheme="dark" if dark else "light",
                java_script_enabled=script,
                reduced_motion="reduce",
            )
            stack.callback(context.close)
            tab = Watched(context.new_page())
            tabs.append(tab)
            tab.page.goto(path)
            return tab

        yield open_path
        for tab in tabs:
            tab.check()
