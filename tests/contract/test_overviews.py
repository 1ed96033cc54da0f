"""What a list of tenants shows of each, in one statement: its modules, what it does, and how its last job ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import event

from okapi_install.adapters.store import SqlStore
from okapi_install.domain.jobs import EndReason, JobKind, JobStatus
from okapi_install.service.ports import LastJob, Store, Tenant, TenantOverview
from tests.contract.builders import FAILED, claimed, ended, submit


@contextmanager
def counted(store: SqlStore) -> Iterator[list[str]]:
    """The statements that the store sends meanwhile."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(store.engine, "before_cursor_execute", note)


def overview(store: Store, tenant: str = "diku") -> TenantOverview:
    return store.tenant_overviews([tenant])[tenant]


def test_a_tenant_without_jobs_has_only_its_modules(store: Store) -> None:
    store.add_tenant(Tenant(id="diku"), ["mod-a-1.0.0", "mod-b-1.0.0"])
    assert overview(store) == TenantOverview(tenant="diku", modules=2, active=None, waiting=0, last=None)


def test_the_last_result_is_that_of_the_newest_complete_job(store: Store) -> None:
    ended(store, submit(store))
    newest = ended(store, submit(store), FAILED)
    waiting = submit(store)
    assert overview(store) == TenantOverview(
        tenant="diku",
        modules=2,
        active=None,
        waiting=1,
        last=LastJob(
            id=newest.id,
            kind=JobKind.INSTALL,
            status=JobStatus.ERROR,
            reason=EndReason.FAILED,
            ended=newest.ended,
        ),
    )
    claimed(store, waiting)
    found = overview(store)
    assert (found.active, found.waiting) == (waiting.id, 0)


def test_a_job_that_is_aborted_without_a_trace_is_not_shown(store: Store) -> None:
    job, kept = submit(store), submit(store, "other")
    for one in (job, kept):
        claimed(store, one)
    store.abort(job.id, keep=False)
    store.abort(kept.id, keep=True)
    assert overview(store).active is None
    assert overview(store, "other").active == kept.id


def test_only_those_that_are_wanted_and_exist_are_read(store: Store) -> None:
    for name in ("one", "two", "three"):
        submit(store, name)
    assert store.tenant_overviews(["two", "nobody", "one"]).keys() == {"one", "two"}
    assert store.tenant_overviews([]) == {}


def test_the_modules_of_all_tenants_are_read_at_once(store: Store) -> None:
    store.add_tenant(Tenant(id="one"), ["mod-a-1.0.0", "mod-b-1.0.0"])
    store.add_tenant(Tenant(id="two"), ["mod-a-1.0.0"])
    store.add_tenant(Tenant(id="empty"))
    found = {tenant: sorted(modules) for tenant, modules in store.enabled_everywhere().items()}
    assert found == {"one": ["mod-a-1.0.0", "mod-b-1.0.0"], "two": ["mod-a-1.0.0"]}


def test_each_of_them_is_one_statement(sql_store: SqlStore) -> None:
    for name in ("one", "two", "three"):
        ended(sql_store, submit(sql_store, name))
    reads: list[Callable[[], object]] = [
        sql_store.enabled_everywhere,
        lambda: sql_store.tenant_overviews(["one", "two", "three"]),
    ]
    for read in reads:
        with counted(sql_store) as sent:
            read()
        assert len(sent) == 1
