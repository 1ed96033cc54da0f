"""The page of one job: its head, its modules, its curl commands, its pictures; and that it is fast."""

from __future__ import annotations

import re
import time
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from okapi_install.domain.jobs import JobKind, Problem, ProblemCode, Stage, StepStatus
from okapi_install.service.jobs.snapshots import snapshot_of
from okapi_install.service.ports import Durations, Tenant
from okapi_install.web.page.curl import curl_commands
from okapi_install.web.page.graph import graph_svg
from okapi_install.web.page.timeline import timeline_svg
from tests.contract.builders import new_job
from tests.unit.web.page.page_site import Site, big_plan

HOSTILE = "</title></svg><script>alert(1)</script>\"'&"
SVG = "{http://www.w3.org/2000/svg}"


def parsed(drawing: str) -> ET.Element:
    return ET.fromstring(drawing)  # noqa: S314 - drawn by us


@pytest.fixture
def site() -> Site:
    return Site()


def test_a_failed_job_shows_what_went_wrong_in_full(site: Site) -> None:
    html = site.text(f"/jobs/{site.failed_job('POST failed with 500: no such table').id}")
    assert "Failed" in html
    assert html.partition('id="history"')[0].count("POST failed with 500: no such table") == 2
    assert "boom" in html
    assert "Reindex, please" in html
    assert "Not run" in html
    assert "a module failed" in html


def test_the_head_says_what_failed_why_and_what_to_do_next(site: Site) -> None:
    trace = "POST request for mod-b-1.0.0 /_/tenant failed with 500: no such table\n\tat org.folio.TenantAPI"
    html = site.text(f"/jobs/{site.failed_job(trace).id}")
    head = html[html.index("What went wrong") : html.index("<dl class=")]
    assert '<a href="#m-1">mod-b-1.0.0</a> <code class="why">500: no such table</code>' in head
    assert "1 failed" in head
    assert "1 not run" in head
    assert "fix the cause, then retry the rest. 2 modules would run" in head
    assert "at org.folio" not in head


def test_rows_come_by_what_needs_attention_and_may_be_filtered(site: Site) -> None:
    job = site.failed_job()
    html = site.text(f"/jobs/{job.id}?show=failed")
    assert re.findall(r'id="m-(\d)"', html) == ["1", "2", "0"]
    assert 'data-show="error"' in html
    assert '<a href="?show=failed#modules" data-show-only="error" aria-current="true"' in html
    assert '<a href="?show=warnings#modules" data-show-only="warnings"' in html
    assert 'data-show=""' in site.text(f"/jobs/{job.id}?show=nonsense")


def test_the_pictures_of_a_huge_job_come_after_the_page(site: Site) -> None:
    site.store.add_tenant(Tenant(id="diku"))
    job = site.store.add_job(replace(new_job("diku"), steps=big_plan(501)), most_waiting=9)
    html = site.text(f"/jobs/{job.id}")
    assert "501 modules are drawn after the page" in html
    assert f'data-picture="/jobs/{job.id}/graph.svg"' in html
    assert 'class="drawing' not in html
    assert 'class="drawing' in site.text(f"/jobs/{site.job('mod-a-1.0.0').id}")


def test_an_error_is_folded_to_its_first_line(site: Site) -> None:
    job = site.failed_job("it broke\n\tat line 1")
    html = site.text(f"/jobs/{job.id}")
    assert '<code class="said">it broke</code>' in html
    assert 'aria-label="Error in full">it broke\n\tat line 1</pre>' in html


def test_what_was_skipped_is_not_an_error(site: Site) -> None:
    job = site.job("mod-a-1.0.0", "mod-b-1.0.0")
    claim = site.begin(job)
    words = "Skipped: requires mod-a-1.0.0, which failed"
    site.step(claim, 0, status=StepStatus.ERROR, message="no", errors=(Problem(message="no"),), started=claim.now)
    needs = (Problem.error(words, ProblemCode.NEEDS_FAILED_MODULE),)
    site.step(claim, 1, status=StepStatus.ERROR, message=words, errors=needs)
    html = site.text(f"/jobs/{job.id}")
    assert "1 failed</strong>; 1 skipped because of these" in html
    assert html.count(words) == 1
    assert html.count("<strong>Error:</strong>") == 1


def test_a_message_is_not_said_twice_but_is_said(site: Site) -> None:
    job = site.job("mod-a-1.0.0")
    claim = site.begin(job)
    site.step(claim, 0, status=StepStatus.ERROR, message="words of Okapi", errors=(Problem(message="words of mod-a"),))
    html = site.text(f"/jobs/{job.id}")
    assert (html.count("words of Okapi"), html.count("words of mod-a")) == (1, 2)


def test_a_running_job_tells_time_and_may_be_aborted_but_not_retried(site: Site) -> None:
    job = site.job("mod-a-1.0.0", "mod-b-1.0.0")
    claim = site.begin(job)
    site.step(claim, 0, stage=Stage.INVOKE, status=StepStatus.RUNNING, started=claim.now)
    html = site.text(f"/jobs/{job.id}")
    assert f'data-events="/page/jobs/{job.id}/events?since=2"' in html
    assert f'data-since="{round(claim.now * 1000)}"' in html
    assert "0 of 2 modules done, 1 running" in html
    assert f"/jobs/{job.id}/abort" in html
    assert f"/jobs/{job.id}/retry" not in html.replace(f"/_/install/jobs/{job.id}/retry", "")
    assert '<meta http-equiv="refresh"' in html


def test_a_finished_job_is_a_still_picture(site: Site) -> None:
    html = site.text(f"/jobs/{site.failed_job().id}")
    assert "data-events" not in html
    assert "data-since" not in html
    assert "refresh" not in html


def test_a_module_that_takes_longer_than_ever_is_marked(site: Site) -> None:
    job = site.job("mod-a-1.0.0")
    site.store._durations["mod-a", "enable"] = [1.0, 2.0]
    claim = site.begin(job)
    site.step(claim, 0, stage=Stage.INVOKE, status=StepStatus.RUNNING, started=claim.now - 60)
    html = site.text(f"/jobs/{job.id}")
    assert 'data-slow-after="3200">' in html
    assert "1.50 s" in html


def test_hostile_ids_and_words_are_text_everywhere(site: Site) -> None:
    job = site.job("mod-a" + HOSTILE, "mod-b-1.0.0", tenant="diku", edges=[(0, 1)], by=HOSTILE)
    claim = site.begin(job)
    problem = Problem(message=HOSTILE, type=HOSTILE, code=HOSTILE)
    site.step(claim, 0, status=StepStatus.ERROR, message=HOSTILE, errors=(problem,), started=claim.now)
    assert "<script>alert" not in site.text(f"/jobs/{job.id}")
    for name in ("graph", "timeline"):
        drawing = site.client.get(f"/jobs/{job.id}/{name}.svg")
        assert drawing.mimetype == "image/svg+xml"
        assert "sandbox" in drawing.headers["Content-Security-Policy"]
        assert not parsed(drawing.text).findall(f".//{SVG}script")


def test_a_job_whose_id_is_no_plain_word_has_links_that_work(site: Site) -> None:
    site.job("mod-a-1.0.0")
    site.store.add_job(replace(new_job(), id="a/b ?#%"), most_waiting=100)
    assert '"/jobs/a%2Fb%20%3F%23%25"' in site.text("/")
    assert "Waiting" in site.text("/jobs/a%2Fb%20%3F%23%25")


def test_the_graph_has_every_module_with_its_state_in_words_and_as_a_class(site: Site) -> None:
    root = parsed(graph_svg(site.snapshots.summary(site.failed_job())))
    nodes = {node.get("data-pos"): node for node in root.iter(f"{SVG}g") if node.get("data-pos")}
    assert [nodes[pos].get("class") for pos in "012"] == ["node is-done", "node is-error", "node is-never"]
    assert nodes["1"].findtext(f"{SVG}title") == "mod-b-1.0.0: enable, Failed"
    edges = {(path.get("data-from"), path.get("data-to")) for path in root.iter(f"{SVG}path")} - {(None, None)}
    assert edges == {("0", "1"), ("1", "2")}
    assert "3 modules, 2 dependencies" in (root.findtext(f"{SVG}title") or "")


def test_the_timeline_shows_what_has_begun_and_what_is_usual(site: Site) -> None:
    usual = {0: Durations(count=1, mean=1.0, longest=1.0)}
    job = site.failed_job()
    root = parsed(timeline_svg(snapshot_of(job, usual, job.created + 10)))
    rows = [group for group in root.iter(f"{SVG}g") if group.get("data-pos")]
    assert [row.findtext(f"{SVG}title") for row in rows] == [
        "mod-a-1.0.0: Done, 2.00 s, usually 1.00 s",
        "mod-b-1.0.0: Failed, 1.00 s",
    ]
    spans = [rect for rect in root.iter(f"{SVG}rect") if rect.get("class") == "span"]
    assert float(spans[0].get("width", 0)) == pytest.approx(2 * float(spans[1].get("width", 0)), abs=0.5)


def test_the_timeline_after_a_retry_leaves_out_the_time_between(site: Site) -> None:
    job = site.failed_job()
    again = replace(job, started=job.created + 90_000, steps=job.steps)
    assert "over 0.00 s" in timeline_svg(snapshot_of(again, {}, job.created + 90_000))


def test_a_job_that_has_not_begun_has_pictures_too(site: Site) -> None:
    job = site.job()
    assert "No module has started yet" in timeline_svg(snapshot_of(job, {}, job.created))
    assert parsed(graph_svg(site.snapshots.summary(replace(job, steps=(), edges=())))).tag == f"{SVG}svg"


def test_the_curl_commands_start_the_same_job_and_hold_no_token(site: Site) -> None:
    job = site.job("mod-it's-1.0.0")
    start, follow, abort, retry = (command.text for command in curl_commands(job, "http://host:9130"))
    assert "http://host:9130/_/proxy/tenants/diku/install?async=true" in start
    assert """'[{"id":"mod-it'"'"'s-1.0.0","action":"enable"}]'""" in start
    assert all("$OKAPI_TOKEN" in text for text in (start, follow, abort, retry))
    assert f"/_/install/jobs/{job.id}/abort" in abort


def test_an_upgrade_as_curl_has_no_body(site: Site) -> None:
    job = replace(site.job(), kind=JobKind.UPGRADE, request=None)
    start = curl_commands(job, "http://host")[0].text
    assert "/upgrade?async=true" in start
    assert "-d" not in start


def test_300_modules_make_a_page_that_is_quickly_made(site: Site) -> None:
    edges = tuple((pos // 3, pos) for pos in range(1, 300))
    site.job("mod-a-1.0.0")
    job = site.store.add_job(replace(new_job(), steps=big_plan(300), edges=edges), most_waiting=100)
    site.text(f"/jobs/{job.id}")
    began = time.perf_counter()
    html = site.text(f"/jobs/{job.id}")
    print(f"300 modules: {(time.perf_counter() - began) * 1000:.0f} ms, {len(html)} characters")  # noqa: T201
    assert html.count('<tbody data-key="') == 300
