"""Our messages about the Okapi beside this service: what is read from it, and what jobs record in it."""

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


def okapi_does_not_respond(url: str, request: str, why: str) -> str:
    """A request to the Okapi beside this service got no usable response."""
    return f"The Okapi at {url} does not respond to {request}: {why}"


def okapi_requires_token(url: str, refusal: str) -> str:
    """The Okapi beside this service is secured, and there is no way to a token."""
    return (
        f"The Okapi at {url} requires a token ({refusal}). Set okapi_auth_url to the address of the module with the "
        "auth filter of the supertenant, such as mod-authtoken, or set okapi_token"
    )


def okapi_forbids(url: str, request: str, refusal: str, permission: str | None) -> str:
    """The Okapi beside this service refuses a request, also with a new token."""
    needed = f"; the token needs the permission {permission}" if permission else ""
    return f"The Okapi at {url} refuses {request} ({refusal}){needed}"


def no_okapi_token(filter_url: str, why: str) -> str:
    """The auth filter of the supertenant returns no token for calls of Okapi."""
    return f"The auth filter of the supertenant at {filter_url} returns no token for calls of Okapi: {why}"


def auth_filter_without_instance(module: str) -> str:
    """The module with the auth filter of the supertenant cannot be called."""
    return f"The auth filter of the supertenant is in {module}, but Okapi knows no instance of it"


def change_not_recorded(url: str, tenant: str) -> str:
    """Okapi accepted a change of what a tenant has enabled, and does not show it."""
    return f"The Okapi at {url} accepted a change of tenant {tenant}, but does not show it: something overwrote it"


def database_of_okapi(address: str) -> str:
    """A database that is a copy of what an Okapi has, for a service that is to stand alone."""
    return (
        f"This database belongs to a service beside the Okapi at {address}. Set OKAPI_INSTALL_OKAPI to that address, "
        "or take another database (OKAPI_INSTALL_DATABASE_URL, or another data folder)"
    )


def database_of_other_okapi(address: str, wanted: str) -> str:
    """A database that is a copy of what another Okapi has."""
    return (
        f"This database belongs to a service beside the Okapi at {address}, not {wanted}. Take another database "
        "(OKAPI_INSTALL_DATABASE_URL, or another data folder). If it is the same Okapi at a new address, run "
        "okapi-install migrate --okapi-moved"
    )


def database_with_own_data(wanted: str) -> str:
    """A database of a service that stood alone, for one beside an Okapi."""
    return (
        f"This database has modules, tenants or jobs of a service that stands alone, so it cannot be a copy of what "
        f"the Okapi at {wanted} has. Take another database (OKAPI_INSTALL_DATABASE_URL, or another data folder)"
    )


def reads_registry(read: int, total: int) -> str:
    """The first start beside an Okapi: all its module descriptors are copied."""
    return f"reads the registry of Okapi: {read} of {total} modules"
