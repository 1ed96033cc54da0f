"""Store: as the copy of an Okapi."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from okapi_install.adapters.store import bind_to_okapi, ensure_builtin
from okapi_install.domain.errors import NotFound, UserError
from okapi_install.service.ports import EnvEntry, Instance, Progress, Store, Tenant
from tests.contract.builders import DONE, claimed, module, submit

OKAPI, OTHER = "http://okapi:9130", "http://other:9130"


def test_an_empty_store_becomes_the_copy_of_an_okapi_for_good(store: Store) -> None:
    assert store.mirrored_okapi() is None
    assert store.mirror_okapi(OKAPI) == OKAPI
    assert store.mirror_okapi(OKAPI) == OKAPI
    assert store.mirror_okapi(OTHER) == OKAPI
    assert store.mirrored_okapi() == OKAPI


def test_many_processes_may_make_it_a_copy_at_once(store: Store) -> None:
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(store.mirror_okapi, [OKAPI] * 4)) == {OKAPI}


def test_an_okapi_may_move(store: Store) -> None:
    store.mirror_okapi(OKAPI)
    assert store.mirror_okapi(OTHER, moved=True) == OTHER
    assert store.mirrored_okapi() == OTHER


def test_what_is_built_in_gives_way_to_what_the_okapi_has(store: Store) -> None:
    ensure_builtin(store, module("okapi-7.0.0"))
    before = store.registry_since(0).seq
    assert store.mirror_okapi(OKAPI) == OKAPI
    assert store.tenants() == []
    assert [(one.module_id, one.summary) for one in store.registry_since(before).changes] == [("okapi-7.0.0", None)]


@pytest.mark.parametrize("kind", ["tenant", "module", "job", "instance", "environment"])
def test_a_store_with_data_of_its_own_does_not_become_a_copy(store: Store, kind: str) -> None:
    ensure_builtin(store, module("okapi-7.0.0"))
    match kind:
        case "tenant":
            store.add_tenant(Tenant(id="diku"))
        case "module":
            store.add_modules([module("mod-a-1.0.0")])
        case "job":
            submit(store, "supertenant")
        case "instance":
            store.add_instance(Instance(inst_id="i", srvc_id="mod-a-1.0.0", url="http://a", document={}))
        case _:
            store.put_env(EnvEntry(name="DB_HOST", value="h"))
    assert store.mirror_okapi(OKAPI) is None
    assert store.mirror_okapi(OKAPI, moved=True) is None
    assert store.mirrored_okapi() is None
    assert store.enabled("supertenant") == ["okapi-7.0.0"]


def test_a_service_starts_only_with_a_store_that_belongs_to_its_okapi(store: Store) -> None:
    bind_to_okapi(store, None)
    bind_to_okapi(store, "http://user:secret@OKAPI:9130/")
    assert store.mirrored_okapi() == OKAPI
    bind_to_okapi(store, OKAPI)
    with pytest.raises(
        UserError, match="beside the Okapi at http://okapi:9130. Set OKAPI_INSTALL_OKAPI to that address"
    ):
        bind_to_okapi(store, None)
    with pytest.raises(UserError, match="not http://other:9130.* run okapi-install migrate --okapi-moved$"):
        bind_to_okapi(store, OTHER)
    bind_to_okapi(store, OTHER, moved=True)
    bind_to_okapi(store, OTHER)


def test_a_service_beside_an_okapi_does_not_start_with_a_store_of_one_that_stood_alone(store: Store) -> None:
    store.add_tenant(Tenant(id="diku"))
    with pytest.raises(UserError, match="of a service that stands alone.* Take another database"):
        bind_to_okapi(store, OKAPI)


def test_mirrored_modules_are_in_the_registry(store: Store) -> None:
    a, b = module("mod-a-1.0.0"), module("mod-b-1.0.0", requires=[{"id": "nobody", "version": "1.0"}])
    store.mirror_modules([a, b], [])
    assert [one.summary for one in store.registry_since(0).changes] == [a.summary(), b.summary()]
    assert store.descriptors(["mod-a-1.0.0", "mod-b-1.0.0"]) == {a.id: a, b.id: b}


def test_a_module_that_is_mirrored_again_is_no_change(store: Store) -> None:
    store.mirror_modules([module("mod-a-1.0.0")], [])
    seq = store.registry_since(0).seq
    store.mirror_modules([module("mod-a-1.0.0")], ["mod-never-there-1.0.0"])
    assert store.registry_since(0).seq == seq


def test_a_module_that_is_gone_leaves_the_registry_but_can_be_read(store: Store) -> None:
    a = module("mod-a-1.0.0")
    store.mirror_modules([a, module("mod-b-1.0.0")], [])
    store.mirror_tenant(Tenant(id="diku"), ["mod-a-1.0.0"], unless_active=True)
    seq = store.registry_since(0).seq
    store.mirror_modules([], ["mod-a-1.0.0"])
    (change,) = store.registry_since(seq).changes
    assert (change.module_id, change.summary) == ("mod-a-1.0.0", None)
    assert [one.module_id for one in store.registry_since(0).changes] == ["mod-b-1.0.0"]
    assert store.descriptors(["mod-a-1.0.0"]) == {a.id: a}
    gone = store.registry_since(0).seq
    store.mirror_modules([], ["mod-a-1.0.0"])
    assert store.registry_since(0).seq == gone


def test_a_module_that_comes_back_may_be_another_one(store: Store) -> None:
    store.mirror_modules([module("mod-a-1.0.0", name="old")], [])
    store.mirror_modules([], ["mod-a-1.0.0"])
    new = module("mod-a-1.0.0", name="new")
    seq = store.registry_since(0).seq
    store.mirror_modules([new], [])
    assert [one.summary for one in store.registry_since(seq).changes] == [new.summary()]
    assert store.descriptors([new.id]) == {new.id: new}


def test_more_modules_than_fit_into_a_statement_are_mirrored(store: Store) -> None:
    store.mirror_modules([module(f"mod-a-1.0.{n}") for n in range(1500)], [])
    store.mirror_modules([], [f"mod-a-1.0.{n}" for n in range(1, 1500)])
    assert [one.module_id for one in store.registry_since(0).changes] == ["mod-a-1.0.0"]


def test_a_mirrored_tenant_has_what_the_okapi_says(store: Store) -> None:
    store.mirror_tenant(Tenant(id="diku", name="Diku"), ["mod-b-1.0.0", "mod-a-1.0.0"], unless_active=True)
    assert store.enabled("diku") == ["mod-a-1.0.0", "mod-b-1.0.0"]
    store.mirror_tenant(Tenant(id="diku", name="Other"), ["mod-c-1.0.0"], unless_active=True)
    assert (store.enabled("diku"), store.tenant("diku").name) == (["mod-c-1.0.0"], "Other")
    store.mirror_tenant(Tenant(id="diku"), [], unless_active=True)
    assert store.enabled("diku") == []


def test_while_a_job_runs_only_its_worker_changes_what_the_tenant_has(store: Store) -> None:
    job = submit(store, "diku")
    store.mirror_tenant(Tenant(id="diku"), ["mod-x-1.0.0"], unless_active=True)
    assert store.enabled("diku") == ["mod-x-1.0.0"]  # it waits
    claim = claimed(store, job)
    store.mirror_tenant(Tenant(id="diku", name="new"), ["mod-y-1.0.0"], unless_active=True)
    assert (store.enabled("diku"), store.tenant("diku").name) == (["mod-x-1.0.0"], "new")
    store.mirror_tenant(Tenant(id="diku"), ["mod-z-1.0.0"], unless_active=False)
    assert store.enabled("diku") == ["mod-z-1.0.0"]
    store.abort(job.id, keep=True)
    store.mirror_tenant(Tenant(id="diku"), [], unless_active=True)
    assert store.enabled("diku") == ["mod-z-1.0.0"]
    store.end_abort(claim, {})
    store.mirror_tenant(Tenant(id="diku"), [], unless_active=True)
    assert store.enabled("diku") == []


def test_tenants_are_added_replaced_and_removed(store: Store) -> None:
    store.mirror_tenants([Tenant(id="a"), Tenant(id="b", name="B")])
    store.mirror_tenant(Tenant(id="a"), ["mod-x-1.0.0"], unless_active=True)
    store.mirror_tenants([Tenant(id="a", name="A"), Tenant(id="c")], ["b", "never-there"])
    assert store.tenants() == [Tenant(id="a", name="A"), Tenant(id="c")]
    assert store.enabled("a") == ["mod-x-1.0.0"]


def test_a_tenant_that_is_gone_stays_until_its_jobs_are_complete(store: Store) -> None:
    job = submit(store, "diku")
    store.mirror_tenants([], ["diku"])
    claim = claimed(store, job)
    store.mirror_tenants([], ["diku"])
    store.finish(claim, DONE, Progress())
    assert store.job(job.id).complete
    store.mirror_tenants([], ["diku"])
    with pytest.raises(NotFound):
        store.tenant("diku")
    with pytest.raises(NotFound):
        store.job(job.id)


def test_mirroring_does_not_stop_workers_or_clients(store: Store) -> None:
    store.mirror_tenant(Tenant(id="diku"), [], unless_active=True)

    def run_jobs() -> None:
        for _ in range(10):
            claim = store.claim(submit(store, "diku").id, "w", None, 15.0)
            if claim is not None:
                store.save(claim, Progress(enable=("mod-a-1.0.0",)))
                store.finish(claim, DONE, Progress(disable=("mod-a-1.0.0",)))

    def mirror() -> None:
        for number in range(20):
            store.mirror_tenant(Tenant(id="diku", name=str(number)), [f"mod-{number}-1.0.0"], unless_active=True)

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(work) for work in (run_jobs, mirror, run_jobs, mirror)]:
            done.result(60)
    store.mirror_tenant(Tenant(id="diku"), ["mod-z-1.0.0"], unless_active=False)
    assert store.enabled("diku") == ["mod-z-1.0.0"]
