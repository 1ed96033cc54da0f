"""Of which Okapi the store is a copy, and modules that this Okapi has no more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table, and lets modules be without a summary."""
    op.create_table(
        "mirrored_okapi",
        sa.Column("single", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.CheckConstraint("single = 1", name="single"),
        sa.PrimaryKeyConstraint("single", name="pk_mirrored_okapi"),
    )
    with op.batch_alter_table("modules") as modules:
        modules.alter_column("summary", existing_type=sa.Text(), nullable=True)


def downgrade() -> None:
    """Drops the table, and modules without a summary."""
    op.execute("DELETE FROM modules WHERE summary IS NULL")
    with op.batch_alter_table("modules") as modules:
        modules.alter_column("summary", existing_type=sa.Text(), nullable=False)
    op.drop_table("mirrored_okapi")
