"""A crew of greenlets tells what has ended, and that nothing has."""

from __future__ import annotations

from gevent.event import Event

from okapi_install.adapters.greenlets import GreenletCrew


def test_a_crew_says_after_a_time_that_nothing_has_ended() -> None:
    crew, gate = GreenletCrew(), Event()
    crew.start(0, gate.wait)
    assert crew.finished(0.01) == []
    gate.set()
    assert [pos for pos, _ in crew.finished(30)] == [0]
