"""An operator acts: aborts a job, retries another, with the mouse and with nothing but the keyboard."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.operator_at_work import Operator

SLOW = 30_000


def failed_job(operator: Operator) -> tuple[str, str]:
    """A tenant and its job, in which mod-users failed once and for the last time."""
    tenant = operator.tenant()
    body = {"errors": [{"message": 'relation "users" does not exist <b>', "type": "error", "code": "42P01"}]}
    operator.back_end.behave("mod-users", tenant=tenant, call="init", status=422, body=body, times=1)
    job = operator.install(tenant, "mod-login", "mod-notes")
    assert operator.finished(job)["status"] == "error"
    return tenant, job


def press_until(page: Page, key: str, name: str) -> None:
    """Moves the focus on until it is on what has that text."""
    for _ in range(60):
        page.keyboard.press(key)
        if name in page.evaluate(
            "document.activeElement.matches('a, button, summary') ? document.activeElement.innerText : ''"
        ):
            return
    raise AssertionError(f"the keyboard does not reach {name}")


def test_abort_asks_first_and_then_aborts(open_tab: Open, operator: Operator) -> None:
    tenant = operator.tenant()
    operator.back_end.behave("mod-users", tenant=tenant, call="init", job={"seconds": 60})
    job = operator.install(tenant, "mod-login")
    tab = open_tab(f"/jobs/{job}")
    page = tab.page
    expect(page.locator("tbody.is-running")).to_be_visible(timeout=SLOW)
    page.click("#do-abort")
    expect(page.get_by_role("dialog")).to_be_visible()
    tab.shot("abort-dialog")
    page.get_by_text("Let it run").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert operator.job(job)["status"] == "running"
    page.click("#do-abort")
    page.get_by_role("button", name="Abort the job").click()
    expect(page.locator(".big")).to_contain_text("Stopped", timeout=SLOW)
    assert operator.finished(job)["reason"] == "aborted"
    tab.shot("job-aborted")


def test_retry_runs_what_is_not_done_in_the_same_job(open_tab: Open, operator: Operator) -> None:
    _, job = failed_job(operator)
    tab = open_tab(f"/jobs/{job}")
    page = tab.page
    expect(page.locator(".big")).to_contain_text("Failed")
    expect(page.locator("tbody.is-error")).to_contain_text('relation "users" does not exist <b>')
    tab.shot("job-failed")
    page.click("#do-retry")
    tab.shot("retry-dialog")
    page.get_by_role("dialog").get_by_role("button", name="Retry").click()
    expect(page.locator(".big")).to_contain_text("Done", timeout=SLOW)
    expect(page).to_have_url(re.compile(f"/jobs/{job}$"))
    assert operator.job(job)["retries"] == 1


def test_everything_can_be_done_by_keyboard(open_tab: Open, operator: Operator) -> None:
    tenant = operator.tenant()
    operator.back_end.behave("mod-users", tenant=tenant, call="init", job={"seconds": 60})
    job = operator.install(tenant, "mod-users")
    page = open_tab(f"/?tenant={tenant}").page
    expect(page.locator(f'tr[data-key="{job}"]')).to_contain_text("Running", timeout=SLOW)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    press_until(page, "Tab", "mod-users")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(job))
    press_until(page, "Tab", "Abort…")
    page.keyboard.press("Enter")
    press_until(page, "Tab", "Abort the job")
    page.keyboard.press("Enter")
    expect(page.locator(".big")).to_contain_text("Stopped", timeout=SLOW)
    press_until(page, "Tab", "Timeline")
    page.keyboard.press("Enter")
    expect(page.locator(".timeline")).to_be_hidden()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Timeline, scrolls"


def test_the_focus_stays_where_it_was_while_the_page_changes(open_tab: Open, operator: Operator) -> None:
    tenant = operator.tenant()
    operator.back_end.behave("mod-users", tenant=tenant, call="init", job={"seconds": 1.5})
    operator.back_end.behave("mod-login", tenant=tenant, call="init", job={"seconds": 60})
    job = operator.install(tenant, "mod-login")
    page = open_tab(f"/jobs/{job}").page
    page.focus("#do-abort")
    expect(page.locator("tbody.module", has_text="mod-users")).to_contain_text("Done", timeout=SLOW)
    expect(page.locator("tbody.module", has_text="mod-login")).to_contain_text("Running", timeout=SLOW)
    expect(page.locator("#do-abort")).to_be_focused()
    operator.send("POST", f"/_/install/jobs/{job}/abort")
    operator.finished(job)
