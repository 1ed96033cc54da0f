"""A job of 140 modules with failures: its first screen, its filters and its graph, with and without the script."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect
from werkzeug.serving import make_server

from okapi_install.domain.jobs import EndReason, InstallOptions, JobStatus, Problem, ProblemCode, Stage, StepStatus
from okapi_install.service.jobs.timings import TimingsService
from okapi_install.service.jobs.waiting import WaitingService
from okapi_install.service.ports import Ending, Progress, Tenant
from tests.browser.conftest import PHONE, SCREENSHOTS
from tests.contract.builders import new_job
from tests.unit.web.page.page_site import Site, big_plan

SCREEN = ViewportSize(width=1280, height=900)
MODULES, FAILED = 140, {23: "no such table", 60: "No index at es:9200", 81: "No space left on device"}
TRACE = "\n".join(f"\tat org.folio.rest.impl.TenantAPI.post(TenantAPI.java:{line})" for line in range(40))


def job_with_failures(site: Site) -> str:
    """Half of the modules are done, three failed, and the rest was skipped."""
    site.store.add_tenant(Tenant(id="diku"))
    options = InstallOptions(parallel=4, ignore_errors=True)
    edges = tuple((pos // 3, pos) for pos in range(1, MODULES))
    new = replace(new_job("diku", edges=edges), steps=big_plan(MODULES), options=options)
    job = site.store.add_job(new, most_waiting=10)
    claim = site.begin(job)
    steps = []
    for step in job.steps:
        times: dict[str, Any] = {"started": claim.now, "ended": claim.now + 2, "attempts": 1}
        why = FAILED.get(step.pos)
        if why is not None:
            errors = (Problem.error(f"POST request for {step.change.id} failed with 500: {why}\n{TRACE}", "boom"),)
            steps.append(replace(step, status=StepStatus.ERROR, stage=Stage.INVOKE, errors=errors, **times))
        elif step.pos < 100:
            steps.append(replace(step, status=StepStatus.DONE, stage=Stage.DONE, **times))
        else:
            needs = (Problem.error("Skipped: requires one that failed", ProblemCode.NEEDS_FAILED_MODULE),)
            steps.append(replace(step, status=StepStatus.ERROR, message=needs[0].message, errors=needs))
    site.store.save(claim, Progress(steps=tuple(steps)))
    site.finish(claim, Ending(status=JobStatus.ERROR, message="3 of 140 modules failed", reason=EndReason.FAILED))
    return job.id


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of the job's page. Another job waits, and no worker is alive."""
    site = Site()
    site.snapshots.waiting = WaitingService(
        site.store, TimingsService(site.store, site.clock), site.clock, alive_within=15.0
    )
    job = job_with_failures(site)
    site.job("mod-a-1.0.0", tenant="other")
    server = make_server("127.0.0.1", 0, site.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}/jobs/{job}"
    server.shutdown()


def opened(browser: Browser, url: str, *, size: ViewportSize = SCREEN, script: bool = True) -> Page:
    context = browser.new_context(viewport=size, java_script_enabled=script, reduced_motion="reduce")
    page = context.new_page()
    page.goto(url)
    return page


def shot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    bad = [each for each in found if each["impact"] in ("serious", "critical")]
    return [f"{each['id']}: {[node['target'] for node in each['nodes']][:3]}" for each in bad]


def within_the_screen(found: Locator) -> bool:
    box = found.bounding_box()
    return box is not None and box["y"] >= 0 and box["y"] + box["height"] <= SCREEN["height"]


def test_the_first_screen_answers_what_happened_why_and_what_to_do_now(browser: Browser, url: str) -> None:
    page = opened(browser, url)
    failures = page.locator(".failures")
    expect(failures).to_contain_text("3 failed; 40 skipped because of these")
    for why in FAILED.values():
        expect(failures).to_contain_text(why)
    expect(failures).to_contain_text("Next: fix the cause, then retry the rest. 43 modules would run")
    for found in (page.locator(".big"), page.locator("#do-retry"), page.locator(".meter"), failures):
        assert within_the_screen(found)
    assert within_the_screen(page.locator("tbody.is-error").first)
    assert serious(page) == []
    shot(page, "first-screen")


def test_modules_are_filtered_and_errors_unfolded_by_keyboard(browser: Browser, url: str) -> None:
    page = opened(browser, url)
    expect(page.locator("tbody.module:visible")).to_have_count(MODULES)
    page.locator("[data-show-only=error]").focus()
    page.keyboard.press("Enter")
    expect(page.locator("tbody.module:visible")).to_have_count(len(FAILED))
    expect(page).to_have_url(re.compile(r"\?show=failed$"))
    trace = page.locator(".trace").first
    expect(trace).to_be_hidden()
    page.locator(".problem summary").first.focus()
    page.keyboard.press("Enter")
    expect(trace).to_contain_text("TenantAPI.java:39")


def test_copy_as_curl_copies_and_says_so(browser: Browser, url: str) -> None:
    page = opened(browser, url)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#do-curl")
    expect(page.locator("#do-curl")).to_have_text("Copied")
    expect(page.locator("#announcement")).to_have_text("Copied to the clipboard")
    assert page.evaluate("navigator.clipboard.readText()").startswith("curl -sS -X POST")
    assert page.evaluate("scrollY") == 0


def test_the_graph_fits_zooms_and_goes_to_what_failed(browser: Browser, url: str) -> None:
    page = opened(browser, url)
    view, graph = page.locator("#graph-view"), page.locator("#graph-view svg")
    window, whole = view.bounding_box(), graph.bounding_box()
    assert window is not None
    assert whole is not None
    assert whole["width"] <= window["width"]
    assert whole["height"] <= window["height"]
    page.get_by_role("button", name="Go to what failed or runs").click()
    found = page.locator(".node.found")
    expect(found).to_have_class(re.compile("is-error"))
    window, box = view.bounding_box(), found.bounding_box()
    assert window is not None
    assert box is not None
    assert window["x"] <= box["x"]
    assert box["x"] + box["width"] <= window["x"] + window["width"]
    assert window["y"] <= box["y"] <= window["y"] + window["height"]
    page.get_by_role("button", name="Fit").click()
    expect(view).not_to_have_class(re.compile("zoomed"))


def test_a_phone_and_a_browser_without_the_script_show_the_same(browser: Browser, url: str) -> None:
    page = opened(browser, url, size=PHONE, script=False)
    page.locator("[data-show-only=error]").click()
    expect(page.locator("tbody.module:visible")).to_have_count(len(FAILED))
    expect(page.locator(".failures")).to_contain_text("No space left on device")
    page = opened(browser, url, size=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert serious(page) == []
    shot(page, "first-screen-phone")


def test_without_a_worker_no_page_is_live_and_the_list_counts_by_state(browser: Browser, url: str) -> None:
    page = opened(browser, url.partition("/jobs/")[0] + "/")
    expect(page.locator("#live")).to_have_text("No worker is running")
    expect(page.locator("#live")).to_have_class(re.compile("is-off"))
    page.get_by_role("link", name="1 failed").click()
    expect(page.locator(".jobs tbody tr")).to_have_count(1)
    expect(page.locator("time").first).to_have_text(re.compile("ago$"))
    assert serious(page) == []
    page.get_by_role("link", name="Workers", exact=True).first.click()
    expect(page.locator(".empty")).to_contain_text("okapi-install worker")
    assert serious(page) == []
