"""The sentences of rollouts, for people who have to decide what to change or to do next."""

from __future__ import annotations


def unknown_zone(name: str) -> str:
    """The time zone of a window does not exist."""
    return f"{name!r} is not a time zone. Use a name of the time zone database, for example Europe/Berlin or UTC."


def unknown_weekday(name: str) -> str:
    """A day of a window does not exist."""
    return f"{name!r} is not a weekday. Use monday to sunday, or mon to sun."


def invalid_time(text: str) -> str:
    """A bound of a window is not a time."""
    return f"{text!r} is not a time of the day. Use HH:MM, from 00:00 to 24:00."


def invalid_failures(limit: str) -> str:
    """The number of allowed failures is not valid."""
    return f"{limit!r} is not a number of failures. Use a number from 0, or a percentage such as '5%'."


def invalid_wave(size: str) -> str:
    """The size of a wave is not valid."""
    sizes = "a number from 1, a percentage such as '10%', 'rest', or a list of tenants"
    return f"{size!r} is not the size of a wave. Use {sizes}."


def wave_names_other_tenant(tenant: str) -> str:
    """A wave lists a tenant that the rollout does not have."""
    return f"A wave names the tenant {tenant}, which is not one of the tenants of this rollout."


def tenant_twice(tenant: str) -> str:
    """A tenant is named twice."""
    return f"The tenant {tenant} is named twice. Each tenant is in a rollout once."


def job_removed() -> str:
    """The job of a tenant was deleted while the rollout waited for it."""
    return "The job was aborted and its record deleted."


def job_failed() -> str:
    """A job failed without a message."""
    return "The job failed."


def cannot_pause(status: str) -> str:
    """Only a running rollout can be paused."""
    return f"The rollout is {status}. Only a running rollout can be paused."


def cannot_resume(status: str) -> str:
    """Only a paused rollout can be resumed."""
    return f"The rollout is {status}. Only a paused rollout can be resumed. Tenants that failed can be retried."


def cannot_abort(status: str) -> str:
    """Only an open rollout can be aborted."""
    return f"The rollout is {status} already, so there is nothing to abort."


def cannot_retry(status: str) -> str:
    """An aborted rollout stays aborted."""
    return f"The rollout is {status}. Start a new one for its tenants; those that are up to date are passed over."


def cannot_remove(status: str) -> str:
    """Only a complete rollout can be removed."""
    return f"The rollout is {status}. Only a complete rollout can be removed: abort it first, or wait for its end."


def runs_again() -> str:
    """A job of a complete rollout was retried, so the rollout is about to run again."""
    return "A job of the rollout was retried and has not ended. Wait for its end, then remove the rollout."


def nothing_failed() -> str:
    """There is nothing to retry."""
    return "No tenant of the rollout has failed, so there is nothing to retry."


def not_failed(tenant: str) -> str:
    """A tenant that is to be retried has not failed."""
    return (
        f"The tenant {tenant} has not failed in this rollout. Name only tenants that failed, or none for all of them."
    )


def tenant_gone(tenant: str) -> str:
    """A tenant does not exist any more when its turn comes."""
    return f"The tenant {tenant} does not exist any more."


def no_tenants() -> str:
    """A rollout has no tenants."""
    return "The rollout has no tenants. Name some, or leave out fewer with `except`."


def unknown_tenants(tenants: list[str]) -> str:
    """Tenants that do not exist."""
    shown = ", ".join(tenants[:10]) + (f" and {len(tenants) - 10} more" if len(tenants) > 10 else "")
    return f"There is no tenant {shown}." if len(tenants) == 1 else f"These tenants do not exist: {shown}."


def unknown_group(group: str) -> str:
    """A group of failures that the rollout does not have."""
    return f"No tenant has failed as {group!r} says. Use the key of one of the rollout's failures."


def _tenants(count: int) -> str:
    return "1 tenant" if count == 1 else f"{count} tenants"


def in_wave(wave: int, waves: int, running: int, waiting: int) -> str:
    """The rollout runs."""
    return f"Wave {wave} of {waves}. {_tenants(running)} running, {waiting} waiting."


def paused_by_person(running: int) -> str:
    """A client has paused the rollout."""
    rest = f" {_tenants(running)} that had started will finish." if running else ""
    return f"Paused by a person. Nothing starts until somebody resumes it.{rest}"


def paused_after_wave(wave: int, waves: int) -> str:
    """The rollout waits for a client after a wave."""
    return f"Paused after wave {wave} of {waves}, as requested. Nothing starts until somebody resumes it."


def paused_for_failures(failed: int, allowed: int, running: int) -> str:
    """Too many tenants have failed."""
    limit = f"{allowed} are allowed" if allowed > 1 else f"{allowed or 'none'} is allowed"
    rest = f" {_tenants(running)} that had started will finish." if running else ""
    return f"Paused because {_tenants(failed)} failed, and {limit}. Retry them, or resume without them.{rest}"


def held_after_wave(wave: int, waves: int) -> str:
    """The rollout waits some time after a wave."""
    return f"Wave {wave} of {waves} is over. The next wave starts when the pause after it has ended."


def outside_windows(running: int, waiting: int) -> str:
    """No window is open."""
    return f"Outside its windows. Nothing starts; {_tenants(running)} running, {waiting} waiting."


def aborting(running: int) -> str:
    """The rollout is being aborted."""
    return f"Aborted. {_tenants(running)} that had started will finish."


def aborted(skipped: int) -> str:
    """The rollout was aborted."""
    return f"Aborted. {_tenants(skipped)} never started."


def ended_with_failures(failed: int, total: int) -> str:
    """All tenants are over, some of them failed."""
    return f"Ended. {failed} of {_tenants(total)} failed."


def all_done(done: int, uptodate: int) -> str:
    """All tenants are over, none of them failed."""
    rest = f", {uptodate} had nothing to change" if uptodate else ""
    return f"Done. {_tenants(done)} changed{rest}."
