"""Rows that a statement is given as one JSON parameter, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, TableValuedAlias, Text, bindparam, cast, column, func
from sqlalchemy.dialects.postgresql import JSONB


def given_rows(parameter: str, columns: Iterable[Column[Any]]) -> TableValuedAlias:
    """The rows in the JSON parameter, as a table with columns of these names and types."""
    named = [column(one.name, one.type) for one in columns]
    rows = func.jsonb_to_recordset(cast(bindparam(parameter, type_=Text()), JSONB)).table_valued(*named)
    return rows.render_derived(name=f"given_{parameter}", with_types=True)
