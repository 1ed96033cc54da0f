"""The first tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_ACTIVE = sa.text("status IN ('aborting', 'running')")


def upgrade() -> None:
    """Makes them all."""
    _registry()
    _tenants()
    _discovery()
    _jobs()
    _steps()
    _history()


def downgrade() -> None:
    """Drops them all, those that are referred to last."""
    for table in (
        *("workers", "tenant_leftovers", "durations", "steps", "jobs", "env", "instances"),
        *("enabled", "tenants", "registry_log", "modules"),
    ):
        op.drop_table(table)


def _needed(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _optional(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True)


def _number(table: str) -> tuple[sa.Column[Any], sa.PrimaryKeyConstraint]:
    return (
        sa.Column("seq", _BIG, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=f"pk_{table}"),
    )


def _of_tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=f"fk_{table}_tenant_id", ondelete="CASCADE")


def _registry() -> None:
    op.create_table(
        "modules",
        _needed("id", sa.Text()),
        _needed("document", sa.Text()),
        _needed("summary", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_modules"),
    )
    op.create_table(
        "registry_log",
        *_number("registry_log"),
        _needed("module_id", sa.Text()),
        _needed("removed", sa.Boolean()),
        sqlite_autoincrement=True,
    )


def _tenants() -> None:
    op.create_table(
        "tenants",
        _needed("id", sa.Text()),
        _optional("name", sa.Text()),
        _optional("description", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_tenants"),
    )
    op.create_table(
        "enabled",
        _needed("tenant_id", sa.Text()),
        _needed("module_id", sa.Text()),
        _of_tenant("enabled"),
        sa.PrimaryKeyConstraint("tenant_id", "module_id", name="pk_enabled"),
    )
    op.create_index("ix_enabled_module_id", "enabled", ["module_id"])


def _discovery() -> None:
    op.create_table(
        "instances",
        *_number("instances"),
        _needed("inst_id", sa.Text()),
        _needed("srvc_id", sa.Text()),
        _optional("url", sa.Text()),
        _needed("document", sa.Text()),
        sa.UniqueConstraint("inst_id", name="uq_instances_inst_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_instances_srvc_id", "instances", ["srvc_id"])
    op.create_table(
        "env",
        _needed("name", sa.Text()),
        _needed("value", sa.Text()),
        _optional("description", sa.Text()),
        sa.PrimaryKeyConstraint("name", name="pk_env"),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        *_number("jobs"),
        *_job_state(),
        *_job_request(),
        sa.CheckConstraint("kind IN ('install', 'module', 'upgrade')", name=op.f("ck_jobs_kind")),
        sa.CheckConstraint("status IN ('aborting', 'done', 'error', 'queued', 'running')", name=op.f("ck_jobs_status")),
        _of_tenant("jobs"),
        sa.UniqueConstraint("id", name="uq_jobs_id"),
        sa.UniqueConstraint("tenant_id", "idempotency_key", name="uq_jobs_tenant_id_idempotency_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_callback_due", "jobs", ["callback_due"])
    op.create_index("ix_jobs_owner", "jobs", ["owner"])
    op.create_index("ix_jobs_queue", "jobs", ["tenant_id", "status", "seq"])
    op.create_index("ix_jobs_status_seq", "jobs", ["status", "seq"])
    op.create_index(
        "uq_jobs_one_active_per_tenant",
        "jobs",
        ["tenant_id"],
        unique=True,
        sqlite_where=_ACTIVE,
        postgresql_where=_ACTIVE,
    )


def _job_state() -> tuple[sa.Column[Any], ...]:
    return (
        _needed("id", sa.Text()),
        _needed("tenant_id", sa.Text()),
        _needed("kind", sa.String(16)),
        _needed("status", sa.String(16)),
        _needed("created", sa.Double()),
        _optional("started", sa.Double()),
        _optional("ended", sa.Double()),
        _optional("owner", sa.Text()),
        _needed("epoch", sa.Integer()),
        _needed("revision", sa.Integer()),
        _optional("lease_until", sa.Double()),
        _optional("swept_at", sa.Double()),
        _optional("task_id", sa.Text()),
        _needed("published_at", sa.Double()),
        _needed("publish_count", sa.Integer()),
        _needed("keep_on_abort", sa.Boolean()),
        _needed("retries", sa.Integer()),
    )


def _job_request() -> tuple[sa.Column[Any], ...]:
    return (
        _optional("message", sa.Text()),
        _optional("error_status", sa.Integer()),
        _optional("reason", sa.String(32)),
        _optional("requested_by", sa.Text()),
        _optional("idempotency_key", sa.Text()),
        _optional("request_digest", sa.Text()),
        _optional("callback_url", sa.Text()),
        _optional("callback_state", sa.String(16)),
        _needed("callback_attempts", sa.Integer()),
        _optional("callback_due", sa.Double()),
        _needed("assumed", sa.Text()),
        _needed("options", sa.Text()),
        _optional("sealed_headers", sa.LargeBinary()),
        _optional("request", sa.Text()),
        _optional("edges", sa.Text()),
    )


def _steps() -> None:
    op.create_table(
        "steps",
        _needed("job_seq", _BIG),
        sa.Column("pos", sa.Integer(), autoincrement=False, nullable=False),
        _needed("module_id", sa.Text()),
        _needed("action", sa.String(16)),
        _optional("from_id", sa.Text()),
        _needed("stage", sa.String(16)),
        _optional("status", sa.String(16)),
        _needed("attempts", sa.Integer()),
        _optional("started", sa.Double()),
        _optional("ended", sa.Double()),
        _needed("revision", sa.Integer()),
        _optional("tenant_job_id", sa.Text()),
        _optional("tenant_job_url", sa.Text()),
        _optional("tenant_job_phase", sa.String(16)),
        _optional("message", sa.Text()),
        _optional("errors", sa.Text()),
        _optional("warnings", sa.Text()),
        sa.CheckConstraint(
            "action IN ('conflict', 'disable', 'enable', 'suggest', 'uptodate')", name=op.f("ck_steps_action")
        ),
        sa.CheckConstraint("stage IN ('deploy', 'done', 'invoke', 'pending', 'undeploy')", name=op.f("ck_steps_stage")),
        sa.CheckConstraint("status IN ('done', 'error', 'running')", name=op.f("ck_steps_status")),
        sa.ForeignKeyConstraint(["job_seq"], ["jobs.seq"], name="fk_steps_job_seq", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_seq", "pos", name="pk_steps"),
    )


def _history() -> None:
    op.create_table(
        "durations",
        _needed("product", sa.Text()),
        _needed("action", sa.String(16)),
        _needed("count", sa.Integer()),
        _needed("mean", sa.Double()),
        _needed("longest", sa.Double()),
        sa.PrimaryKeyConstraint("product", "action", name="pk_durations"),
    )
    op.create_table(
        "tenant_leftovers",
        _needed("tenant_id", sa.Text()),
        _needed("module_id", sa.Text()),
        _needed("product", sa.Text()),
        _needed("text", sa.Text()),
        _needed("at", sa.Double()),
        _of_tenant("tenant_leftovers"),
        sa.PrimaryKeyConstraint("tenant_id", "module_id", name="pk_tenant_leftovers"),
    )
    op.create_table(
        "workers",
        _needed("name", sa.Text()),
        _needed("beat_at", sa.Double()),
        _needed("jobs", sa.Integer()),
        sa.PrimaryKeyConstraint("name", name="pk_workers"),
    )
