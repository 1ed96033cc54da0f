"""A client follows a job through absences of the server, and never begins one twice."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from okapi_install.client.errors import BadAnswer, NotFound, NotOffered, Refused, Unavailable, Unreachable
from okapi_install.client.following import JobGone, Pace, follow
from okapi_install.client.okapi import JobRef, OkapiClient, Request
from okapi_install.client.options import InstallOptions
from okapi_install.client.progress import detailed_job, instant, plain_job
from okapi_install.client.transport import Ask, Reply

REF = JobRef(id="j", tenant="diku")
JOBS = Reply(status=200, headers={}, text='{"jobs": [], "total": 0}')


def job(revision: int, *, complete: bool = False, **fields: Any) -> Reply:
    document = {"id": "j", "tenant": "diku", "status": "done" if complete else "running", "complete": complete}
    return Reply(status=200, headers={}, text=json.dumps(document | {"revision": revision, "modules": []} | fields))


def plain(*stages: str, complete: bool = False) -> Reply:
    modules = [{"id": f"mod-{n}-1.0.0", "action": "enable", "stage": stage} for n, stage in enumerate(stages)]
    text = json.dumps({"id": "j", "complete": complete, "modules": modules})
    return Reply(status=200, headers={}, text=text)


class Script:
    """A transport that answers with what is next, and keeps what it was asked."""

    def __init__(self, answers: Iterable[Reply | Exception]) -> None:
        self.asked: list[Ask] = []
        self._answers = iter(answers)

    def __call__(self, ask: Ask) -> Reply:
        self.asked.append(ask)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


class World:
    """Time that passes only in sleep, and a listener that remembers."""

    def __init__(self, patience: float = 60) -> None:
        self.time = 0.0
        self.told: list[str] = []
        self.pace = Pace(patience=patience, now=lambda: self.time, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def unavailable(self, problem: Unreachable) -> None:
        self.told.append(f"away: {problem.message}")

    def available_again(self, seconds: float) -> None:
        self.told.append("back")


GONE = NotFound("j", 404)
AWAY = Unavailable("nobody there")


def test_a_job_is_followed_by_long_polls_until_it_is_complete() -> None:
    script, world = Script([JOBS, job(1), job(2), job(3, complete=True)]), World()
    assert [j.revision for j in follow(OkapiClient(script), REF, world, world.pace)] == [1, 2, 3]
    assert [a.query.get("revision") for a in script.asked[1:]] == [None, "1", "2"]
    assert script.asked[2].query["wait"] == "10000"
    assert world.time == 0


def test_a_server_that_goes_away_is_asked_until_it_is_back() -> None:
    script = Script([JOBS, job(1), AWAY, AWAY, Unreachable("broken"), job(2, complete=True)])
    world = World()
    assert [j.revision for j in follow(OkapiClient(script), REF, world, world.pace)] == [1, 2]
    assert world.told == ["away: nobody there", "back"]


def test_patience_ends() -> None:
    world = World(patience=5)
    script = Script([JOBS, job(1), *[AWAY] * 100])
    with pytest.raises(Unavailable):
        list(follow(OkapiClient(script), REF, world, world.pace))
    assert 4.9 <= world.time <= 5.1


def test_a_job_that_vanishes_is_gone_and_one_that_never_was_is_not_found() -> None:
    world = World()
    with pytest.raises(JobGone, match="aborted and deleted"):
        list(follow(OkapiClient(Script([JOBS, job(1), GONE])), REF, world, world.pace))
    with pytest.raises(NotFound, match="^There is no job j at the server$"):
        list(follow(OkapiClient(Script([JOBS, GONE])), REF, world, world.pace))


def test_a_plain_okapi_is_asked_again_and_again_and_modules_are_timed_here() -> None:
    answers = [plain("invoke", "pending"), plain("invoke", "pending"), plain("done", "invoke")]
    script, world = Script([GONE, *answers, plain("done", "done", complete=True)]), World()
    last = list(follow(OkapiClient(script), REF, world, world.pace))[-1]
    assert last.status == "done"
    assert all(m.seconds is not None and m.seconds > 0 for m in last.modules)
    assert last.modules[0].seconds is not None
    assert last.modules[0].seconds < world.time


def test_a_plain_okapi_that_forgot_the_job_is_said_to_have_been_started_anew() -> None:
    world = World()
    with pytest.raises(JobGone, match="was restarted"):
        list(follow(OkapiClient(Script([GONE, plain("invoke"), GONE])), REF, world, world.pace))


BEGUN = Reply(status=201, headers={"location": "/_/proxy/tenants/diku/install/j"}, text="[]")
REQUEST = Request(tenant="diku", modules=[{"id": "mod-a-1.0.0", "action": "enable"}])


def test_a_lost_answer_is_asked_for_again_under_the_same_key() -> None:
    script = Script([JOBS, Unreachable("broken"), AWAY, BEGUN])
    assert OkapiClient(script).start(REQUEST, lambda _: True) == REF
    keys = {a.headers["Idempotency-Key"] for a in script.asked[1:]}
    assert len(keys) == 1
    assert [a.query["async"] for a in script.asked[1:]] == ["true"] * 3


def test_a_plain_okapi_is_not_asked_again_when_a_job_may_have_begun() -> None:
    with pytest.raises(Unreachable):
        OkapiClient(Script([GONE, Unreachable("broken"), BEGUN])).start(REQUEST, lambda _: True)
    assert OkapiClient(Script([GONE, AWAY, BEGUN])).start(REQUEST, lambda _: True) == REF


def test_nobody_asks_again_who_is_not_told_to() -> None:
    with pytest.raises(Unavailable):
        OkapiClient(Script([JOBS, AWAY, BEGUN])).start(REQUEST)


@pytest.mark.parametrize("location", [{}, {"location": ""}, {"location": "/"}])
def test_a_job_without_a_location_is_a_bad_answer(location: dict[str, str]) -> None:
    with pytest.raises(BadAnswer):
        OkapiClient(Script([JOBS, Reply(status=201, headers=location, text="[]")])).start(REQUEST)


def test_only_what_is_given_is_sent() -> None:
    assert InstallOptions().query() == {}
    given = InstallOptions(purge=True, dep_check=False, parallel=4, pre_release="only", tenant_parameters="a=b")
    expected = {"purge": "true", "depCheck": "false", "parallel": "4", "preRelease": "only", "tenantParameters": "a=b"}
    assert given.query() == expected


def test_an_upgrade_has_no_body_and_a_tenant_is_quoted() -> None:
    ask = Request(tenant="a/b", modules=None).ask({})
    assert (ask.path, ask.body) == ("/_/proxy/tenants/a%2Fb/upgrade", None)


def test_a_plain_okapi_has_no_retry_and_no_explanation_and_does_not_abort() -> None:
    with pytest.raises(NotOffered):
        OkapiClient(Script([GONE])).retry(REF)
    with pytest.raises(NotOffered):
        OkapiClient(Script([GONE])).explain(REQUEST)
    refusal = Refused("Cannot delete non-completed job j", 400)
    with pytest.raises(NotOffered, match="the job continues"):
        OkapiClient(Script([GONE, plain("invoke"), refusal])).abort(REF)


def test_a_plain_okapi_is_searched_for_a_job_whose_tenant_is_unknown() -> None:
    tenants = Reply(status=200, headers={}, text='[{"id": "one"}, {"id": "two"}]')
    found = OkapiClient(Script([GONE, tenants, GONE, plain("done", complete=True)])).job(JobRef(id="j"))
    assert (found.tenant, found.status) == ("two", "done")


def test_a_plain_job_has_a_status_by_its_stages() -> None:
    document = {"id": "j", "complete": True, "modules": [{"id": "a", "stage": "done"}, {"id": "b", "stage": "pending"}]}
    assert plain_job(document, "t").status == "error"
    document = {"id": "j", "complete": True, "modules": [{"id": "a", "stage": "invoke", "message": "no"}]}
    assert plain_job(document, "t").modules[0].status == "error"


@pytest.mark.parametrize("document", [None, [], "x", {"modules": [1]}])
def test_what_is_no_job_is_a_bad_answer(document: object) -> None:
    with pytest.raises(BadAnswer):
        detailed_job(document)


def test_a_date_that_is_none_is_no_time() -> None:
    assert instant("2024-03-01T10:00:00.500Z") == 1709287200.5
    assert instant("soon") is None
    assert instant(None) is None
