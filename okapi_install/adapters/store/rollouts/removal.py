"""Removes complete rollouts: one that a client names, or all that ended long ago. Their jobs stay."""

from __future__ import annotations

from sqlalchemy import Connection, and_, bindparam, delete, exists, null, select

from okapi_install.adapters.store.expressions import db_now
from okapi_install.adapters.store.rollouts.changes import IS_RUNNING, RETRIED_BY_HAND, lock
from okapi_install.adapters.store.rollouts.queries import tally_of
from okapi_install.adapters.store.tables import JOBS, ROLLOUT_TENANTS, ROLLOUTS
from okapi_install.domain.rollouts import requests
from okapi_install.domain.rollouts.rollout import OPEN, RolloutStatus

_r, _t = ROLLOUTS.c, ROLLOUT_TENANTS.c
_COMPLETE = sorted(status.value for status in RolloutStatus if status not in OPEN)
_RUNS_AGAIN = exists(
    select(_t.pos)
    .select_from(ROLLOUT_TENANTS.outerjoin(JOBS, JOBS.c.id == _t.job_id))
    .where(_t.rollout_seq == _r.seq, IS_RUNNING | RETRIED_BY_HAND)
)
_OLD = and_(
    _r.status.in_(_COMPLETE),
    _r.ended < db_now() - bindparam("older_than"),
    _r.callback_due.is_(null()),
    ~_RUNS_AGAIN,
)
_REMOVE = delete(ROLLOUTS).where(_r.seq == bindparam("at_seq"))
_PURGE = delete(ROLLOUTS).where(_OLD)


def remove(connection: Connection, rollout_id: str) -> None:
    """Removes a complete rollout. Raises NotFound; UserError if it is open, or a job of it was retried."""
    locked = lock(connection, rollout_id)
    tally, _ = tally_of(connection, locked.record)
    requests.check_removable(locked.rollout, tally)
    connection.execute(_REMOVE, {"at_seq": locked.record.seq})


def purge_complete(connection: Connection, older_than: float) -> int:
    """Removes old rollouts, and returns how many. One with a pending callback is kept until that is settled."""
    return connection.execute(_PURGE, {"older_than": older_than}).rowcount
