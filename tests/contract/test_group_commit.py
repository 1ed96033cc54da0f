"""SqlStore on PostgreSQL: progress of many jobs in one commit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import select, text

from okapi_install.adapters.store import SqlStore
from okapi_install.adapters.store.tables import JOBS
from okapi_install.adapters.store.together.saves import _SAVE, Save, _parameters, save_together
from okapi_install.domain.errors import LostJob
from okapi_install.domain.history import EventKind, JobEvent
from okapi_install.service.ports import Claim, HistoryFilter, Progress
from tests.contract.builders import begun, claimed, done, submit


def started(store: SqlStore, tenant: str) -> tuple[Claim, Progress]:
    """A claimed job, and the progress that its first step is done."""
    claim = claimed(store, submit(store, tenant), worker=f"w-{tenant}")
    step = done(begun(claim.job.steps[0], claim.now), claim.now)
    events = (JobEvent(kind=EventKind.STEP_DONE, change=step.change, attempt=1),)
    return claim, Progress(steps=(step,), enable=(step.change.id,), disable=("mod-old-1.0.0",), events=events)


def together(store: SqlStore, saves: list[Save]) -> dict[int, int]:
    """The new revisions by position."""
    return dict(store.database.glance(lambda connection: save_together(connection, saves)))


def test_progress_of_many_jobs_is_one_statement_with_the_effect_of_many(postgresql_store: SqlStore) -> None:
    store = postgresql_store
    saves = [started(store, tenant) for tenant in ("first", "second", "third")]
    before = [store.job(claim.job.id).revision for claim, _ in saves]

    assert together(store, saves) == {n: revision + 1 for n, revision in enumerate(before)}
    for claim, progress in saves:
        step = store.job(claim.job.id).steps[0]
        assert replace(step, revision=0) == replace(progress.steps[0], revision=0)
        assert store.enabled(claim.job.tenant) == ["mod-a-1.0.0"]
        kinds = [event.kind for event in store.history(claim.job.id, HistoryFilter()).events]
        assert kinds[-1] is EventKind.STEP_DONE


def test_a_stale_claim_changes_nothing_and_does_not_hinder_the_others(postgresql_store: SqlStore) -> None:
    store = postgresql_store
    stale, good = started(store, "first"), started(store, "second")
    store.release(stale[0])

    assert list(together(store, [stale, good])) == [1]
    assert store.enabled("first") == []
    with pytest.raises(LostJob):
        store.save(*stale)


def test_a_job_whose_row_is_locked_is_left_out_at_once(postgresql_store: SqlStore) -> None:
    store = postgresql_store
    locked, free = started(store, "first"), started(store, "second")
    transactions = store.engine.execution_options(isolation_level="READ COMMITTED")
    with transactions.connect() as other:
        other.execute(select(JOBS.c.seq).where(JOBS.c.id == locked[0].job.id).with_for_update())
        assert list(together(store, [locked, free])) == [1]
    assert store.save(*locked) > 0


def test_of_those_that_save_at_once_only_the_job_of_a_removed_tenant_is_lost(postgresql_store: SqlStore) -> None:
    store = postgresql_store
    gone, *others = [started(store, tenant) for tenant in ("first", "second", "third", "fourth")]
    store.remove_tenant("first")
    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(store.save, *save) for save in (gone, *others)]
    assert isinstance(futures[0].exception(), LostJob)
    assert all(future.result() > 0 for future in futures[1:])


def test_the_statement_can_find_all_rows_by_their_keys(postgresql_store: SqlStore) -> None:
    """PostgreSQL plans it once, without knowing how few rows it is given; in a small table it prefers to read all."""
    store = postgresql_store
    save = started(store, "first")
    with store.engine.connect() as connection:
        connection.execute(text("SET enable_seqscan = off"))
        compiled = str(_SAVE.compile(dialect=connection.dialect))
        plan = connection.exec_driver_sql(f"EXPLAIN {compiled}", {**_parameters([save]), "revision_1": 1})
        lines = [str(row[0]) for row in plan]
    assert not [line for line in lines if "Seq Scan on" in line], "\n".join(lines)
