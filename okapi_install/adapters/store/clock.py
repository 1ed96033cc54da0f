"""The database's clock as an SQL expression. The clocks of workers may differ; this one decides leases and order."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Double
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class db_now(FunctionElement[float]):  # noqa: N801 - reads like the SQL function that it is
    """Seconds since 1970 by the database's clock, as it goes on inside a transaction (PostgreSQL's now() stands)."""

    type = Double()
    inherit_cache = True


@compiles(db_now, "postgresql")
def _on_postgresql(_element: db_now, _compiler: SQLCompiler, **_options: Any) -> str:
    return "CAST(extract(epoch from clock_timestamp()) AS double precision)"


@compiles(db_now, "sqlite")
def _on_sqlite(_element: db_now, _compiler: SQLCompiler, **_options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"
