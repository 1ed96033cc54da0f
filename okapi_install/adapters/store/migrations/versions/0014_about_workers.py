"""What workers report about themselves: how many jobs they run at once, and their version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns."""
    op.add_column("workers", sa.Column("concurrency", sa.Integer(), nullable=True))
    op.add_column("workers", sa.Column("version", sa.Text(), nullable=True))


def downgrade() -> None:
    """Drops them."""
    op.drop_column("workers", "version")
    op.drop_column("workers", "concurrency")
