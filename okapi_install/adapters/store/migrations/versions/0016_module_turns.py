"""The queues of steps that may call a module only a few at a time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "module_turns",
        sa.Column("seq", _BIG, autoincrement=True, nullable=False),
        sa.Column("job_seq", _BIG, nullable=False),
        sa.Column("pos", sa.Integer(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("rollout_id", sa.Text(), nullable=True),
        sa.Column("of_rollout", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["job_seq"], ["jobs.seq"], name="fk_module_turns_job_seq", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("seq", name="pk_module_turns"),
        sa.UniqueConstraint("job_seq", "pos", name="uq_module_turns_job_seq_pos"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_module_turns_queue", "module_turns", ["product", "seq"])


def downgrade() -> None:
    """Drops it."""
    op.drop_table("module_turns")
