"""Rollouts and their tenants."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the tables."""
    _make_rollouts()
    _make_tenants()


def _make_rollouts() -> None:
    op.create_table(
        "rollouts",
        sa.Column("seq", _BIG, autoincrement=True, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("id", "name")),
        *(sa.Column(name, sa.String(16), nullable=False) for name in ("kind", "status")),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("ended", sa.Double(), nullable=True),
        *(
            sa.Column(name, sa.Integer(), nullable=False)
            for name in ("wave", "wave_count", "max_concurrent", "max_failures")
        ),
        sa.Column("max_per_module", sa.Integer(), nullable=True),
        sa.Column("pause_after_wave", sa.Boolean(), nullable=False),
        sa.Column("pause_seconds", sa.Double(), nullable=True),
        sa.Column("hold_until", sa.Double(), nullable=True),
        sa.Column("pause_reason", sa.String(16), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=True),
        sa.Column("callback_url", sa.Text(), nullable=True),
        sa.Column("callback_attempts", sa.Integer(), nullable=False),
        sa.Column("callback_due", sa.Double(), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("request_digest", sa.Text(), nullable=True),
        sa.Column("tenant_seconds", sa.Double(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("request", "windows", "headers")),
        sa.CheckConstraint(
            "status IN ('aborted', 'aborting', 'done', 'error', 'paused', 'running')", name=op.f("ck_rollouts_status")
        ),
        sa.PrimaryKeyConstraint("seq", name="pk_rollouts"),
        sa.UniqueConstraint("id", name="uq_rollouts_id"),
        sa.UniqueConstraint("idempotency_key", name="uq_rollouts_idempotency_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_rollouts_status_seq", "rollouts", ["status", "seq"])
    op.create_index("ix_rollouts_callback_due", "rollouts", ["callback_due"])


def _make_tenants() -> None:
    op.create_table(
        "rollout_tenants",
        sa.Column("rollout_seq", _BIG, nullable=False),
        sa.Column("pos", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=True),
        *(sa.Column(name, sa.Double(), nullable=True) for name in ("started", "ended")),
        sa.Column("pardoned", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("module_id", "message")),
        sa.CheckConstraint(
            "status IN ('done', 'error', 'running', 'skipped', 'uptodate', 'waiting')",
            name=op.f("ck_rollout_tenants_status"),
        ),
        sa.ForeignKeyConstraint(
            ["rollout_seq"], ["rollouts.seq"], name="fk_rollout_tenants_rollout_seq", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("rollout_seq", "pos", name="pk_rollout_tenants"),
        sa.UniqueConstraint("rollout_seq", "tenant_id", name="uq_rollout_tenants_rollout_seq_tenant_id"),
    )
    op.create_index("ix_rollout_tenants_turn", "rollout_tenants", ["rollout_seq", "status", "wave", "pos"])
    op.create_index("ix_rollout_tenants_job_id", "rollout_tenants", ["job_id"])


def downgrade() -> None:
    """Drops them."""
    op.drop_table("rollout_tenants")
    op.drop_table("rollouts")
