"""Alembic's entry: runs migrations on the connection, and in the transaction, that schema.py hands over."""

from __future__ import annotations

from alembic import context

from okapi_install.adapters.store.tables import Row

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Row.metadata,
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
