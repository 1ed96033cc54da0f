"""The queues of steps that may call a module only a few at a time."""

from __future__ import annotations

from sqlalchemy import Connection, and_, bindparam, delete, insert, select, text, true, update

from okapi_install.adapters.store.expressions import OWNED, db_now, has_status, is_complete
from okapi_install.adapters.store.tables import JOBS, MODULE_TURNS, STEPS
from okapi_install.domain.errors import LostJob
from okapi_install.domain.jobs import JobStatus, StepStatus
from okapi_install.domain.rollouts.turns import Turn, TurnLimits, has_turn
from okapi_install.service.ports.values import Claim

_u, _j, _s = MODULE_TURNS.c, JOBS.c, STEPS.c
_JOB = select(_j.seq).where(OWNED, has_status(JobStatus.RUNNING))
_MINE = and_(_u.job_seq == bindparam("of_job"), _u.pos == bindparam("at_pos"))
_FIND = select(_u.seq).where(_MINE)
_JOIN = insert(MODULE_TURNS).returning(_u.seq)
_STAY = update(MODULE_TURNS).where(_MINE).values(epoch=bindparam("held"), product=bindparam("called"))
_ALIVE = and_(has_status(JobStatus.RUNNING), _j.epoch == _u.epoch, _j.lease_until >= db_now())
_QUEUE = (
    select(_u.seq, _u.granted, _u.rollout_id, _u.of_rollout, _ALIVE.label("alive"))
    .join(JOBS, _j.seq == _u.job_seq)
    .join(STEPS, and_(_s.job_seq == _u.job_seq, _s.pos == _u.pos))
    .where(_u.product == bindparam("called"), ~is_complete(), _s.status == StepStatus.RUNNING.value)
    .order_by(_u.seq)
)
_GRANT = update(MODULE_TURNS).where(_u.seq == bindparam("at_seq")).values(granted=true())
_END = delete(MODULE_TURNS).where(
    _u.pos == bindparam("at_pos"), _u.job_seq.in_(select(_j.seq).where(_j.id == bindparam("job_id")))
)
_QUEUE_LOCK = text("SELECT pg_advisory_xact_lock(874002, hashtext(:called))")
"""One at a time decides about a product. SQLite has one writer anyway."""


def take_turn_in_order(connection: Connection, claim: Claim, pos: int, product: str, limits: TurnLimits) -> bool:
    """As `take_turn`, on PostgreSQL."""
    connection.execute(_QUEUE_LOCK, {"called": product})
    return take_turn(connection, claim, pos, product, limits)


def take_turn(connection: Connection, claim: Claim, pos: int, product: str, limits: TurnLimits) -> bool:
    """Queues the step, if it is not queued, and says whether it may call the module now. Raises LostJob."""
    held = {"job_id": claim.job.id, "worker": claim.worker, "held": claim.epoch}
    seq = connection.scalar(_JOB, held)
    if seq is None:
        raise LostJob(claim.job.id)
    mine = _queued(connection, seq, pos, product, claim, limits)
    queue = [
        Turn(key=row.seq, granted=row.granted, alive=row.alive, rollout=row.rollout_id, of_rollout=row.of_rollout)
        for row in connection.execute(_QUEUE, {"called": product})
    ]
    granted = has_turn(queue, mine, limits.of_all)
    if granted:
        connection.execute(_GRANT, {"at_seq": mine})
    return granted


def _queued(connection: Connection, job_seq: int, pos: int, product: str, claim: Claim, limits: TurnLimits) -> int:
    """The step's place in the queue, which it keeps when another worker takes its job over."""
    key = {"of_job": job_seq, "at_pos": pos}
    known: int | None = connection.scalar(_FIND, key)
    if known is not None:
        connection.execute(_STAY, {**key, "held": claim.epoch, "called": product})
        return known
    row = {
        "job_seq": job_seq,
        "pos": pos,
        "product": product,
        "epoch": claim.epoch,
        "granted": False,
        "rollout_id": limits.rollout,
        "of_rollout": limits.of_rollout,
    }
    place: int = connection.execute(_JOIN, row).scalar_one()
    return place


def end_turn(connection: Connection, job_id: str, pos: int) -> None:
    """Ends the turn of a step."""
    connection.execute(_END, {"job_id": job_id, "at_pos": pos})
