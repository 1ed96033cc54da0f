"""An operator watches: jobs appear, modules turn, pictures follow, without a reload."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.operator_at_work import Operator

SLOW = 30_000


def test_a_job_started_by_the_command_appears_and_ends_without_a_reload(open_tab: Open, operator: Operator) -> None:
    tenant = operator.tenant()
    operator.back_end.behave("mod-users", tenant=tenant, call="init", job={"seconds": 2})
    tab = open_tab(f"/?tenant={tenant}")
    page = tab.page
    expect(page.get_by_text("No jobs yet")).to_be_visible()
    expect(page.locator("#live")).to_have_text("Live")
    page.evaluate("window.loadedOnce = true")
    job = operator.install(tenant, "mod-users")
    row = page.locator(f'tr[data-key="{job}"]')
    expect(row).to_contain_text("Running", timeout=SLOW)
    tab.shot("list-running")
    expect(row).to_contain_text("Done", timeout=SLOW)
    assert page.evaluate("window.loadedOnce") is True


def test_modules_turn_and_pictures_follow_without_a_reload(open_tab: Open, operator: Operator) -> None:
    tenant = operator.tenant()
    operator.back_end.behave("mod-users", tenant=tenant, call="init", job={"seconds": 1.5})
    operator.back_end.behave("mod-inventory-storage", tenant=tenant, call="init", job={"seconds": 3})
    job = operator.install(tenant, "mod-circulation", "mod-search", "--parallel", "4")
    tab = open_tab(f"/jobs/{job}")
    page = tab.page
    page.evaluate("window.loadedOnce = true")
    row = page.locator("tbody.module", has_text="mod-inventory-storage")
    expect(row).to_contain_text("Running", timeout=SLOW)
    expect(page.locator(".graph .is-running", has_text="mod-inventory-storage")).to_be_visible(timeout=SLOW)
    expect(page.locator(".timeline .is-running", has_text="mod-inventory-storage")).to_be_visible(timeout=SLOW)
    ranks = page.evaluate("[...document.querySelectorAll('tbody.module')].map((row) => Number(row.dataset.rank))")
    assert ranks == sorted(set(ranks))
    tab.shot("job-running")
    expect(page.locator(".big")).to_contain_text("Done", timeout=SLOW)
    expect(row).to_contain_text("Done")
    modules = page.locator("tbody.module").count()
    expect(page.locator(".graph .is-done")).to_have_count(modules)
    expect(page.locator(".timeline .is-done")).to_have_count(modules, timeout=SLOW)
    expect(page.locator("#announcement")).to_have_text("Job done")
    assert page.evaluate("window.loadedOnce") is True
    tab.shot("job-done")


def test_pictures_can_be_folded_up_and_a_link_opens_them(open_tab: Open, operator: Operator) -> None:
    tenant = operator.tenant()
    job = operator.install(tenant, "mod-users")
    operator.finished(job)
    page = open_tab(f"/jobs/{job}").page
    for name, picture in (("Timeline", ".timeline"), ("Dependency graph", ".graph")):
        summary = page.locator("summary", has_text=name)
        summary.click()
        expect(page.locator(picture)).to_be_hidden()
        summary.click()
        expect(page.locator(picture)).to_be_visible()
    expect(page.locator("#curl pre").first).to_be_hidden()
    page.click("#curl summary")
    expect(page.locator("#curl pre").first).to_contain_text("$OKAPI_TOKEN")


def test_a_module_in_a_picture_leads_to_its_row(open_tab: Open, operator: Operator) -> None:
    tenant = operator.tenant()
    job = operator.install(tenant, "mod-circulation", "mod-search", "--parallel", "4")
    operator.finished(job)
    page = open_tab(f"/jobs/{job}", size={"width": 1360, "height": 700}).page
    last = page.locator("tbody.module").last
    expect(last).not_to_be_in_viewport()
    name = last.locator(".id").inner_text()
    page.locator(".timeline g[data-pos]", has_text=name).click()
    expect(last).to_be_in_viewport()


def test_it_works_without_the_script(open_tab: Open, operator: Operator) -> None:
    tenant = operator.tenant()
    operator.back_end.behave("mod-users", tenant=tenant, call="init", job={"seconds": 60})
    job = operator.install(tenant, "mod-users")
    tab = open_tab(f"/?tenant={tenant}", script=False)
    page = tab.page
    page.locator(f'tr[data-key="{job}"] th a').first.click()
    expect(page.locator(".graph")).to_be_visible()
    page.get_by_role("link", name="Abort…").click()
    page.get_by_role("button", name="Abort the job").click()
    expect(page.locator(".big")).to_contain_text(re.compile("Aborting|Stopped"))
    assert operator.finished(job)["reason"] == "aborted"
