"""JobStore: jobs submitted, read and listed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from okapi_install.domain.errors import KeyReused, NotFound, TooManyJobs
from okapi_install.domain.jobs import Action, Change, EndReason, InstallOptions, Job, JobKind, JobStatus, Step
from okapi_install.domain.presentation.states import OF_JOBS, State
from okapi_install.service.ports import REVOKED, Ending, InLine, JobFilter, NewJob, Progress, Store, Tenant
from tests.contract.builders import begun, claimed, ended, new_job, plan, submit


def test_a_submitted_job_is_queued_and_reads_as_it_was_written(store: Store) -> None:
    options = InstallOptions(
        asynchronous=True, purge=True, tenant_parameters="loadReference=true", parallel=4, pre_release="only"
    )
    request = (
        Change(id="mod-a"),
        Change(id="mod-b-2.0.0", action=Action.DISABLE),
        Change(id="mod-c-2.0.0", from_id="mod-c-1.0.0"),
    )
    job = submit(
        store,
        options=options,
        request=request,
        edges=((0, 1),),
        assumed="digest",
        requested_by="admin",
        callback_url="http://127.0.0.1/cb",
        task_id="t1",
    )
    read = store.job(job.id)
    assert read == job
    assert (read.status, read.options, read.request, read.edges) == (JobStatus.QUEUED, options, request, ((0, 1),))
    assert (read.assumed, read.requested_by, read.callback_url, read.task_id) == (
        *("digest", "admin", "http://127.0.0.1/cb"),
        "t1",
    )
    assert (read.epoch, read.revision, read.owner, read.started, read.ended) == (0, 0, None, None, None)


def test_an_upgrade_has_no_request_and_an_empty_request_is_not_none(store: Store) -> None:
    upgrade = submit(store, kind=JobKind.UPGRADE, request=None)
    empty = submit(store, request=(), steps=())
    assert store.job(upgrade.id).request is None
    assert (store.job(empty.id).request, store.job(empty.id).steps) == ((), ())


def test_a_job_needs_a_tenant(store: Store) -> None:
    with pytest.raises(NotFound, match="^nobody$"):
        store.add_job(new_job("nobody"), most_waiting=9)


def test_a_tenant_has_so_many_jobs_waiting_and_no_more(store: Store) -> None:
    first = submit(store)
    claimed(store, first)
    store.add_job(new_job(), most_waiting=1)
    with pytest.raises(TooManyJobs):
        store.add_job(new_job(), most_waiting=1)
    store.add_tenant(Tenant(id="other"))
    store.add_job(new_job("other"), most_waiting=1)


def _keyed(tenant: str, digest: str) -> NewJob:
    return new_job(tenant, idempotency_key="k", request_digest=digest)


def test_the_same_key_and_request_give_the_first_job(store: Store) -> None:
    store.add_tenant(Tenant(id="diku"))
    first = store.add_job(_keyed("diku", "d1"), most_waiting=1)
    assert store.add_job(_keyed("diku", "d1"), most_waiting=1) == first
    assert store.jobs_of("diku") == [first]


def test_the_same_key_with_another_request_is_refused(store: Store) -> None:
    store.add_tenant(Tenant(id="diku"))
    store.add_job(_keyed("diku", "d1"), most_waiting=9)
    with pytest.raises(KeyReused):
        store.add_job(_keyed("diku", "d2"), most_waiting=9)


def test_a_key_counts_within_its_tenant_and_while_its_job_is_there(store: Store) -> None:
    store.add_tenant(Tenant(id="a"))
    store.add_tenant(Tenant(id="b"))
    first = store.add_job(_keyed("a", "d1"), most_waiting=9)
    assert store.add_job(_keyed("b", "d2"), most_waiting=9).tenant == "b"
    store.abort(first.id, keep=False)
    assert store.add_job(_keyed("a", "d3"), most_waiting=9).id != first.id


def test_a_plan_is_made_against_what_is_enabled_and_the_jobs_ahead(store: Store) -> None:
    store.add_tenant(Tenant(id="diku"), ["mod-x-1.0.0"])
    running, aborted, over = submit(store), submit(store), submit(store)
    waiting = submit(store, "diku", "mod-c-1.0.0", kind=JobKind.MODULE)
    store.abort(aborted.id, keep=True)
    store.abort(over.id, keep=False)
    claim = claimed(store, running)
    store.save(claim, Progress(steps=(begun(running.steps[0], claim.now),)))
    state = store.tenant_state("diku")
    assert state.enabled == {"mod-x-1.0.0"}
    assert state.ahead == (store.job(running.id).steps, waiting.steps)
    store.abort(running.id, keep=False)
    assert store.tenant_state("diku") == replace(state, ahead=(waiting.steps,))
    submit(store, "other", "mod-x-1.0.0")
    together = store.tenant_states(["other", "nobody", "diku"])
    assert together == {name: store.tenant_state(name) for name in ("diku", "other")}


def test_a_job_is_found_only_under_its_own_tenant(store: Store) -> None:
    job = submit(store, "a")
    store.add_tenant(Tenant(id="b"))
    assert store.job(job.id, "a") == job
    for tenant in ("b", "nobody"):
        with pytest.raises(NotFound, match=f"^{job.id}$"):
            store.job(job.id, tenant)
    with pytest.raises(NotFound, match="^none$"):
        store.job("none")


def test_jobs_of_a_tenant_come_oldest_first_without_those_of_the_older_way(store: Store) -> None:
    first, second = submit(store, "a"), submit(store, "a", "mod-z-1.0.0", kind=JobKind.UPGRADE)
    submit(store, "a", kind=JobKind.MODULE)
    submit(store, "b")
    assert store.jobs_of("a") == [first, second]
    assert store.jobs_of("nobody") == []


def _ids(jobs: tuple[Job, ...]) -> list[str]:
    return [job.id for job in jobs]


def test_jobs_of_all_tenants_come_newest_first_in_pages(store: Store) -> None:
    jobs = [submit(store, tenant) for tenant in ("a", "b", "a", "b")]
    page = store.find_jobs(JobFilter(limit=2, offset=1))
    assert (page.jobs, page.total) == ((jobs[2], jobs[1]), 4)
    assert _ids(store.find_jobs(JobFilter(tenant="b")).jobs) == [jobs[3].id, jobs[1].id]
    assert store.find_jobs(JobFilter(limit=0)).total == 4


def test_so_many_jobs_are_counted_and_that_there_are_more_is_said(store: Store) -> None:
    """Counting a hundred thousand complete jobs takes longer than reading the page that is shown."""
    for tenant in ("a", "b", "a"):
        submit(store, tenant)
    counted = [store.find_jobs(JobFilter(limit=1, most_counted=most)) for most in (2, 3)]
    assert [(page.total, page.more) for page in counted] == [(2, True), (3, False)]


def test_the_jobs_of_a_tenant_stand_in_line_with_the_active_one_first(store: Store) -> None:
    first, second, over, other = (submit(store, tenant) for tenant in ("a", "a", "b", "c"))
    claim = claimed(store, first)
    ended(store, over)
    assert store.lines(["a", "b"]) == {
        "a": (InLine(id=first.id, status=JobStatus.RUNNING), InLine(id=second.id, status=JobStatus.QUEUED))
    }
    assert list(store.lines(["c"])) == [other.tenant]
    store.release(claim)
    assert [job.id for job in store.lines(["a"])["a"]] == [first.id, second.id]


def test_jobs_are_counted_by_state_and_those_that_are_aborted_and_hidden_are_not(store: Store) -> None:
    failed, stopped, waiting, hidden = (submit(store, tenant) for tenant in "abcd")
    ended(store, failed, Ending(status=JobStatus.ERROR, message="no", reason=EndReason.FAILED))
    store.abort(stopped.id, keep=True)
    claimed(store, hidden)
    store.abort(hidden.id, keep=False)
    assert store.count_jobs(None, 9) == {State.FAILED: 1, State.STOPPED: 1, State.WAITING: 1}
    assert store.count_jobs(waiting.tenant, 0) == {State.WAITING: 1}
    assert store.find_jobs(JobFilter(ids=frozenset((failed.id, "none")))).jobs == (store.job(failed.id),)
    assert store.find_jobs(JobFilter(ids=frozenset())).total == 0


def test_a_job_with_a_step_that_runs_longer_than_ever_is_slow(store: Store) -> None:
    for each in (submit(store, "a", "mod-a-1.0.0"), submit(store, "a", "mod-b-1.0.0")):
        ended(store, each)
    slow, other, new = (
        submit(store, "a", "mod-a-1.0.0"),
        submit(store, "b", "mod-b-1.0.0"),
        submit(store, "c", "mod-c-1"),
    )
    for job, seconds in ((slow, 1000.0), (other, 0.0), (new, 1000.0)):
        claim = claimed(store, job)
        store.save(claim, Progress(steps=(begun(job.steps[0], claim.now - seconds),)))
    assert store.slow_jobs() == {slow.id}


def test_a_job_that_was_stopped_is_not_found_among_those_that_failed(store: Store) -> None:
    failed, stopped, revoked, done = (submit(store, tenant) for tenant in "abcd")
    ended(store, failed, Ending(status=JobStatus.ERROR, message="no", reason=EndReason.FAILED))
    store.abort(stopped.id, keep=True)
    ended(store, revoked, REVOKED)
    ended(store, done)
    found = {state: _ids(store.find_jobs(JobFilter(states=frozenset((state,)))).jobs) for state in OF_JOBS}
    assert found[State.FAILED] == [failed.id]
    assert found[State.STOPPED] == [revoked.id, stopped.id]
    assert found[State.DONE] == [done.id]
    both = store.find_jobs(JobFilter(states=frozenset((State.FAILED, State.STOPPED))))
    assert (_ids(both.jobs), both.total) == ([revoked.id, stopped.id, failed.id], 3)


def test_jobs_are_found_by_status(store: Store) -> None:
    over, waiting = submit(store, "a"), submit(store, "b")
    ended(store, over)
    assert _ids(store.find_jobs(JobFilter(states=frozenset((State.DONE,)))).jobs) == [over.id]
    assert _ids(store.find_jobs(JobFilter(states=frozenset((State.WAITING,)))).jobs) == [waiting.id]
    assert store.find_jobs(JobFilter(states=frozenset((State.WAITING,)), tenant="a")).total == 0


def test_the_revision_tells_of_every_change(store: Store) -> None:
    job = submit(store)
    assert store.revision(job.id) == (0, JobStatus.QUEUED)
    claim = claimed(store, job)
    assert store.revision(job.id) == (1, JobStatus.RUNNING)
    assert store.save(claim, Progress(steps=(begun(job.steps[0], claim.now),))) == 2
    assert [step.revision for step in store.job(job.id).steps] == [2, 0]
    assert store.revision("none") is None


def test_many_jobs_with_many_steps_are_read_at_once(store: Store) -> None:
    modules = [f"mod-{number}-1.0.0" for number in range(40)]
    jobs = [submit(store, "a", *modules[: number % 40]) for number in range(60)]
    assert store.jobs_of("a") == jobs


def test_a_step_may_hold_a_replacement_or_a_removal(store: Store) -> None:
    steps = (
        Step(pos=0, change=Change(id="mod-a-2.0.0", from_id="mod-a-1.0.0")),
        Step(pos=1, change=Change(id="mod-b-1.0.0", action=Action.DISABLE)),
    )
    store.add_tenant(Tenant(id="diku"))
    job = store.add_job(
        NewJob(
            id="j",
            tenant="diku",
            kind=JobKind.INSTALL,
            options=InstallOptions(),
            request=None,
            steps=steps,
        ),
        most_waiting=1,
    )
    assert store.job(job.id).steps == steps != plan("mod-a-2.0.0", "mod-b-1.0.0")


def test_a_job_is_found_by_its_key_within_its_tenant(store: Store) -> None:
    for tenant in ("a", "b"):
        store.add_tenant(Tenant(id=tenant))
    assert store.job_of_key("a", "k", "d1") is None
    job = store.add_job(_keyed("a", "d1"), most_waiting=9)
    assert store.job_of_key("a", "k", "d1") == job
    assert store.job_of_key("b", "k", "d1") is None
    with pytest.raises(KeyReused):
        store.job_of_key("a", "k", "d2")


def test_the_revisions_of_many_jobs_are_read_at_once(store: Store) -> None:
    jobs = [submit(store) for _ in range(5)]
    hidden = jobs.pop()
    store.abort(hidden.id, keep=False)
    wanted = [job.id for job in jobs]
    found = store.revisions([*wanted, hidden.id, "none"])
    assert found == {job_id: store.revision(job_id) for job_id in wanted}
    assert store.revisions([]) == {}
