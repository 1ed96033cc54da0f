"""API keys with a name and a role, and sessions of the page."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "access_keys",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.CheckConstraint("role IN ('operate', 'read')", name=op.f("ck_access_keys_role")),
        sa.PrimaryKeyConstraint("name", name="pk_access_keys"),
        sa.UniqueConstraint("digest", name="uq_access_keys_digest"),
    )
    op.create_table(
        "page_sessions",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("key_name", sa.Text(), nullable=True),
        sa.Column("key_mark", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_page_sessions"),
    )


def downgrade() -> None:
    """Drops them."""
    op.drop_table("page_sessions")
    op.drop_table("access_keys")
