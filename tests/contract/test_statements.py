"""SqlStore on PostgreSQL: how many statements an operation takes, and that the server plans each of them once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event, text

from okapi_install.adapters.store import SqlStore, open_store
from okapi_install.domain.errors import NotFound, TooManyJobs
from okapi_install.service.ports import JobFilter, Progress, Tenant
from tests.contract.builders import DONE, begun, claimed, done, new_job, submit
from tests.contract.rollout_builders import advanced, rolled_out

_KEPT = text("SELECT count(*) FROM pg_prepared_statements")
_PLANNING = text("SELECT current_setting('plan_cache_mode')")


@contextmanager
def _counted(store: SqlStore) -> Iterator[list[str]]:
    """The statements that the store sends meanwhile."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(store.engine, "before_cursor_execute", note)


def _sent(store: SqlStore, operation: Callable[[], object]) -> int:
    with _counted(store) as sent:
        operation()
    return len(sent)


def test_what_is_done_for_every_job_takes_few_statements(postgresql_store: SqlStore) -> None:
    store = postgresql_store
    store.add_tenant(Tenant(id="diku"))
    new = new_job("diku")
    assert _sent(store, lambda: store.add_job(new, most_waiting=100)) == 1
    with _counted(store) as sent:
        claim = claimed(store, store.job(new.id))
    assert len(sent) == 1 + 1
    steps = [done(begun(step, claim.now), claim.now) for step in claim.job.steps]
    assert _sent(store, lambda: store.save(claim, Progress(steps=(steps[0],), enable=("mod-a-1.0.0",)))) == 1
    learned = 1  # what was learned of durations, once a second
    assert _sent(store, lambda: store.finish(claim, DONE, Progress(steps=(steps[1],)))) == 2 + learned
    assert _sent(store, lambda: store.registry_since(store.registry_since(0).seq)) <= 4


def test_many_tenants_of_a_rollout_start_with_as_many_statements_as_one(postgresql_store: SqlStore) -> None:
    tenants = [f"t{number}" for number in range(16)]
    one, many = rolled_out(postgresql_store, tenants[:1]), rolled_out(postgresql_store, tenants[1:])
    with _counted(postgresql_store) as for_one:
        assert len(advanced(postgresql_store, one)) == 1
    with _counted(postgresql_store) as for_many:
        assert len(advanced(postgresql_store, many)) == 15
    assert len(for_one) == len(for_many) <= 15


@pytest.fixture
def single(postgresql_store: SqlStore) -> Iterator[SqlStore]:
    """A store with one connection."""
    store = open_store(postgresql_store.engine.url.render_as_string(hide_password=False), pool_size=1)
    yield store
    store.dispose()


def test_reading_does_not_make_the_server_forget_its_plans(single: SqlStore) -> None:
    job = submit(single)
    for _ in range(3):
        single.find_jobs(JobFilter())
        single.jobs_of("diku")
        single.revision(job.id)
    with single.engine.connect() as connection:
        assert connection.scalar(_KEPT) >= 3


def test_statements_are_planned_once_for_all_parameters(single: SqlStore) -> None:
    with single.engine.connect() as connection:
        assert connection.scalar(_PLANNING) == "force_generic_plan"


def test_a_job_whose_answer_was_lost_is_not_added_twice(postgresql_store: SqlStore) -> None:
    store = postgresql_store
    store.add_tenant(Tenant(id="diku"))
    new = new_job("diku")
    first = store.add_job(new, most_waiting=100)
    assert store.add_job(new, most_waiting=100) == first
    assert len(store.jobs_of("diku")) == 1


def test_near_the_limit_jobs_are_counted_exactly(postgresql_store: SqlStore) -> None:
    store = postgresql_store
    store.add_tenant(Tenant(id="diku"))
    for _ in range(60):
        store.add_job(new_job("diku"), most_waiting=60)
    with pytest.raises(TooManyJobs):
        store.add_job(new_job("diku"), most_waiting=60)
    with pytest.raises(NotFound):
        store.add_job(new_job("nobody"), most_waiting=100)


def test_what_is_mirrored_already_is_only_read(postgresql_store: SqlStore) -> None:
    store, tenant = postgresql_store, Tenant(id="diku", name="Diku")
    store.mirror_tenant(tenant, ["mod-a-1.0.0"], unless_active=True)
    assert _sent(store, lambda: store.mirror_tenant(tenant, ["mod-a-1.0.0"], unless_active=True)) == 2
    assert _sent(store, lambda: store.mirror_tenants([tenant])) == 1
