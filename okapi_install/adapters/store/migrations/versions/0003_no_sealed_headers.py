"""No token is kept with a job any more: what is left of a request's headers is no secret, and is not encrypted.

Jobs that are under way lose the headers that they came with; no module needs them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replaces the column."""
    op.drop_column("jobs", "sealed_headers")
    op.add_column("jobs", sa.Column("headers", sa.Text(), nullable=True))


def downgrade() -> None:
    """Brings the old column back, empty."""
    op.drop_column("jobs", "headers")
    op.add_column("jobs", sa.Column("sealed_headers", sa.LargeBinary(), nullable=True))
