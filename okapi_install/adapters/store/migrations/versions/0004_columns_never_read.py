"""Columns that were written and never read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drops them."""
    op.drop_column("jobs", "callback_state")
    op.drop_column("registry_log", "removed")
    op.drop_column("tenant_leftovers", "at")


def downgrade() -> None:
    """Brings them back, with what can be said of old rows."""
    op.add_column("jobs", sa.Column("callback_state", sa.String(16), nullable=True))
    op.add_column("registry_log", sa.Column("removed", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("tenant_leftovers", sa.Column("at", sa.Double(), nullable=False, server_default="0"))
