"""`retry` of some modules: what it says before, and what it sends."""

from __future__ import annotations

from tests.fakes.command import run_command
from tests.fakes.okapi_server import FakeOkapi


def test_a_choice_is_explained_and_sent(server: FakeOkapi) -> None:
    job = server.add_job(status="error", complete=True)
    server.retry_plan = {
        "run": ["mod-a-1.0.0"],
        "skipped": [{"id": "mod-b-1.1.0", "because": "mod-b-1.1.0"}, {"id": "mod-c-1.0.0", "because": "mod-b-1.1.0"}],
        "left": ["mod-d-1.0.0"],
        "unmet": [{"id": "mod-a-1.0.0", "requires": "mod-x-1.0.0"}],
    }
    done = run_command("retry", str(job["id"]), "--skip", "mod-b-1.1.0", "--no-follow", url=server.url)
    assert (done.returncode, done.stdout.strip()) == (0, job["id"])
    assert done.stderr.splitlines()[-5:] == [
        "runs     mod-a-1.0.0",
        "skipped  mod-b-1.1.0",
        "skipped  mod-c-1.0.0, because it requires mod-b-1.1.0",
        "missing  mod-x-1.0.0, which mod-a-1.0.0 requires",
        "left     1 module",
    ]
    sent = [seen for seen in server.seen if seen.path.endswith("/retry")]
    assert [(seen.query, seen.body) for seen in sent] == [
        *[({"simulate": "true"}, {"skip": ["mod-b-1.1.0"]}), ({}, {"skip": ["mod-b-1.1.0"]})]
    ]


def test_without_a_choice_nothing_is_sent_but_the_retry(server: FakeOkapi) -> None:
    job = server.add_job(status="error", complete=True)
    run_command("retry", str(job["id"]), "--no-follow", url=server.url)
    assert [seen.body for seen in server.seen if seen.path.endswith("/retry")] == [None]


def test_all_options_reach_the_server(server: FakeOkapi) -> None:
    job = server.add_job(status="error", complete=True)
    options = ("--module", "a", "--module", "b", "--failed", "--anyway", "--yes", "--no-follow")
    run_command("retry", str(job["id"]), *options, url=server.url)
    assert server.seen[-1].body == {"modules": ["a", "b"], "failed": True, "anyway": True}
