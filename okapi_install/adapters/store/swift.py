"""What a worker writes for every module, on PostgreSQL, in one statement and so in one round trip.

The statements of claims.py do the same in five round trips, and under gevent each of them costs a poll. All parts of
a statement see the moment before it; so a module must not be in `enable` and in `disable` at once, and is not.
"""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import TextClause, text

from okapi_install.adapters.store.rows import step_values
from okapi_install.service.ports import Progress

_TYPES = {
    "from_id": "text",
    "stage": "text",
    "status": "text",
    "message": "text",
    "errors": "text",
    "warnings": "text",
    "attempts": "integer",
    "started": "double precision",
    "ended": "double precision",
    "tenant_job_id": "text",
    "tenant_job_url": "text",
    "tenant_job_phase": "text",
}
_SET = ", ".join(f"{name} = v.{name}" for name in _TYPES)
_RECORD = ", ".join(f"{name} {kind}" for name, kind in _TYPES.items())

_HELD = "WHERE id = :job_id AND owner = :worker AND epoch = :held AND status = 'running'"
_NOW = "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"
_ENDING = f"""
    status = :end_status, message = :end_message, error_status = :end_error_status, reason = :end_reason,
    ended = {_NOW}, revision = revision + 1, owner = NULL, lease_until = NULL, headers = NULL,
    callback_attempts = 0, callback_state = CASE WHEN callback_url IS NOT NULL THEN 'due' END,
    callback_due = CASE WHEN callback_url IS NOT NULL THEN {_NOW} END
"""
"""The same as `ending` in claims.py; the contract suite holds both to the same rules."""


def _with_progress(change: str, *more: str) -> TextClause:
    """Changes the job that is held, its steps and the tenant's modules; the job's revision, and more that is asked."""
    return text(
        f"""
        WITH held AS (
            UPDATE jobs SET {change} {_HELD} RETURNING seq, tenant_id, revision, started
        ), v AS (
            SELECT * FROM jsonb_to_recordset(CAST(:steps AS jsonb)) AS v(pos integer, {_RECORD})
        ), changed AS (
            UPDATE steps SET {_SET}, revision = held.revision FROM held, v
            WHERE steps.job_seq = held.seq AND steps.pos = v.pos
        ), gone AS (
            DELETE FROM enabled USING held
            WHERE enabled.tenant_id = held.tenant_id AND enabled.module_id = ANY(CAST(:disable AS text[]))
        ), came AS (
            INSERT INTO enabled (tenant_id, module_id)
            SELECT held.tenant_id, module FROM held, unnest(CAST(:enable AS text[])) AS module
            ON CONFLICT DO NOTHING
        )
        SELECT {", ".join(("revision", *more))} FROM held
        """  # noqa: S608 - made of the names above
    )


SAVE = _with_progress("revision = revision + 1")
"""Takes the parameters that say which claim, and those of `progress_values`."""

_DONE = """(
    SELECT CAST(json_agg(json_build_array(s.module_id, s.action, s.started, s.ended)) AS text) FROM (
        SELECT steps.module_id, steps.action, coalesce(v.status, steps.status) AS status,
            coalesce(v.started, steps.started) AS started, coalesce(v.ended, steps.ended) AS ended
        FROM steps LEFT JOIN v ON v.pos = steps.pos WHERE steps.job_seq = held.seq
    ) AS s WHERE s.status = 'done' AND s.started IS NOT NULL AND s.ended >= held.started
) AS done"""
"""The same as `done_in_this_run` in history.py, as JSON: what this statement changes it does not see in the table."""

_UNFINISHED = "EXISTS (SELECT FROM tenant_leftovers AS l WHERE l.tenant_id = held.tenant_id) AS unfinished_work"

FINISH = _with_progress(_ENDING, _DONE, _UNFINISHED)
"""As SAVE, and the job ends; it takes the parameters of `ending_values`, too. It tells the steps that were done, and
whether the tenant has modules that may still be at work.
"""


def progress_values(progress: Progress) -> dict[str, object]:
    """The parameters that say what changes."""
    steps: list[dict[str, Any]] = [{"pos": step.pos, **step_values(step, 0)} for step in progress.steps]
    return {
        "steps": orjson.dumps(steps).decode(),
        "enable": list(progress.enable),
        "disable": list(progress.disable),
    }
