"""Our messages about what jobs record in the Okapi beside this service."""

from __future__ import annotations


def step_waits_for_okapi(why: str) -> str:
    """A module is initialised, and the Okapi beside cannot be told."""
    return f"Initialised; waits for Okapi: {why}"


def only_recorded() -> str:
    """An earlier worker has initialised a module, and this one records it."""
    return "initialised already, and only recorded"


def job_waits_for_okapi(why: str) -> str:
    """A job cannot start or end, because the Okapi beside does not respond."""
    return f"Waits for Okapi: {why}"


def waits_for_job_of_okapi(job: str) -> str:
    """A job cannot start or end while the Okapi beside runs one for the same tenant."""
    return f"Waits for the end of install job {job}, which Okapi itself runs for this tenant"


def job_of_okapi_runs(tenant: str, job: str) -> str:
    """A request is refused while the Okapi beside runs a job for the same tenant."""
    return (
        f"Okapi itself runs install job {job} for tenant {tenant}. Send the request again when that has ended, or set "
        "okapi_jobs to wait"
    )


def descriptor_gone(module: str) -> str:
    """The Okapi beside has lost the descriptor of an initialised module."""
    return (
        f"Module {module} is initialised but not enabled, because Okapi has no descriptor of it any more. Post the "
        "descriptor again and retry the job: it records the module, and does not initialise it again"
    )


def tenant_gone(tenant: str) -> str:
    """The Okapi beside has lost the tenant of a job."""
    return f"Okapi has no tenant {tenant} any more"


def not_recorded_when_stopped(why: str) -> str:
    """A job was stopped, and a module that it had initialised could not be recorded."""
    return (
        f"The module is initialised, but Okapi could not be told before the job was stopped: {why}. Retry the job: it "
        "records the module, and does not initialise it again"
    )


def left_unrecorded(module: str) -> str:
    """The same for the next job, when the aborted one is gone."""
    return (
        f"An aborted job of this tenant has initialised module {module}, and could not tell Okapi. The module is "
        "initialised again"
    )


def recorded_again() -> str:
    """The Okapi beside has lost a change."""
    return "Okapi had lost this change, and it was recorded again"


def lost_repeatedly(times: int) -> str:
    """The Okapi beside loses a change whenever it is recorded."""
    return (
        f"Okapi lost this change {times} times after it had shown it. Find out who else changes the modules of this "
        "tenant, and retry the job: it records the module, and does not initialise it again"
    )


def changed_by_others(enabled: str, disabled: str) -> str:
    """Somebody else has changed what the tenant of a running job has enabled."""
    parts = [f"enabled {enabled}"] if enabled else []
    parts += [f"disabled {disabled}"] if disabled else []
    return f"While this job ran, somebody else changed the tenant's modules: {', '.join(parts)}"


def rest_of_plan_impossible(unmet: str) -> str:
    """What others changed makes the remaining steps of a job impossible."""
    return (
        f"Somebody else changed the tenant's modules, and the rest of the plan is not possible any more: {unmet}. "
        "Enable what is missing, and retry the job"
    )


def module_requires(module: str, interface: str, version: str) -> str:
    """One reason for that."""
    return f"{module} requires {interface} {version}"
