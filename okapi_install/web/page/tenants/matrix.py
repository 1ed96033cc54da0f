"""The matrix of versions: tenants by products, and what is behind the newest release in the registry.

A site may have 500 tenants and 150 products. So a version is rendered once, and rows are joined without a template.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from markupsafe import Markup, escape

from okapi_install.domain.foreign_text import visible
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.domain.registry.index import Index
from okapi_install.domain.registry.releases import is_behind, newest_release
from okapi_install.service.ports import Tenant
from okapi_install.web.words import segment

PER_PAGE = 500

_NOTHING = "<td>"


class Only(StrEnum):
    """Which products are shown."""

    ALL = ""
    DIFFERS = "differs"
    """Those that not all tenants have in the same version."""
    BEHIND = "behind"
    """Those of which a tenant has an older version than the newest release."""


@dataclass(frozen=True, slots=True)
class MatrixPart:
    """What of the matrix is shown: tenants and products that contain a text, and pages of tenants, from 1."""

    query: str = ""
    product: str = ""
    only: Only = Only.ALL
    page: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A product: its newest release, and how many of the tenants have it, are behind, or have how many versions."""

    product: str
    newest: str | None
    """The id of the newest release."""
    version: str
    used: int
    behind: int
    differs: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Matrix:
    """The matrix of some tenants. `rows` are those of the page as HTML."""

    columns: tuple[Column, ...]
    products: int
    tenants: int
    rows: Markup


@dataclass(frozen=True, slots=True)
class _Cell:
    """A module that tenants have enabled."""

    product: str
    behind: bool
    html: str


def matrix(tenants: Sequence[Tenant], enabled: Mapping[str, Iterable[str]], index: Index, part: MatrixPart) -> Matrix:
    """The matrix of those tenants, by what they have enabled."""
    cell = _cells(index)
    table = [{(found := cell(module)).product: found for module in enabled.get(tenant.id, ())} for tenant in tenants]
    columns = _columns(table, index)
    shown = tuple(column for column in columns if part.product in column.product and _counts(column, part.only))
    first = (part.page - 1) * PER_PAGE
    products = [column.product for column in shown]
    rows = (_row(t, row, products) for t, row in list(zip(tenants, table, strict=True))[first : first + PER_PAGE])
    html = Markup("\n".join(rows))  # noqa: S704 - each part is escaped
    return Matrix(columns=shown, products=len(columns), tenants=len(tenants), rows=html)


def _cells(index: Index) -> Callable[[str], _Cell]:
    """Makes the cell of a module id, once for each."""
    made: dict[str, _Cell] = {}

    def cell(module_id: str) -> _Cell:
        found = made.get(module_id)
        if found is None:
            found = made[module_id] = _cell(index, ModuleId.parse(module_id))
        return found

    return cell


def _cell(index: Index, module: ModuleId) -> _Cell:
    behind = is_behind(index, module)
    version = escape(visible(module.version.text if module.version else module.text))
    return _Cell(module.product, behind, f"<td class=b>{version} ↑" if behind else f"<td>{version}")


def _columns(table: Sequence[Mapping[str, _Cell]], index: Index) -> list[Column]:
    used: dict[str, int] = {}
    behind: dict[str, int] = {}
    versions: dict[str, set[str]] = {}
    for row in table:
        for product, cell in row.items():
            used[product] = used.get(product, 0) + 1
            versions.setdefault(product, set()).add(cell.html)
            if cell.behind:
                behind[product] = behind.get(product, 0) + 1
    return [_column(index, p, used[p], behind.get(p, 0), len(versions[p]), len(table)) for p in sorted(used)]


def _column(index: Index, product: str, used: int, behind: int, versions: int, tenants: int) -> Column:
    newest = newest_release(index, product)
    return Column(
        product=product,
        newest=newest.id if newest else None,
        version=newest.module_id.version.text if newest and newest.module_id.version else "",
        used=used,
        behind=behind,
        differs=versions > 1 or used < tenants,
    )


def _counts(column: Column, only: Only) -> bool:
    if only is Only.DIFFERS:
        return column.differs
    return only is Only.ALL or column.behind > 0


def _row(tenant: Tenant, row: Mapping[str, _Cell], products: Iterable[str]) -> str:
    cells = "".join([cell.html if (cell := row.get(product)) else _NOTHING for product in products])
    name = escape(visible(tenant.id))
    return f'<tr><th scope=row><a href="/tenants/{escape(segment(tenant.id))}">{name}</a></th>{cells}'
