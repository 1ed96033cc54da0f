"""Which instance of its module a step has called, and the id of its last tenant job."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns."""
    for name in ("instance_url", "last_tenant_job"):
        op.add_column("steps", sa.Column(name, sa.Text(), nullable=True))


def downgrade() -> None:
    """Drops them."""
    for name in ("instance_url", "last_tenant_job"):
        op.drop_column("steps", name)
