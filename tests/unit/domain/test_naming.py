"""The names of jobs, and the words for what is done with a module."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from okapi_install.domain.jobs import Action, Change, InstallOptions, Job, JobKind, JobStatus, Step
from okapi_install.domain.presentation.naming import action_word, job_name
from okapi_install.domain.presentation.states import FILTER_NAMES, OF_JOBS, State, states_named


def job(
    request: Sequence[Change] | None,
    steps: Sequence[Change] = (),
    kind: JobKind = JobKind.INSTALL,
    options: InstallOptions | None = None,
) -> Job:
    return Job(
        id="job",
        tenant="diku",
        kind=kind,
        status=JobStatus.QUEUED,
        options=options or InstallOptions(),
        request=None if request is None else tuple(request),
        steps=tuple(Step(pos=pos, change=change) for pos, change in enumerate(steps)),
        created=0.0,
    )


def enabled(*ids: str) -> list[Change]:
    return [Change(id=each) for each in ids]


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (job(enabled("mod-a-1.0.0")), "install mod-a-1.0.0"),
        (job(enabled("mod-a"), enabled("mod-b-2.0.0", "mod-a-1.0.0")), "install mod-a-1.0.0"),
        (job(enabled("mod-a"), [Change(id="mod-a-2.0.0", from_id="mod-a-1.0.0")]), "upgrade mod-a-2.0.0"),
        (job(enabled("mod-a-1.0.0", "mod-b-1.0.0", "mod-c-1.0.0")), "install mod-a and 2 more"),
        (job(enabled(*(f"mod-{n}-1.0.0" for n in range(148)))), "install 148 modules"),
        (job([Change(id="mod-a-1.0.0", action=Action.DISABLE)]), "disable mod-a-1.0.0"),
        (job([Change(id="a-1", action=Action.DISABLE)], options=InstallOptions(purge=True)), "purge a-1"),
        (job([*enabled("mod-a-1.0.0"), Change(id="b-1.0.0", action=Action.DISABLE)]), "change mod-a and 1 more"),
        (job(enabled("mod-a-1.0.0"), options=InstallOptions(reinstall=True)), "reinstall mod-a-1.0.0"),
        (job(None, enabled("mod-a-2.0.0", "mod-b-2.0.0"), JobKind.UPGRADE), "upgrade mod-a and 1 more"),
        (job(None, [], JobKind.UPGRADE), "upgrade 0 modules"),
    ],
)
def test_the_name_of_a_job_tells_what_was_requested(found: Job, name: str) -> None:
    assert job_name(found) == name


@pytest.mark.parametrize(
    ("action", "from_id", "word"),
    [
        ("enable", None, "enable"),
        ("enable", "mod-a-1.0.0", "upgrade"),
        ("enable", "mod-a-2.0.0", "reinstall"),
        ("disable", None, "disable"),
        ("uptodate", "mod-a-2.0.0", "already up to date"),
    ],
)
def test_an_enable_from_another_version_is_an_upgrade_and_from_the_same_a_reinstall(
    action: str, from_id: str | None, word: str
) -> None:
    assert action_word(action, "mod-a-2.0.0", from_id) == word


def test_a_filter_takes_the_words_of_readers_and_those_of_the_store() -> None:
    assert states_named("aborted") == states_named("stopped") == frozenset({State.STOPPED})
    assert states_named("error") == frozenset({State.FAILED, State.STOPPED})
    assert states_named("queued") == states_named("waiting") == frozenset({State.WAITING})
    assert states_named("gone") is None
    assert {state.value for state in OF_JOBS} <= set(FILTER_NAMES)
