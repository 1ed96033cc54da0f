"""The stage of a step whose module is initialised but not recorded yet, and warnings about a job as a whole."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_NEW = "stage IN ('deploy', 'done', 'initialised', 'invoke', 'pending', 'undeploy')"
_OLD = "stage IN ('deploy', 'done', 'invoke', 'pending', 'undeploy')"


def _check_stages(condition: str) -> None:
    """Replaces the check. SQLite copies the table for it."""
    with op.batch_alter_table("steps") as steps:
        steps.drop_constraint(op.f("ck_steps_stage"), type_="check")
        steps.create_check_constraint(op.f("ck_steps_stage"), sa.text(condition))


def upgrade() -> None:
    """Allows the stage, and adds the column."""
    op.add_column("jobs", sa.Column("warnings", sa.Text(), nullable=True))
    _check_stages(_NEW)


def downgrade() -> None:
    """Removes both. Such a module is called again then."""
    op.execute("UPDATE steps SET stage = 'invoke' WHERE stage = 'initialised'")
    _check_stages(_OLD)
    op.drop_column("jobs", "warnings")
