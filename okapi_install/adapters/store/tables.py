"""The tables. Constraints enforce the invariants independently of the code; they derive from the domain's enums.

Statements are built from the `Table` objects at the end: on the hot path a row is a tuple, not an object.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import cast

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from okapi_install.domain.access import Role
from okapi_install.domain.jobs import ACTIVE, Action, JobKind, JobStatus, Stage, StepStatus
from okapi_install.domain.rollouts.rollout import RolloutStatus, TenantStatus

_BIG = BigInteger().with_variant(Integer, "sqlite")


def _one_of(column: str, values: Iterable[StrEnum]) -> str:
    return f"{column} IN ({', '.join(sorted(repr(value.value) for value in values))})"


class Row(DeclarativeBase):
    """The base of all tables. It names constraints, so that migrations can refer to them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class ModuleRow(Row):
    """A module descriptor as sent, and the summary of it for planning. Without a summary it is not in the registry:
    the Okapi of which the store is a copy has it no more.
    """

    __tablename__ = "modules"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    document: Mapped[str] = mapped_column(Text)
    summary: Mapped[str | None] = mapped_column(Text)


class RegistryLogRow(Row):
    """Additions to and removals from the registry, in the order of their commits."""

    __tablename__ = "registry_log"
    __table_args__ = ({"sqlite_autoincrement": True},)
    seq: Mapped[int] = mapped_column(_BIG, primary_key=True, autoincrement=True)
    module_id: Mapped[str] = mapped_column(Text)


class MirroredOkapiRow(Row):
    """The Okapi of which the store is a copy; no row if it is none."""

    __tablename__ = "mirrored_okapi"
    __table_args__ = (CheckConstraint("single = 1", name="single"),)
    single: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    address: Mapped[str] = mapped_column(Text)


class TenantRow(Row):
    """A tenant as a client declares it."""

    __tablename__ = "tenants"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)


class EnabledRow(Row):
    """A module that a tenant has enabled. No foreign key to `modules`: see docs/decisions/0001."""

    __tablename__ = "enabled"
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    module_id: Mapped[str] = mapped_column(Text, primary_key=True, index=True)


class InstanceRow(Row):
    """An instance of a module. Discovery lists instances in the order in which they were added."""

    __tablename__ = "instances"
    __table_args__ = ({"sqlite_autoincrement": True},)
    seq: Mapped[int] = mapped_column(_BIG, primary_key=True, autoincrement=True)
    inst_id: Mapped[str] = mapped_column(Text, unique=True)
    srvc_id: Mapped[str] = mapped_column(Text, index=True)
    url: Mapped[str | None] = mapped_column(Text)
    document: Mapped[str] = mapped_column(Text)


class EnvRow(Row):
    """An environment variable for deployed modules."""

    __tablename__ = "env"
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)


class JobRow(Row):
    """A job. `seq` is its place in the tenant's queue. The long columns come last: SQLite then leaves them alone."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(_one_of("status", JobStatus), name="status"),
        CheckConstraint(_one_of("kind", JobKind), name="kind"),
        UniqueConstraint("tenant_id", "idempotency_key"),
        Index(
            "uq_jobs_one_active_per_tenant",
            "tenant_id",
            unique=True,
            sqlite_where=text(_one_of("status", ACTIVE)),
            postgresql_where=text(_one_of("status", ACTIVE)),
        ),
        Index("ix_jobs_queue", "tenant_id", "status", "seq"),
        Index("ix_jobs_status_seq", "status", "seq"),
        {"sqlite_autoincrement": True},
    )
    seq: Mapped[int] = mapped_column(_BIG, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(Text, unique=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    created: Mapped[float] = mapped_column(Double)
    started: Mapped[float | None] = mapped_column(Double)
    ended: Mapped[float | None] = mapped_column(Double)
    owner: Mapped[str | None] = mapped_column(Text, index=True)
    epoch: Mapped[int] = mapped_column(default=0)
    revision: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[float | None] = mapped_column(Double)
    swept_at: Mapped[float | None] = mapped_column(Double)
    task_id: Mapped[str | None] = mapped_column(Text)
    published_at: Mapped[float] = mapped_column(Double)
    publish_count: Mapped[int] = mapped_column(default=0)
    keep_on_abort: Mapped[bool] = mapped_column(default=False)
    retries: Mapped[int] = mapped_column(default=0)
    message: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(String(32))
    requested_by: Mapped[str | None] = mapped_column(Text)
    idempotency_key: Mapped[str | None] = mapped_column(Text)
    request_digest: Mapped[str | None] = mapped_column(Text)
    callback_url: Mapped[str | None] = mapped_column(Text)
    callback_attempts: Mapped[int] = mapped_column(default=0)
    callback_due: Mapped[float | None] = mapped_column(Double, index=True)
    assumed: Mapped[str] = mapped_column(Text, default="")
    options: Mapped[str] = mapped_column(Text)
    request: Mapped[str | None] = mapped_column(Text)
    edges: Mapped[str | None] = mapped_column(Text)
    headers: Mapped[str | None] = mapped_column(Text)
    takeovers: Mapped[int] = mapped_column(default=0, server_default="0")
    takeover_ended: Mapped[int] = mapped_column(default=0, server_default="0")
    error_type: Mapped[str | None] = mapped_column(String(16))
    warnings: Mapped[str | None] = mapped_column(Text)
    first_started: Mapped[float | None] = mapped_column(Double)


class StepRow(Row):
    """One entry of a job's plan."""

    __tablename__ = "steps"
    __table_args__ = (
        CheckConstraint(_one_of("action", Action), name="action"),
        CheckConstraint(_one_of("stage", Stage), name="stage"),
        CheckConstraint(_one_of("status", StepStatus), name="status"),
    )
    job_seq: Mapped[int] = mapped_column(_BIG, ForeignKey("jobs.seq", ondelete="CASCADE"), primary_key=True)
    pos: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    module_id: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(String(16))
    from_id: Mapped[str | None] = mapped_column(Text)
    stage: Mapped[str] = mapped_column(String(16))
    status: Mapped[str | None] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(default=0)
    started: Mapped[float | None] = mapped_column(Double)
    ended: Mapped[float | None] = mapped_column(Double)
    revision: Mapped[int] = mapped_column(default=0)
    tenant_job_id: Mapped[str | None] = mapped_column(Text)
    tenant_job_url: Mapped[str | None] = mapped_column(Text)
    tenant_job_phase: Mapped[str | None] = mapped_column(String(16))
    message: Mapped[str | None] = mapped_column(Text)
    errors: Mapped[str | None] = mapped_column(Text)
    warnings: Mapped[str | None] = mapped_column(Text)
    instance_url: Mapped[str | None] = mapped_column(Text)
    last_tenant_job: Mapped[str | None] = mapped_column(Text)
    held_back: Mapped[bool] = mapped_column(default=False, server_default=false())


class JobEventRow(Row):
    """An event of a job's history: the event with that number in the commit that made the job's revision.

    `kind` has no check, so that a new kind of event needs no migration.
    """

    __tablename__ = "job_events"
    job_seq: Mapped[int] = mapped_column(_BIG, ForeignKey("jobs.seq", ondelete="CASCADE"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[float] = mapped_column(Double)
    kind: Mapped[str] = mapped_column(String(32))
    requester: Mapped[str | None] = mapped_column(Text)
    worker: Mapped[str | None] = mapped_column(Text)
    module_id: Mapped[str | None] = mapped_column(Text)
    action: Mapped[str | None] = mapped_column(String(16))
    from_id: Mapped[str | None] = mapped_column(Text)
    attempt: Mapped[int | None]
    message: Mapped[str | None] = mapped_column(Text)
    errors: Mapped[str | None] = mapped_column(Text)
    warnings: Mapped[str | None] = mapped_column(Text)


class DurationRow(Row):
    """The durations of a product's successful steps with that action, in seconds."""

    __tablename__ = "durations"
    product: Mapped[str] = mapped_column(Text, primary_key=True)
    action: Mapped[str] = mapped_column(String(16), primary_key=True)
    count: Mapped[int]
    mean: Mapped[float] = mapped_column(Double)
    longest: Mapped[float] = mapped_column(Double)


class LeftoverRow(Row):
    """A module whose own tenant job may continue after an abort; removed when a later job has changed its product."""

    __tablename__ = "tenant_leftovers"
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    module_id: Mapped[str] = mapped_column(Text, primary_key=True)
    product: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)


class WorkerRow(Row):
    """A worker process, by its last heartbeat."""

    __tablename__ = "workers"
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    beat_at: Mapped[float] = mapped_column(Double)
    jobs: Mapped[int]
    concurrency: Mapped[int | None]
    version: Mapped[str | None] = mapped_column(Text)


class RolloutRow(Row):
    """A rollout. `pause_seconds` counts only with `pause_after_wave`; without it, a client has to resume."""

    __tablename__ = "rollouts"
    __table_args__ = (
        CheckConstraint(_one_of("status", RolloutStatus), name="status"),
        Index("ix_rollouts_status_seq", "status", "seq"),
        {"sqlite_autoincrement": True},
    )
    seq: Mapped[int] = mapped_column(_BIG, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    created: Mapped[float] = mapped_column(Double)
    ended: Mapped[float | None] = mapped_column(Double)
    wave: Mapped[int]
    wave_count: Mapped[int]
    max_concurrent: Mapped[int]
    max_failures: Mapped[int]
    max_per_module: Mapped[int | None]
    pause_after_wave: Mapped[bool]
    pause_seconds: Mapped[float | None] = mapped_column(Double)
    hold_until: Mapped[float | None] = mapped_column(Double)
    pause_reason: Mapped[str | None] = mapped_column(String(16))
    requested_by: Mapped[str | None] = mapped_column(Text)
    callback_url: Mapped[str | None] = mapped_column(Text)
    callback_attempts: Mapped[int] = mapped_column(default=0)
    callback_due: Mapped[float | None] = mapped_column(Double, index=True)
    idempotency_key: Mapped[str | None] = mapped_column(Text, unique=True)
    request_digest: Mapped[str | None] = mapped_column(Text)
    tenant_seconds: Mapped[float | None] = mapped_column(Double)
    revision: Mapped[int] = mapped_column(default=0)
    options: Mapped[str] = mapped_column(Text)
    request: Mapped[str | None] = mapped_column(Text)
    windows: Mapped[str | None] = mapped_column(Text)
    headers: Mapped[str | None] = mapped_column(Text)


class RolloutTenantRow(Row):
    """A tenant of a rollout. No foreign keys to `tenants` and `jobs`: the record outlives them."""

    __tablename__ = "rollout_tenants"
    __table_args__ = (
        CheckConstraint(_one_of("status", TenantStatus), name="status"),
        UniqueConstraint("rollout_seq", "tenant_id"),
        Index("ix_rollout_tenants_turn", "rollout_seq", "status", "wave", "pos"),
    )
    rollout_seq: Mapped[int] = mapped_column(_BIG, ForeignKey("rollouts.seq", ondelete="CASCADE"), primary_key=True)
    pos: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    tenant_id: Mapped[str] = mapped_column(Text)
    wave: Mapped[int]
    status: Mapped[str] = mapped_column(String(16))
    job_id: Mapped[str | None] = mapped_column(Text, index=True)
    started: Mapped[float | None] = mapped_column(Double)
    ended: Mapped[float | None] = mapped_column(Double)
    pardoned: Mapped[bool]
    attempts: Mapped[int]
    module_id: Mapped[str | None] = mapped_column(Text)
    message: Mapped[str | None] = mapped_column(Text)


class AccessKeyRow(Row):
    """An API key, as a hash."""

    __tablename__ = "access_keys"
    __table_args__ = (CheckConstraint(_one_of("role", Role), name="role"),)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(Text, unique=True)
    created: Mapped[float] = mapped_column(Double)


class PageSessionRow(Row):
    """A session of the page, as the hash of its cookie. Its key may be in the settings, hence no foreign key."""

    __tablename__ = "page_sessions"
    digest: Mapped[str] = mapped_column(Text, primary_key=True)
    key_name: Mapped[str | None] = mapped_column(Text)
    key_mark: Mapped[str] = mapped_column(Text)
    created: Mapped[float] = mapped_column(Double)


class ModuleTurnRow(Row):
    """A step that calls a module which only so many may call at once, or waits for that. `seq` is its place."""

    __tablename__ = "module_turns"
    __table_args__ = (
        UniqueConstraint("job_seq", "pos"),
        Index("ix_module_turns_queue", "product", "seq"),
        {"sqlite_autoincrement": True},
    )
    seq: Mapped[int] = mapped_column(_BIG, primary_key=True, autoincrement=True)
    job_seq: Mapped[int] = mapped_column(_BIG, ForeignKey("jobs.seq", ondelete="CASCADE"))
    pos: Mapped[int]
    product: Mapped[str] = mapped_column(Text)
    epoch: Mapped[int]
    granted: Mapped[bool]
    rollout_id: Mapped[str | None] = mapped_column(Text)
    of_rollout: Mapped[int | None]


class CounterRow(Row):
    """A counter of the metrics; `labels` is a JSON array of pairs."""

    __tablename__ = "counters"
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    labels: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[float] = mapped_column(Double)


MODULES, REGISTRY_LOG = cast(Table, ModuleRow.__table__), cast(Table, RegistryLogRow.__table__)
MIRRORED_OKAPI = cast(Table, MirroredOkapiRow.__table__)
TENANTS, ENABLED = cast(Table, TenantRow.__table__), cast(Table, EnabledRow.__table__)
INSTANCES, ENV = cast(Table, InstanceRow.__table__), cast(Table, EnvRow.__table__)
JOBS, STEPS = cast(Table, JobRow.__table__), cast(Table, StepRow.__table__)
ACCESS_KEYS, PAGE_SESSIONS = cast(Table, AccessKeyRow.__table__), cast(Table, PageSessionRow.__table__)
JOB_EVENTS = cast(Table, JobEventRow.__table__)
DURATIONS, LEFTOVERS = cast(Table, DurationRow.__table__), cast(Table, LeftoverRow.__table__)
WORKERS, COUNTERS = cast(Table, WorkerRow.__table__), cast(Table, CounterRow.__table__)
ROLLOUTS, ROLLOUT_TENANTS = cast(Table, RolloutRow.__table__), cast(Table, RolloutTenantRow.__table__)
MODULE_TURNS = cast(Table, ModuleTurnRow.__table__)
