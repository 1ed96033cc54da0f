"""INSERT … ON CONFLICT for both databases: SQLAlchemy has one construct for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Insert, Table
from sqlalchemy.dialects import postgresql, sqlite

_INSERTS: Mapping[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class Upsert:
    """A statement in the dialect of whatever connection it is run on, built once."""

    def __init__(self, build: Callable[[Callable[[Table], Any]], Insert]) -> None:
        self._statements = {name: build(insert) for name, insert in _INSERTS.items()}

    def run(self, connection: Connection, rows: Sequence[Mapping[str, object]]) -> int:
        """Runs it for every row of parameters; how many rows were written, where the driver knows."""
        if not rows:
            return 0
        return connection.execute(self._statements[connection.dialect.name], list(rows)).rowcount


def ignoring(table: Table) -> Upsert:
    """Inserts what is not there."""
    return Upsert(lambda insert: insert(table).on_conflict_do_nothing())


def replacing(table: Table) -> Upsert:
    """Inserts, or replaces all columns but the key."""
    keys = [column.name for column in table.primary_key]
    others = [column.name for column in table.columns if not column.primary_key]
    return upserting(table, lambda new: {name: new[name] for name in others}, keys)


def upserting(
    table: Table,
    changes: Callable[[Any], Mapping[str, Any]],
    keys: Sequence[str],
    fixed: Mapping[str, Any] | None = None,
) -> Upsert:
    """Inserts, or makes those changes, told by the columns of the row that was to be inserted.

    `fixed` are columns of a new row that are not parameters.
    """

    def build(insert: Callable[[Table], Any]) -> Insert:
        statement = insert(table).values(**fixed) if fixed else insert(table)
        changed: Insert = statement.on_conflict_do_update(index_elements=keys, set_=changes(statement.excluded))
        return changed

    return Upsert(build)
