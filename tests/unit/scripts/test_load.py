"""The figures of `make load`."""

from __future__ import annotations

from scripts.load import Half


def told(end: str, status: str = "done", attempts: int = 1) -> dict[str, object]:
    """What the API tells of a job."""
    return {"endDate": end, "status": status, "attempts": attempts}


def test_a_half_lasts_until_its_last_job_ended() -> None:
    """Whatever the order of the jobs; one that failed and one that changed hands are counted."""
    jobs = [
        told("1970-01-01T00:01:10.500Z"),
        told("1970-01-01T00:01:12.000Z", status="error"),
        told("1970-01-01T00:01:11.000Z", attempts=2),
    ]

    assert Half.of(jobs, since=60.0) == Half(seconds=12.0, failed=1, taken_over=1)
