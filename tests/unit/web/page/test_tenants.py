"""The page's list of tenants, and the matrix of their versions."""

from __future__ import annotations

import re
import time
from itertools import islice

import pytest

from okapi_install.domain.jobs import JobStatus
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.service.ports import Ending, Tenant
from okapi_install.service.registry import RegistryService
from okapi_install.web.page.recent import look_events
from okapi_install.web.page.tenants.matrix import PER_PAGE as TENANTS_PER_PAGE
from okapi_install.web.page.tenants.matrix import MatrixPart, matrix
from okapi_install.web.page.tenants.overview import PER_PAGE, TenantList, TenantPart
from okapi_install.web.templating import page_templates
from okapi_install.web.words import DASH
from tests.unit.web.page.page_site import Site

HOSTILE = "<img src=x>\"'\u202e"


@pytest.fixture
def site() -> Site:
    return Site()


def registered(site: Site, *ids: str) -> None:
    site.store.add_modules([ModuleDescriptor.parse({"id": module}) for module in ids])


def row(html: str, tenant: str) -> str:
    found = re.search(rf'<tr data-key="{tenant}".*?</tr>', html, re.DOTALL)
    assert found is not None
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0])).strip()


def test_a_tenant_is_listed_with_its_modules_its_last_result_and_what_it_does_now(site: Site) -> None:
    site.store.add_tenant(Tenant(id="calm", name="Calm College"), ["mod-a-1.0.0", "mod-b-1.0.0"])
    failed = site.failed_job()
    running = site.begin(site.job("mod-a-1.0.0")).job
    site.job("mod-b-1.0.0")
    html = site.text("/tenants")
    assert row(html, "calm") == f"calm Calm College {DASH} {DASH} 2"
    assert "Failed install" in row(html, "diku")
    assert "a job is running , 1 waiting" in row(html, "diku")
    assert f'href="/jobs/{failed.id}"' in html
    assert f'href="/jobs/{running.id}"' in html


def test_a_stopped_job_is_not_called_failed_in_the_list_of_tenants(site: Site) -> None:
    site.store.abort(site.job("mod-a-1.0.0").id, keep=True)
    assert "Stopped install" in row(site.text("/tenants"), "diku")


def test_tenants_are_found_by_id_and_by_name_whatever_the_case(site: Site) -> None:
    for ident, name in (("diku", "Datalogisk Institut"), ("biblio", None), ("other", "DIKU's neighbour")):
        site.store.add_tenant(Tenant(id=ident, name=name))
    html = site.text("/tenants?q=DIKU")
    assert re.findall(r'data-key="([^"]+)"', html) == ["diku", "other"]
    assert "2 tenants match" in html
    assert "No tenants match." in site.text("/tenants?q=nobody")


def test_thousands_of_tenants_have_pages_that_keep_the_search(site: Site) -> None:
    for number in range(3 * PER_PAGE):
        site.store.add_tenant(Tenant(id=f"t{number:05}"))
    html = site.text("/tenants?q=t0&page=2")
    assert re.findall(r'data-key="([^"]+)"', html)[0] == f"t{PER_PAGE:05}"
    assert "Page 2 of 3" in html
    assert 'href="/tenants?q=t0&amp;which=&amp;page=3"' in html


def test_tenants_whose_last_job_failed_or_that_are_busy_are_chosen_from_all_pages(site: Site) -> None:
    for number in range(2 * PER_PAGE):
        site.store.add_tenant(Tenant(id=f"t{number:05}"))
    site.job("mod-a-1.0.0", tenant="waiting")
    site.store.abort(site.job("mod-a-1.0.0", tenant="stopped").id, keep=True)
    site.failed_job()
    keys = {
        which: re.findall(r'data-key="([^"]+)"', site.text(f"/tenants?which={which}")) for which in ("failed", "busy")
    }
    assert keys == {"failed": ["diku"], "busy": ["waiting"]}
    assert "1 tenant matches" in site.text("/tenants?which=failed")
    assert "Unknown value lost of which" in site.text("/tenants?which=lost", 400)


def test_the_stream_of_the_list_sends_it_when_a_tenant_changes(site: Site) -> None:
    site.store.add_tenant(Tenant(id="diku"))
    shown = TenantList(site.tenants, page_templates(), time.monotonic)
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            site.job("mod-a-1.0.0")

    stream = look_events(lambda: shown.fresh(TenantPart()), "tenants", pause)
    first, second = islice(stream, 2)
    assert first is not None
    assert second is not None
    assert "1 waiting" not in str(first.data)
    assert "1 waiting" in str(second.data["whole"])


def cells(html: str, tenant: str) -> list[str]:
    found = re.search(rf">{tenant}</a></th>(.*)", html)
    assert found is not None
    return re.findall(r"<td[^>]*>([^<]*)", found[1])


@pytest.fixture
def fleet(site: Site) -> Site:
    """Three tenants, of which two are behind with mod-a, one has a snapshot, and one has a product of its own."""
    registered(site, "mod-a-1.0.0", "mod-a-1.2.0", "mod-a-2.0.0-SNAPSHOT.5", "mod-b-1.0.0", "mod-b-2.0.0-rc.1")
    registered(site, "folio_c-1.0.0", "folio_c-1.1.1000023")
    site.store.add_tenant(Tenant(id="new"), ["mod-a-1.2.0", "mod-b-1.0.0"])
    site.store.add_tenant(Tenant(id="old"), ["mod-a-1.0.0", "mod-b-1.0.0", "folio_c-1.0.0"])
    site.store.add_tenant(Tenant(id="snap", name="Snapshots"), ["mod-a-2.0.0-SNAPSHOT.5", "mod-b-1.0.0"])
    return site


def test_the_matrix_shows_versions_and_what_is_behind_the_newest_release(fleet: Site) -> None:
    html = fleet.text("/versions")
    assert "3 tenants, 3 of 3 products" in html
    assert cells(html, "new") == ["", "1.2.0", "1.0.0"]
    assert cells(html, "old") == ["1.0.0", "1.0.0 ↑", "1.0.0"]
    assert cells(html, "snap") == ["", "2.0.0-SNAPSHOT.5", "1.0.0"]
    assert html.count("Upgrade 1") == 1
    assert 'href="/tenants/old"' in html


def test_the_matrix_can_be_narrowed_to_what_differs_or_is_behind(fleet: Site) -> None:
    assert cells(fleet.text("/versions?only=differs"), "old") == ["1.0.0", "1.0.0 ↑"]
    assert cells(fleet.text("/versions?only=behind"), "old") == ["1.0.0 ↑"]
    assert cells(fleet.text("/versions?product=mod-b"), "old") == ["1.0.0"]
    html = fleet.text("/versions?q=SNAP")
    assert "1 tenant, 2 of 2 products" in html
    assert ">old<" not in html
    assert "Nothing matches." in fleet.text("/versions?q=nobody")
    assert "Unknown value x of only" in fleet.text("/versions?only=x", 400)


def test_words_of_others_are_text_in_the_lists_of_tenants(site: Site) -> None:
    registered(site, "mod-a-1.0.0-" + HOSTILE)
    site.store.add_tenant(Tenant(id="evil", name=HOSTILE), ["mod-a-1.0.0-" + HOSTILE])
    for path in ("/tenants", "/versions"):
        html = site.text(path)
        assert "<img src=x" not in html
        assert "\u202e" not in html


def test_a_finished_job_changes_the_list(site: Site) -> None:
    claim = site.begin(site.job("mod-a-1.0.0"))
    site.finish(claim, Ending(status=JobStatus.DONE))
    assert "Done install" in row(site.text("/tenants"), "diku")


def test_a_large_matrix_has_pages_of_tenants_and_counts_all_of_them(site: Site) -> None:
    products = [f"mod-p{number}" for number in range(150)]
    registered(site, *(f"{product}-{version}" for product in products for version in ("1.0.0", "1.1.0")))
    tenants = [Tenant(id=f"t{number}") for number in range(TENANTS_PER_PAGE + 2)]
    enabled = {t.id: [f"{p}-1.{n % 2}.0" for p in products] for n, t in enumerate(tenants)}
    index = RegistryService(site.store).current().index
    first, second = (matrix(tenants, enabled, index, MatrixPart(page=page)) for page in (1, 2))
    assert (first.rows.count("<tr"), first.rows.count("<td")) == (TENANTS_PER_PAGE, TENANTS_PER_PAGE * 150)
    assert second.rows.count("<tr") == 2
    assert {column.behind for column in second.columns} == {(TENANTS_PER_PAGE + 2) // 2}
