"""What a worker commits while another platform has to be told of its changes: in memory, on SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import pytest

from okapi_install.domain.errors import LostJob
from okapi_install.domain.jobs import Parameter, Problem, ProblemCode, Stage
from okapi_install.service.ports import Progress, Store
from tests.contract.builders import FAILED, begun, claimed, submit

CHANGED = Problem.warning(
    "others disabled mod-x-1.0.0", ProblemCode.CHANGED_BY_OTHERS, (Parameter(key="module", value="mod-x-1.0.0"),)
)


def test_an_initialised_step_is_found_again_as_it_was(store: Store) -> None:
    claim = claimed(store, submit(store), lease=-1.0)
    step = replace(begun(claim.job.steps[0], claim.now), stage=Stage.INITIALISED, ended=claim.now + 1)
    store.save(claim, Progress(steps=(step,)))
    again = claimed(store, claim.job, "w2")
    assert replace(again.job.steps[0], revision=0) == step


def test_warnings_about_a_job_are_replaced_and_stay_when_it_ends(store: Store) -> None:
    job = submit(store)
    assert job.warnings == ()
    claim = claimed(store, job)
    before = store.job(job.id).revision
    store.warn(claim, (CHANGED, CHANGED))
    store.warn(claim, (CHANGED,))
    assert store.job(job.id).revision == before + 2
    store.finish(claim, FAILED, Progress())
    assert store.job(job.id).warnings == (CHANGED,)
    assert store.retry(job.id, store.job(job.id).steps, {}, "t").warnings == ()


def test_only_the_owner_of_a_running_job_warns(store: Store) -> None:
    stale = claimed(store, submit(store), lease=-1.0)
    claim = claimed(store, stale.job, "w2")
    with pytest.raises(LostJob):
        store.warn(stale, (CHANGED,))
    store.abort(claim.job.id, keep=True)
    with pytest.raises(LostJob):
        store.warn(claim, (CHANGED,))
    assert store.job(claim.job.id).warnings == ()
