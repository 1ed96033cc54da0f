"""The list of tenants as HTML: what each has, what it does now, and how its last job ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from jinja2 import Environment
from markupsafe import Markup

from okapi_install.domain.presentation.states import state_of
from okapi_install.service.ports import LastJob, Tenant, TenantOverview
from okapi_install.service.tenants import TenantService
from okapi_install.web.page.recent import Look, Recent
from okapi_install.web.states import STYLES, StateStyle

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class TenantPart:
    """A part of the list: tenants whose id or name contains a text. Pages count from 1."""

    query: str = ""
    page: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantLine:
    """A tenant in the list."""

    id: str
    name: str | None
    modules: int
    active: str | None
    waiting: int
    last: LastJob | None
    last_state: StateStyle | None

    @classmethod
    def of(cls, tenant: Tenant, seen: TenantOverview) -> TenantLine:
        """A tenant and what was seen of it."""
        return cls(
            id=tenant.id,
            name=tenant.name,
            modules=seen.modules,
            active=seen.active,
            waiting=seen.waiting,
            last=seen.last,
            last_state=None if seen.last is None else STYLES[state_of(seen.last.status, seen.last.reason)],
        )


def matching(tenants: Iterable[Tenant], query: str) -> list[Tenant]:
    """The tenants whose id or name contains the text, whatever its case."""
    wanted = query.casefold()
    return [tenant for tenant in tenants if wanted in tenant.id.casefold() or wanted in (tenant.name or "").casefold()]


class TenantList:
    """Reads parts of the list: the tenants, and then one statement for those of the page."""

    def __init__(self, tenants: TenantService, templates: Environment, monotonic: Callable[[], float]) -> None:
        self._tenants = tenants
        self._template = templates.get_template("tenants/rows.html")
        self._recent = Recent(self.fresh, monotonic)

    def fresh(self, part: TenantPart) -> Look:
        """The part as of now."""
        found = matching(self._tenants.all(), part.query)
        shown = found[(part.page - 1) * PER_PAGE : part.page * PER_PAGE]
        seen = self._tenants.overviews([tenant.id for tenant in shown])
        lines = [TenantLine.of(tenant, seen[tenant.id]) for tenant in shown if tenant.id in seen]
        html = Markup(self._template.render(tenants=lines, part=part))  # noqa: S704 - a template that escapes
        active = any(line.active or line.waiting for line in lines)
        return Look((len(found), *lines), html, len(found), active, PER_PAGE)

    def recent(self, part: TenantPart) -> Look:
        """The part, at most a second old, or a little more if the store is slow."""
        return self._recent.look(part)
