"""The sentences of a preflight: what was found before a job or a rollout starts, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

_MOST_NAMED = 5


def planned(changes: int) -> str:
    """There is a plan."""
    return "The plan has 1 change" if changes == 1 else f"The plan has {changes} changes"


def nothing_to_do() -> str:
    """The tenants have all of it."""
    return "There is nothing to change"


def behind_other_jobs(tenants: int) -> str:
    """Jobs are queued or running for these tenants."""
    whose = "1 tenant has" if tenants == 1 else f"{tenants} tenants have"
    return f"{whose} jobs that run first; the plan assumes that they succeed"


def other_job(tenant: str, job: str) -> str:
    """The Okapi beside runs a job for the tenant."""
    return f"Okapi runs its own job {job} for the tenant {tenant}"


def no_descriptor() -> str:
    """A module of the plan has no descriptor any more."""
    return "There is no descriptor of the module any more. Import it again"


def unknown_permissions(version: str) -> str:
    """The version of _tenantPermissions is not one that we know."""
    return f"Version {version} of the interface _tenantPermissions is not known here; permissions may not be announced"


def no_instance() -> str:
    """No address of the module is known."""
    return "No instance is known. Say where it runs: POST /_/discovery/modules"


def responds(instances: int) -> str:
    """All instances respond."""
    return "The instance responds" if instances == 1 else f"All {instances} instances respond"


def silent(url: str, problem: str, silent_instances: int, instances: int) -> str:
    """Some or all instances do not respond."""
    share = "The instance does" if instances == 1 else f"{silent_instances} of {instances} instances do"
    return f"{share} not respond: {url}: {problem}"


def unhealthy(module: str, url: str, problem: str) -> str:
    """The instance responds, but its health check does not with 2xx. `problem` is a status, or why there is none."""
    return f"The health check of {module} at {url}, GET /admin/health, did not succeed: {problem}"


def failed_before(module: str, line: str) -> str:
    """The module failed in the tenant's last failed job."""
    return f"{module} failed last time: {line}"


def never_ran(modules: Sequence[str]) -> str:
    """No earlier run tells how long these modules take."""
    more = f" and {len(modules) - _MOST_NAMED} more" if len(modules) > _MOST_NAMED else ""
    return f"No earlier run tells how long these take: {', '.join(modules[:_MOST_NAMED])}{more}"
