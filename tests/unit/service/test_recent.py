"""What is remembered of jobs that are asked for again and again."""

from __future__ import annotations

from dataclasses import replace

from okapi_install.domain.jobs import Job
from okapi_install.service.recent import Recent
from okapi_install.web.job_bodies import JobBodies
from tests.unit.service.house import House, enable


def job() -> Job:
    """A job that waits."""
    return House().submit(*enable("d-1.0.0"))


def test_beyond_so_many_the_one_that_was_put_longest_ago_goes() -> None:
    recent: Recent[int] = Recent(2)
    for key, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        recent.put(key, value)
    assert [recent.get(key) for key in "abc"] == [3, None, 4]


def test_the_body_of_a_job_is_written_once_and_again_when_it_has_changed() -> None:
    bodies, waiting = JobBodies(), job()
    first = bodies.of(waiting)
    assert bodies.of(waiting) is first
    changed = bodies.of(replace(waiting, revision=waiting.revision + 1, steps=()))
    assert changed != first
    assert b'"modules": []' in changed
