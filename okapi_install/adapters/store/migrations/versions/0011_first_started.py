"""When a job was started first, before its retries. Of a job that was retried already, this is not known any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column."""
    op.add_column("jobs", sa.Column("first_started", sa.Double(), nullable=True))
    op.execute("UPDATE jobs SET first_started = started")


def downgrade() -> None:
    """Drops it."""
    op.drop_column("jobs", "first_started")
