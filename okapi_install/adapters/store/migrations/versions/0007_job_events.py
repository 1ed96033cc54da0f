"""The histories of jobs. A job that is older has none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=True) for name in names]


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "job_events",
        sa.Column("job_seq", _BIG, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        *_texts("requester", "worker", "module_id"),
        sa.Column("action", sa.String(16), nullable=True),
        *_texts("from_id"),
        sa.Column("attempt", sa.Integer(), nullable=True),
        *_texts("message", "errors", "warnings"),
        sa.ForeignKeyConstraint(["job_seq"], ["jobs.seq"], name="fk_job_events_job_seq", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_seq", "revision", "number", name="pk_job_events"),
    )


def downgrade() -> None:
    """Drops it."""
    op.drop_table("job_events")
