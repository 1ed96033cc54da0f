"""Links to logs, from a template."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from okapi_install.domain.jobs import Change, InstallOptions, Job, JobKind, JobStatus, Step
from okapi_install.domain.presentation.log_links import NAMES, LogLinks, check_template

EVERYTHING = "https://logs/?" + "&".join(f"{name}={{{name}}}" for name in NAMES)
STEP = Step(
    pos=0,
    change=Change(id="mod-users-19.4.5-SNAPSHOT.7"),
    started=1_000_000_000.5,
    ended=1_000_000_002.0,
    instance_url="http://10.0.0.7:8081/a&b",
    tenant_job_id="j 1",
)
JOB = Job(
    id="job-1",
    tenant="diku",
    kind=JobKind.INSTALL,
    status=JobStatus.RUNNING,
    options=InstallOptions(),
    request=(),
    steps=(STEP,),
    created=1.0,
)


def _query(step: Step) -> dict[str, str]:
    link = LogLinks(EVERYTHING).of(JOB, step)
    assert link is not None
    return {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}


def test_a_link_says_which_module_for_whom_where_and_when() -> None:
    assert _query(STEP) == {
        "module": "mod-users-19.4.5-SNAPSHOT.7",
        "product": "mod-users",
        "version": "19.4.5-SNAPSHOT.7",
        "tenant": "diku",
        "job": "job-1",
        "instance": "http://10.0.0.7:8081/a&b",
        "host": "10.0.0.7",
        "tenantJob": "j 1",
        "started": "2001-09-09T01:46:40.500Z",
        "ended": "2001-09-09T01:46:42.000Z",
        "startedMs": "1000000000500",
        "endedMs": "1000000002000",
    }


def test_the_end_of_a_module_that_runs_is_now_and_what_is_not_known_is_empty() -> None:
    running = replace(STEP, ended=None, instance_url=None, tenant_job_id=None)
    query = _query(running)
    assert (query["ended"], query["endedMs"]) == ("now", "now")
    assert "instance" not in query


def test_there_is_no_link_before_the_start_and_none_without_a_template() -> None:
    assert LogLinks(EVERYTHING).of(JOB, replace(STEP, started=None)) is None
    assert LogLinks().of(JOB, STEP) is None


@pytest.mark.parametrize("url", ["http://[bad/", "nonsense", "http://h\x7f/"])
def test_an_address_that_cannot_be_read_breaks_no_link(url: str) -> None:
    assert LogLinks(EVERYTHING).of(JOB, replace(STEP, instance_url=url)) is not None


@pytest.mark.parametrize(
    "template",
    ["logs/{module}", "javascript:alert(1)", "ftp://logs/{module}", "https://logs/{modul}", "https:///{job}"],
)
def test_a_template_that_makes_no_link_is_refused_with_the_names_that_there_are(template: str) -> None:
    with pytest.raises(ValueError, match=r"with any of \{module\}, .*\{endedMs\}"):
        check_template(template)
    assert check_template("https://logs/{job}/{module}") == "https://logs/{job}/{module}"
