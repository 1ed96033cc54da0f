"""Writes the steps of a job: all at once, or those that changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, bindparam, delete, insert, update

from okapi_install.adapters.store.rows import step_values
from okapi_install.adapters.store.tables import STEPS
from okapi_install.domain.jobs import Step

_INSERT = insert(STEPS)
_UPDATE = update(STEPS).where(STEPS.c.job_seq == bindparam("at_seq"), STEPS.c.pos == bindparam("at_pos"))
_DELETE = delete(STEPS).where(STEPS.c.job_seq == bindparam("at_seq"))


def insert_steps(connection: Connection, seq: int, steps: Sequence[Step]) -> None:
    """Adds the steps of the job with that `seq`, with the revision that each has."""
    if steps:
        connection.execute(_INSERT, [{"job_seq": seq, **row} for row in step_rows(steps)])


def step_rows(steps: Sequence[Step]) -> list[dict[str, object]]:
    """All columns of those steps but the job's `seq`, with the revision that each has."""
    return [{**_identity(step), **step_values(step, step.revision)} for step in steps]


def replace_steps(connection: Connection, seq: int, steps: Sequence[Step], revision: int) -> None:
    """Puts those in the place of all steps of the job, stamped with the revision."""
    connection.execute(_DELETE, {"at_seq": seq})
    insert_steps(connection, seq, [replace(step, revision=revision) for step in steps])


def update_steps(connection: Connection, seq: int, steps: Sequence[Step], revision: int) -> None:
    """Writes all of those steps but module and action, and stamps them with the revision."""
    if steps:
        keys = [{"at_seq": seq, "at_pos": step.pos, **step_values(step, revision)} for step in steps]
        connection.execute(_UPDATE, keys)


def _identity(step: Step) -> dict[str, object]:
    change = step.change
    return {
        "pos": step.pos,
        "module_id": change.id,
        "action": change.action.value,
    }
