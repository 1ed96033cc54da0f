"""Starting jobs from the page: the form, the plan, the solutions of a refusal, and the confirmation."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable
from html import unescape
from typing import Any

import pytest
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from okapi_install.domain.jobs import Action, Change, Job, JobKind
from okapi_install.service.ports import Answer, JobFilter, Tenant
from okapi_install.web.page.start.form import MOST_TENANTS, StartForm
from tests.fakes.fake_modules import Call, answer
from tests.unit.service.house import enable
from tests.unit.web.jobs_site import JobsSite
from tests.unit.web.page.page_site import HERE
from tests.unit.web.test_explain import MODULES

Fields = list[tuple[str, str]]


@pytest.fixture
def site() -> JobsSite:
    """The tenant diku and the modules a to d of the house, and those of the tests of solutions."""
    made = JobsSite()
    assert made.client.post("/_/proxy/import/modules?check=false", json=MODULES).status_code == 204
    return made


def posted(site: JobsSite, path: str, fields: Iterable[tuple[str, str]], status: int = 200, **more: Any) -> str:
    answer = sent(site, path, fields, **more)
    assert answer.status_code == status, answer.text
    return answer.text


def sent(site: JobsSite, path: str, fields: Iterable[tuple[str, str]], **more: Any) -> TestResponse:
    return site.client.post(path, data=MultiDict([*fields, *more.pop("files", [])]), headers=HERE, **more)


def form_of(html: str, action: str, number: int = 0) -> Fields:
    """The fields that a browser would send with a form of the page."""
    form = re.findall(rf'<form method="post" action="{action}".*?</form>', html, re.DOTALL)[number]
    return [(unescape(name), unescape(value)) for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', form)]


def plan(site: JobsSite, *fields: tuple[str, str], tenants: tuple[str, ...] = ("diku",), status: int = 200) -> str:
    answer = sent(site, "/start/plan", [*(("tenant", tenant) for tenant in tenants), *fields])
    assert answer.status_code == status, answer.text
    return answer.text


def jobs(site: JobsSite) -> list[Job]:
    return list(site.house.store.find_jobs(JobFilter()).jobs)


def test_the_plan_is_shown_with_what_is_done_and_nothing_is_started(site: JobsSite) -> None:
    site.house.carried_out(*enable("b-1.0.0"))
    before = len(jobs(site))
    html = unescape(plan(site, ("modules", "c\nd-1.0.0"), ("loadReference", "true"), ("parallel", "4")))
    assert "2 modules: 2 installed" in html
    assert "c-1.0.0" in html
    assert "d-1.0.0" in html
    assert "Start 1 job" in html
    assert len(jobs(site)) == before


def test_the_confirmed_plan_becomes_a_job_with_its_options(site: JobsSite) -> None:
    html = plan(site, ("modules", "c"), ("loadReference", "true"), ("tenantParameters", "x=1"), ("parallel", "4"))
    answer = sent(site, "/start", form_of(html, "/start"))
    (job,) = jobs(site)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/jobs/{job.id}")
    assert [step.change.id for step in job.steps] == ["a-1.0.0", "b-1.0.0", "c-1.0.0"]
    assert (job.options.tenant_parameters, job.options.parallel) == ("loadReference=true,x=1", 4)
    assert job.options.asynchronous
    assert job.request == (Change(id="c"),)


def test_expected_durations_come_from_earlier_jobs_of_any_tenant(site: JobsSite) -> None:
    assert "no estimate: 1 module without earlier runs" in plan(site, ("modules", "d"))

    def slow(_: Call) -> Answer:
        site.house.clock.sleep(20)
        return answer()

    site.house.script("d-1.0.0", slow)
    for number in range(5):
        site.house.store.add_tenant(Tenant(id=f"other{number}"), ["a-1.0.0"])
        site.house.carried_out(*enable("d-1.0.0"), tenant=f"other{number}")
    site.house.store.add_tenant(Tenant(id="new"), ["a-1.0.0"])
    html = plan(site, ("modules", "d a"), tenants=("new",))
    assert "1 installed, 1 already up to date · takes about 20 s once it starts" in html
    assert '<td class="num">20.0 s</td>' in html


def test_an_install_json_can_be_sent_as_a_file(site: JobsSite) -> None:
    document = json.dumps([{"id": "a-1.0.0", "action": "enable"}, {"id": "d-1.0.0", "action": "enable"}])
    upload = ("file", (io.BytesIO(b"\xef\xbb\xbf" + document.encode()), "install.json"))
    html = posted(site, "/start/plan", [("tenant", "diku"), ("modules", "")], files=[upload])
    assert "2 modules: 2 installed" in html
    assert dict(form_of(html, "/start"))["modules"] == document


def test_products_can_be_picked_and_are_listed_with_their_newest_release(site: JobsSite) -> None:
    site.client.post("/_/proxy/modules", json={"id": "a-2.0.0-SNAPSHOT.7"})
    form = re.sub(r"<[^>]+>|\s+", " ", site.client.get("/start?product=app").text)
    assert re.search(r"\ba\s+1\.0\.0", form)
    assert re.search(r"\bapp\s+2\.0\.0", form)
    html = plan(site, ("product", "a"), ("product", "d"), ("preRelease", "false"))
    assert "2 modules: 2 installed" in html


def test_each_tenant_gets_a_job_of_its_own_and_the_results_are_listed(site: JobsSite) -> None:
    for name in ("one", "two"):
        site.house.store.add_tenant(Tenant(id=name))
    html = plan(site, ("modules", "d"), tenants=("one", "two", "diku"))
    assert html.count("<table") == 1, "tenants with the same modules share a plan"
    assert "Start 3 jobs" in html
    shown = posted(site, "/start", form_of(html, "/start"))
    assert {job.tenant for job in jobs(site)} == {"one", "two", "diku"}
    assert "3 jobs started" in shown
    assert all(f'href="/jobs/{job.id}"' in shown for job in jobs(site))


def test_a_confirmation_that_is_sent_twice_starts_each_job_once(site: JobsSite) -> None:
    fields = form_of(plan(site, ("modules", "d")), "/start")
    first, again = sent(site, "/start", fields), sent(site, "/start", fields)
    assert first.headers["Location"] == again.headers["Location"]
    site.house.work()
    assert sent(site, "/start", fields).headers["Location"] == first.headers["Location"]
    assert len(jobs(site)) == 1


def test_a_plan_that_has_changed_is_shown_again_instead_of_being_started(site: JobsSite) -> None:
    fields = form_of(plan(site, ("modules", "b")), "/start")
    site.house.carried_out(*enable("a-1.0.0"))
    html = posted(site, "/start", fields, 409)
    assert "The plan has changed since you looked at it" in html
    assert len(jobs(site)) == 1
    assert sent(site, "/start", form_of(html, "/start")).status_code == 303


def test_an_upgrade_takes_no_modules_and_is_started_for_all(site: JobsSite) -> None:
    site.house.carried_out(*enable("d-1.0.0"))
    site.client.post("/_/proxy/modules", json={"id": "d-2.0.0"})
    assert "An upgrade brings all modules" in plan(site, ("kind", "upgrade"), ("modules", "d"), status=400)
    html = plan(site, ("kind", "upgrade"))
    assert "upgrade from 1.0.0" in html
    sent(site, "/start", form_of(html, "/start"))
    assert jobs(site)[0].kind is JobKind.UPGRADE


def test_where_there_is_nothing_to_do_nothing_can_be_started(site: JobsSite) -> None:
    site.house.carried_out(*enable("d-1.0.0"))
    html = plan(site, ("modules", "d"))
    assert "There is nothing to start" in html
    assert 'action="/start"' not in html


def test_a_refusal_shows_its_solutions_and_each_leads_to_its_own_plan(site: JobsSite) -> None:
    html = plan(site, ("modules", "ui"))
    assert "is provided by multiple products" in html
    assert 'action="/start"' not in html
    assert "Takes mod-login for login, not mod-keycloak." in html
    fields = next(
        f for f in (form_of(html, "/start/plan", n) for n in (0, 1)) if "mod-login-1.0.0" in dict(f)["modules"]
    )
    chosen = posted(site, "/start/plan", fields)
    assert "2 modules: 2 installed" in chosen
    sent(site, "/start", form_of(chosen, "/start"))
    assert [step.change.id for step in jobs(site)[0].steps] == ["mod-login-1.0.0", "ui-1.0.0"]


def test_solutions_that_take_what_is_preferred_come_first(site: JobsSite) -> None:
    html = plan(site, ("modules", "ui"), ("prefer", "mod-login"))
    assert html.index("Takes mod-login for login") < html.index("Takes mod-keycloak for login")
    assert ("prefer", "mod-login") in form_of(html, "/start/plan", -1)


def test_without_a_solution_it_is_said_what_cannot_be_together(site: JobsSite) -> None:
    html = unescape(plan(site, ("modules", "plain-1.0.0")))
    assert "There is no solution." in html
    assert "Nothing makes it possible to enable plain-1.0.0" in html


def test_a_refusal_for_one_tenant_does_not_keep_the_others_from_starting(site: JobsSite) -> None:
    site.house.store.add_tenant(Tenant(id="other"), ["mod-login-1.0.0"])
    html = plan(site, ("modules", "ui"), tenants=("diku", "other"))
    assert "Refused for diku" in html
    assert "Start 1 job" in html
    assert [value for name, value in form_of(html, "/start") if name == "tenant"] == ["other"]


PURGE = [("kind", "disable"), ("purge", "true"), ("modules", "a")]


def test_data_is_deleted_only_after_the_name_of_the_tenant_was_typed(site: JobsSite) -> None:
    site.house.carried_out(*enable("c-1.0.0"))
    html = plan(site, *PURGE)
    assert "DELETES THE DATA of 3 modules of tenant diku; 2 of them because they need a." in html
    assert "disable, delete its data" in html
    fields = form_of(html, "/start")
    for typed in ("", "Diku", "other"):
        refused = posted(site, "/start", [*fields, ("typed", typed)], 409)
        assert "To delete data, type the name of the tenant: diku." in refused
    assert len(jobs(site)) == 1
    assert sent(site, "/start", [*fields, ("typed", " diku ")]).status_code == 303
    job = jobs(site)[0]
    assert job.options.purge
    assert {step.change.action for step in job.steps} == {Action.DISABLE}


def test_each_tenant_that_loses_data_has_to_be_typed(site: JobsSite) -> None:
    site.house.store.add_tenant(Tenant(id="one"), ["a-1.0.0"])
    site.house.store.add_tenant(Tenant(id="two"), ["a-1.0.0"])
    fields = form_of(plan(site, *PURGE, tenants=("one", "two")), "/start")
    assert "type the name of the tenant: two." in posted(site, "/start", [*fields, ("typed", "one")], 409)
    posted(site, "/start", [*fields, ("typed", "one"), ("typed", "two")])
    assert len(jobs(site)) == 2


def test_a_disable_without_purge_deletes_nothing_and_needs_no_name(site: JobsSite) -> None:
    site.house.carried_out(*enable("c-1.0.0"))
    html = plan(site, ("kind", "disable"), ("modules", "a"))
    assert "DELETES" not in html
    assert sent(site, "/start", form_of(html, "/start")).status_code == 303


def test_a_list_that_enables_is_not_disabled_by_mistake(site: JobsSite) -> None:
    listed = '[{"id": "a-1.0.0", "action": "enable"}]'
    html = unescape(plan(site, ("kind", "disable"), ("modules", listed), status=400))
    assert "The list says enable for a-1.0.0, and the form disables modules" in html
    assert "a-1.0.0" in plan(site, ("kind", "disable"), ("modules", '[{"id": "a-1.0.0"}]'))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ([("modules", "")], "Name at least one module"),
        ([("modules", "[{]")], "The list of modules is not JSON"),
        ([("modules", "{}")], "the body is a list of modules"),
        ([("modules", "a"), ("parallel", "0")], "must be 1 to 1000"),
        ([("modules", "a"), ("parallel", "many")], "must be 1 to 1000"),
        ([("modules", "a"), ("preRelease", "x")], "for parameter preRelease, but got: x"),
        ([("modules", "a"), ("tenant", "nobody")], "There is no tenant nobody"),
    ],
)
def test_what_is_wrong_in_the_form_is_said_there_and_the_form_keeps_the_rest(
    site: JobsSite, fields: Fields, words: str
) -> None:
    html = unescape(plan(site, *fields, ("keep", "mod-kept"), status=400))
    assert words in html
    assert 'value="mod-kept"' in html
    assert re.search(r'value="diku" checked', html)


def test_without_a_tenant_or_with_too_many_there_is_no_plan(site: JobsSite) -> None:
    assert "Choose at least one tenant" in plan(site, ("modules", "a"), tenants=(), status=400)
    many = tuple(f"t{number}" for number in range(MOST_TENANTS + 1))
    assert f"at most {MOST_TENANTS} tenants at once" in plan(site, ("modules", "a"), tenants=many, status=400)


def test_what_the_planner_refuses_in_the_options_is_said_with_the_plan(site: JobsSite) -> None:
    html = plan(site, ("modules", "a"), ("depCheck", "false"), ("parallel", "2"))
    assert "Refused for" in html
    assert 'action="/start"' not in html


def test_a_link_fills_the_form_in_and_the_plan_leads_back_to_it(site: JobsSite) -> None:
    html = site.client.get("/start?kind=install&tenant=diku&module=c-1.0.0&module=d").text
    assert re.search(r'value="diku" checked', html)
    assert ">c-1.0.0\nd</textarea>" in html
    fields = form_of(plan(site, ("modules", "c"), ("ignoreErrors", "true"), ("invoke", "false")), "/start/form")
    again = posted(site, "/start/form", fields)
    assert ">c</textarea>" in again
    assert re.search(r'name="ignoreErrors" value="true" checked', again)
    assert 'value="false" placeholder="true, false or a pattern"' in again


def test_with_very_many_tenants_their_names_are_typed(site: JobsSite) -> None:
    for number in range(400):
        site.house.store.add_tenant(Tenant(id=f"t{number}"))
    html = site.client.get("/start?tenant=t7").text
    assert 'type="checkbox" name="tenant"' not in html
    assert ">t7</textarea>" in html
    assert "Start 2 jobs" in plan(site, ("modules", "a"), ("tenants", "t7, t8\n"), tenants=())


@pytest.mark.parametrize("path", ["/start", "/start/plan", "/start/form"])
def test_another_site_starts_nothing(site: JobsSite, path: str) -> None:
    fields = MultiDict(form_of(plan(site, ("modules", "d")), "/start"))
    answer = site.client.post(path, data=fields, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert jobs(site) == []


def test_a_start_without_its_key_is_refused(site: JobsSite) -> None:
    fields = [(n, v) for n, v in form_of(plan(site, ("modules", "d")), "/start") if n != "key"]
    assert "The form was not sent completely" in posted(site, "/start", fields, 400)


def test_words_of_others_are_text_in_the_form_and_in_the_plan(site: JobsSite) -> None:
    hostile = "<img src=x>\"'"
    site.house.store.add_tenant(Tenant(id="evil", name=hostile))
    for html in (
        site.client.get("/start", query_string={"module": hostile, "tenant": hostile}).text,
        plan(site, ("modules", hostile), ("keep", "x" + hostile), tenants=("evil",)),
    ):
        assert "<img src=x" not in html


def test_fields_are_read_and_written_alike() -> None:
    sent_fields = MultiDict(
        [("kind", "disable"), ("tenant", "a"), ("tenant", "b"), ("modules", "x"), ("product", "p"), ("purge", "true"),
         ("parallel", "3"), ("keep", "k"), ("unknown", "u")]
    )  # fmt: skip
    form = StartForm.of(sent_fields)
    assert StartForm.of(MultiDict(form.fields())) == form


def test_a_product_of_the_matrix_fills_the_form_with_the_tenants_that_are_behind(site: JobsSite) -> None:
    for name, module in (("old", "app-1.0.0"), ("older", "app-1.0.0"), ("new", "app-2.0.0")):
        site.house.store.add_tenant(Tenant(id=name), [module, "okapi-7.0.0"])
    matrix = site.client.get("/versions?only=behind").text
    (link,) = re.findall(r'href="(/start[^"]+)"[^>]*>Upgrade 2<', matrix)
    html = site.client.get(unescape(link)).text
    assert re.findall(r'name="tenant" value="([^"]+)" checked', html) == ["old", "older"]
    assert ">app-2.0.0</textarea>" in html
    some = site.client.get("/start?module=app-2.0.0&behind=app&q=older").text
    assert re.findall(r'name="tenant" value="([^"]+)" checked', some) == ["older"]


def test_of_very_many_tenants_that_are_behind_the_form_takes_the_first(site: JobsSite) -> None:
    for number in range(MOST_TENANTS + 10):
        site.house.store.add_tenant(Tenant(id=f"t{number:03}"), ["app-1.0.0"])
    html = site.client.get("/start?module=app-2.0.0&behind=app").text
    assert f"{MOST_TENANTS + 10} tenants are behind. These are the first {MOST_TENANTS}." in html
    assert len(re.findall(r'name="tenant" value="[^"]+" checked', html)) == MOST_TENANTS
    assert not re.search(r'name="tenant" value="[^"]+" checked', site.client.get("/start?behind=nothing").text)
