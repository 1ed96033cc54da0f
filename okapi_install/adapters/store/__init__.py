"""The SQL store, on SQLite or PostgreSQL: the only place that knows tables, transactions and migrations.

It decides nothing about plans and sends no messages.
"""

from __future__ import annotations

from okapi_install.adapters.store.schema import check_schema, migrate
from okapi_install.adapters.store.store import SqlStore, ensure_builtin, open_store

__all__ = ["SqlStore", "check_schema", "ensure_builtin", "migrate", "open_store"]
