"""How often a job was taken over since a step of it has ended: one that ends worker after worker must end itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns."""
    for name in ("takeovers", "takeover_ended"):
        op.add_column("jobs", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Drops them."""
    for name in ("takeovers", "takeover_ended"):
        op.drop_column("jobs", name)
