"""An operator starts jobs from the page: with the keyboard, on a phone, without script; and looks at many tenants."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Open, Watched
from tests.browser.operator_at_work import Operator
from tests.browser.test_acting_on_jobs import SLOW
from tests.browser.test_for_everybody import serious


def interfaces(*ids: str) -> list[dict[str, str]]:
    return [{"id": ident, "version": "1.0"} for ident in ids]


SHELF = [
    {"id": "mod-shelf-1.0.0", "provides": interfaces("shelf")},
    {"id": "mod-shelf-1.1.0", "provides": interfaces("shelf")},
    {"id": "mod-label-1.0.0", "requires": interfaces("shelf")},
    {"id": "ui-shelf-1.0.0", "requires": interfaces("shelf-lock")},
    {"id": "mod-lock-1.0.0", "provides": interfaces("shelf-lock")},
    {"id": "mod-chain-1.0.0", "provides": interfaces("shelf-lock")},
]
"""Modules without a tenant interface. What ui-shelf requires is provided by two products."""


DROP = """
(text) => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([text], "install.json"));
  document.querySelector("[name=modules]").dispatchEvent(new DragEvent("drop", { dataTransfer, cancelable: true }));
}
"""
"""Drops a file with that text on the field of the modules."""


@pytest.fixture(scope="session")
def librarian(operator: Operator) -> Operator:
    """The operator, with modules that no other test uses."""
    operator.send("POST", "/_/proxy/import/modules?check=false", SHELF)
    return operator


def fine(tab: Watched, name: str) -> None:
    """Nothing keeps people out, and on a phone nothing has to be scrolled sideways."""
    tab.shot(name)
    assert serious(tab) == []
    assert tab.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def modules_of(operator: Operator, tenant: str) -> set[str]:
    return {module["id"] for module in operator.send("GET", f"/_/proxy/tenants/{tenant}/modules")}


def type_into(page: Page, label: str, text: str) -> None:
    """With the keyboard alone: the focus moves on until it is in the field of that label."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if label in page.evaluate("[...(document.activeElement.labels ?? [])].map((l) => l.innerText).join(' ')"):
            page.keyboard.type(text)
            return
    raise AssertionError(f"the keyboard does not reach {label}")


def test_a_job_is_started_on_a_phone_and_data_is_deleted_only_after_the_name_was_typed(
    open_tab: Open, librarian: Operator
) -> None:
    tenant = librarian.tenant()
    tab = open_tab(f"/start?tenant={tenant}", size=PHONE)
    page = tab.page
    release = json.dumps([{"id": "mod-shelf-1.0.0", "action": "enable"}, {"id": "mod-label-1.0.0", "action": "enable"}])
    page.evaluate(DROP, "mod-lock-1.0.0")
    expect(page.locator("[name=modules]")).to_have_value("mod-lock-1.0.0")
    page.set_input_files("[data-file]", {"name": "install.json", "mimeType": "", "buffer": release.encode()})
    expect(page.locator("[name=modules]")).to_have_value(release)
    fine(tab, "start-phone")
    page.get_by_text("Show the plan").click()
    expect(page.locator("h2")).to_have_text(f"For {tenant}")
    expect(page.locator(".plan tbody tr")).to_have_count(2)
    fine(tab, "plan-phone")
    page.get_by_text("Start 1 job").click()
    expect(page.locator(".big")).to_contain_text("Done", timeout=SLOW)
    assert modules_of(librarian, tenant) == {"mod-shelf-1.0.0", "mod-label-1.0.0"}

    page.goto(f"/start?tenant={tenant}&module=mod-shelf&kind=disable")
    page.get_by_label("Delete the data").check()
    page.get_by_text("Show the plan").click()
    sentence = f"DELETES THE DATA of 2 modules of tenant {tenant}; 1 of them because it needs mod-shelf."
    expect(page.locator(".banner")).to_have_text(sentence)
    fine(tab, "purge-phone")
    type_into(page, "type the name of the tenant", "another")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was started.")
    tab.complaints.clear()  # Chromium reports the status 409 in its console
    type_into(page, "type the name of the tenant", tenant)
    page.keyboard.press("Enter")
    expect(page.locator(".big")).to_contain_text("Done", timeout=SLOW)
    assert modules_of(librarian, tenant) == set()


def test_a_refused_request_is_solved_and_started_for_two_tenants_without_script(
    open_tab: Open, librarian: Operator
) -> None:
    one, two = librarian.tenant(), librarian.tenant()
    tab = open_tab(f"/start?tenant={one}&tenant={two}", script=False, dark=True)
    page = tab.page
    page.locator("[name=modules]").fill("ui-shelf")
    page.get_by_text("Show the plan").click()
    expect(page.get_by_text("is provided by multiple products").first).to_be_visible()
    expect(page.get_by_text("Start 2 jobs")).to_have_count(0)
    tab.shot("refused-dark")
    page.locator("li", has_text="Takes mod-lock for").get_by_role("button").click()
    expect(page.locator(".plan tbody tr")).to_have_count(2)
    page.get_by_text("Start 2 jobs").click()
    expect(page.locator("h1")).to_have_text("2 jobs started")
    for tenant in (one, two):
        job = page.locator("tr", has_text=tenant).locator("td a").inner_text()
        assert librarian.finished(job)["status"] == "done"
        assert modules_of(librarian, tenant) == {"mod-lock-1.0.0", "ui-shelf-1.0.0"}


def test_the_list_of_tenants_is_live_and_the_matrix_leads_to_an_upgrade(open_tab: Open, librarian: Operator) -> None:
    librarian.send("POST", "/_/proxy/tenants", {"id": "shelves", "name": "Shelves & Sons"})
    tab = open_tab("/tenants?q=SHELVES", size=PHONE)
    page = tab.page
    expect(page.locator("[data-key=shelves]")).to_contain_text("Shelves & Sons")
    expect(page.locator("#live")).to_have_text("Live")
    job = librarian.install("shelves", "mod-shelf-1.0.0", "mod-label-1.0.0")
    librarian.finished(job)
    expect(page.locator("[data-key=shelves]")).to_contain_text("Done", timeout=SLOW)
    fine(tab, "tenants-live-phone")
    page.goto("/versions?q=shelves&only=behind")
    expect(page.locator(".matrix")).to_contain_text("1.0.0 ↑")
    expect(page.locator(".matrix")).not_to_contain_text("mod-label")
    fine(tab, "versions-phone")
    page.get_by_label("Upgrade mod-shelf for 1 tenant").click()
    expect(page.locator("[name=modules]")).to_have_value("mod-shelf-1.1.0")
    page.get_by_text("Show the plan").click()
    expect(page.locator(".plan")).to_contain_text(re.compile("upgrade from 1.0.0"))
    page.get_by_text("Start 1 job").click()
    expect(page.locator(".big")).to_contain_text("Done", timeout=SLOW)
    assert "mod-shelf-1.1.0" in modules_of(librarian, "shelves")
    wide = open_tab("/versions", dark=True)
    fine(wide, "versions-dark")
    wide.page.focus(".matrix")
    wide.page.keyboard.press("ArrowRight")
