"""Whose error a job's end was, by Okapi's names and not as an HTTP status."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_NAMES = {400: "user", 404: "not_found", 500: "internal"}


def upgrade() -> None:
    """Replaces the column."""
    op.add_column("jobs", sa.Column("error_type", sa.String(16), nullable=True))
    for status, name in _NAMES.items():
        op.execute(f"UPDATE jobs SET error_type = '{name}' WHERE error_status = {status}")  # noqa: S608 - of ours
    op.drop_column("jobs", "error_status")


def downgrade() -> None:
    """Brings the old column back."""
    op.add_column("jobs", sa.Column("error_status", sa.Integer(), nullable=True))
    for status, name in _NAMES.items():
        op.execute(f"UPDATE jobs SET error_status = {status} WHERE error_type = '{name}'")  # noqa: S608 - of ours
    op.drop_column("jobs", "error_type")
