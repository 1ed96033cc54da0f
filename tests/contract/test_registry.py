"""Store: module descriptors, tenants, discovery, environment."""

from __future__ import annotations

import pytest

from okapi_install.domain.errors import NotFound, UserError
from okapi_install.service.ports import EnvEntry, Instance, RegistryDelta, Store, Tenant
from tests.contract.builders import module, submit


def _added(delta: RegistryDelta) -> list[str]:
    return [change.module_id for change in delta.changes if change.summary is not None]


def _removed(delta: RegistryDelta) -> list[str]:
    return [change.module_id for change in delta.changes if change.summary is None]


def test_a_module_comes_back_as_it_was_sent(store: Store) -> None:
    users = module("mod-users-1.0.0", name="users", provides=[{"id": "users", "version": "15.0"}])
    store.add_modules([users])
    assert store.descriptors(["mod-users-1.0.0", "mod-x-1.0.0"]) == {"mod-users-1.0.0": users}


def test_a_registry_without_modules_has_no_changes(store: Store) -> None:
    assert store.registry_since(0) == RegistryDelta(seq=0, changes=())


def test_the_first_delta_holds_every_module_with_its_summary(store: Store) -> None:
    modules = [module(f"mod-{letter}-1.0.0", provides=[{"id": letter, "version": "1.0"}]) for letter in "ab"]
    store.add_modules(modules)
    delta = store.registry_since(0)
    assert [change.summary for change in delta.changes] == [one.summary() for one in modules]


def test_a_later_delta_holds_only_what_changed_and_each_module_once(store: Store) -> None:
    store.add_modules([module("mod-a-1.0.0"), module("mod-b-1.0.0")])
    first = store.registry_since(0)
    store.add_modules([module("mod-c-1.0.0")])
    store.remove_module("mod-a-1.0.0")
    store.remove_module("mod-c-1.0.0")
    store.add_modules([module("mod-c-1.0.0", name="again")])
    second = store.registry_since(first.seq)
    assert (_added(second), _removed(second)) == (["mod-c-1.0.0"], ["mod-a-1.0.0"])
    assert store.registry_since(second.seq) == RegistryDelta(seq=second.seq, changes=())
    assert _removed(store.registry_since(0)) == []


def test_an_equal_module_is_passed_over(store: Store) -> None:
    store.add_modules([module("mod-a-1.0.0", name="a", tags=["x"])])
    before = store.registry_since(0).seq
    store.add_modules([module("mod-a-1.0.0", tags=["x"], name="a")])
    assert store.registry_since(0).seq == before


def test_a_different_module_of_the_same_id_is_refused_and_nothing_is_added(store: Store) -> None:
    store.add_modules([module("mod-a-1.0.0", name="a")])
    with pytest.raises(UserError, match=r"^create: module mod-a-1\.0\.0 already exists$"):
        store.add_modules([module("mod-b-1.0.0"), module("mod-a-1.0.0", name="other")])
    assert store.descriptors(["mod-b-1.0.0"]) == {}


def test_two_different_modules_of_one_id_in_one_import_are_refused(store: Store) -> None:
    with pytest.raises(UserError):
        store.add_modules([module("mod-a-1.0.0", name="a"), module("mod-a-1.0.0", name="b")])
    store.add_modules([module("mod-a-1.0.0", name="a"), module("mod-a-1.0.0", name="a")])
    assert _added(store.registry_since(0)) == ["mod-a-1.0.0"]


def test_a_module_that_a_tenant_uses_is_not_removed(store: Store) -> None:
    store.add_modules([module("mod-a-1.0.0")])
    store.add_tenant(Tenant(id="diku"), ["mod-a-1.0.0"])
    with pytest.raises(UserError, match=r"^delete: module mod-a-1\.0\.0 is used by tenant diku$"):
        store.remove_module("mod-a-1.0.0")
    store.remove_tenant("diku")
    assert store.remove_module("mod-a-1.0.0")
    assert not store.remove_module("mod-a-1.0.0")


def test_a_tenant_is_added_once_and_may_be_replaced(store: Store) -> None:
    store.add_tenant(Tenant(id="diku", name="Diku"))
    with pytest.raises(UserError, match="^Duplicate tenant id diku$"):
        store.add_tenant(Tenant(id="diku"))
    store.put_tenant(Tenant(id="diku", name="Datalogisk", description="d"))
    store.put_tenant(Tenant(id="abc"))
    assert store.tenants() == [Tenant(id="abc"), Tenant(id="diku", name="Datalogisk", description="d")]
    assert store.tenant("abc") == Tenant(id="abc")


def test_what_a_tenant_has_enabled_is_known_from_both_sides(store: Store) -> None:
    store.add_tenant(Tenant(id="b"), ["mod-y-1.0.0", "mod-x-1.0.0"])
    store.add_tenant(Tenant(id="a"), ["mod-x-1.0.0"])
    assert store.enabled("b") == ["mod-x-1.0.0", "mod-y-1.0.0"]
    assert store.users_of("mod-x-1.0.0") == ["a", "b"]
    assert store.enabled_anywhere() == {"mod-x-1.0.0": "a", "mod-y-1.0.0": "b"}


def test_replacing_a_tenant_leaves_its_modules_and_jobs(store: Store) -> None:
    store.add_tenant(Tenant(id="diku"), ["mod-x-1.0.0"])
    job = submit(store)
    store.put_tenant(Tenant(id="diku", name="new"))
    assert store.enabled("diku") == ["mod-x-1.0.0"]
    assert store.job(job.id) == job


def test_a_removed_tenant_takes_its_modules_and_jobs_along(store: Store) -> None:
    job = submit(store)
    store.remove_tenant("diku")
    with pytest.raises(NotFound):
        store.job(job.id)
    store.add_tenant(Tenant(id="diku"))
    assert store.enabled("diku") == []
    assert store.jobs_of("diku") == []


def test_what_is_asked_of_an_unknown_tenant_is_not_found(store: Store) -> None:
    for ask in (store.tenant, store.enabled, store.remove_tenant, store.tenant_state):
        with pytest.raises(NotFound, match="^nobody$"):
            ask("nobody")


def test_instances_are_listed_by_module_in_the_order_of_their_coming(store: Store) -> None:
    first = Instance(inst_id="z", srvc_id="mod-a-1.0.0", url="http://a", document={"instId": "z", "x": [1]})
    second = Instance(inst_id="b", srvc_id="mod-a-1.0.0", url=None, document={})
    third = Instance(inst_id="c", srvc_id="mod-b-1.0.0", url="http://b", document={})
    for instance in (first, second, third):
        store.add_instance(instance)
    assert store.instances("mod-a-1.0.0") == [first, second]
    assert store.instances() == [first, second, third]


def test_an_instance_id_belongs_to_one_module(store: Store) -> None:
    store.add_instance(Instance(inst_id="i", srvc_id="mod-a-1.0.0", url="http://a", document={}))
    with pytest.raises(UserError, match="^Duplicate instId i$"):
        store.add_instance(Instance(inst_id="i", srvc_id="mod-b-1.0.0", url="http://b", document={}))


def test_instances_are_removed_by_module_by_id_or_all(store: Store) -> None:
    for number, name in enumerate(("mod-a-1.0.0", "mod-a-1.0.0", "mod-b-1.0.0", "mod-c-1.0.0")):
        store.add_instance(Instance(inst_id=str(number), srvc_id=name, url="http://a", document={}))
    assert store.remove_instances("mod-b-1.0.0", "0") == 0
    assert store.remove_instances("mod-a-1.0.0", "0") == 1
    assert store.remove_instances("mod-a-1.0.0") == 1
    assert store.remove_instances(inst_id="2") == 1
    assert store.remove_instances() == 1
    assert store.instances() == []


def test_environment_entries_are_put_listed_by_name_and_removed(store: Store) -> None:
    store.put_env(EnvEntry(name="DB_PORT", value="1"))
    store.put_env(EnvEntry(name="DB_HOST", value="h", description="d"))
    store.put_env(EnvEntry(name="DB_PORT", value="2"))
    assert store.env() == [EnvEntry(name="DB_HOST", value="h", description="d"), EnvEntry(name="DB_PORT", value="2")]
    assert store.remove_env("DB_HOST")
    assert not store.remove_env("DB_HOST")
