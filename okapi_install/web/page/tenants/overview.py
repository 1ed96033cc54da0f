"""The list of tenants as HTML: what each has, what it does now, and how its last job ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from jinja2 import Environment
from markupsafe import Markup

from okapi_install.domain.presentation.states import State, state_of
from okapi_install.service.ports import LastJob, Tenant, TenantOverview
from okapi_install.service.tenants import TenantService
from okapi_install.web.page.recent import Look, Recent
from okapi_install.web.states import STYLES, StateStyle

PER_PAGE = 50


class Which(StrEnum):
    """Which tenants are shown."""

    ALL = ""
    FAILED = "failed"
    """Those whose last job failed."""
    BUSY = "busy"
    """Those that have a job that runs or waits."""


@dataclass(frozen=True, slots=True)
class TenantPart:
    """A part of the list: tenants whose id or name contains a text, all or some of them. Pages count from 1."""

    query: str = ""
    which: Which = Which.ALL
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

    @property
    def busy(self) -> bool:
        """Whether a job of it runs or waits."""
        return self.active is not None or self.waiting > 0

    @property
    def failed(self) -> bool:
        """Whether its last job failed. One that was stopped did not."""
        return self.last is not None and state_of(self.last.status, self.last.reason) is State.FAILED


def matching(tenants: Iterable[Tenant], query: str) -> list[Tenant]:
    """The tenants whose id or name contains the text, whatever its case."""
    wanted = query.casefold()
    return [tenant for tenant in tenants if wanted in tenant.id.casefold() or wanted in (tenant.name or "").casefold()]


class TenantList:
    """Reads parts of the list: the tenants, and then one statement for those that are shown or chosen from."""

    def __init__(self, tenants: TenantService, templates: Environment, monotonic: Callable[[], float]) -> None:
        self._tenants = tenants
        self._template = templates.get_template("tenants/rows.html")
        self._recent = Recent(self.fresh, monotonic)

    def fresh(self, part: TenantPart) -> Look:
        """The part as of now."""
        found = matching(self._tenants.all(), part.query)
        page = slice((part.page - 1) * PER_PAGE, part.page * PER_PAGE)
        if part.which is Which.ALL:
            lines, total = self._lines(found[page]), len(found)
        else:
            busy = part.which is Which.BUSY
            chosen = [line for line in self._lines(found) if (line.busy if busy else line.failed)]
            lines, total = chosen[page], len(chosen)
        html = Markup(self._template.render(tenants=lines, part=part))  # noqa: S704 - a template that escapes
        return Look((total, *lines), html, total, any(line.busy for line in lines), PER_PAGE)

    def _lines(self, tenants: Sequence[Tenant]) -> list[TenantLine]:
        seen = self._tenants.overviews([tenant.id for tenant in tenants])
        return [TenantLine.of(tenant, seen[tenant.id]) for tenant in tenants if tenant.id in seen]

    def recent(self, part: TenantPart) -> Look:
        """The part, at most a second old, or a little more if the store is slow."""
        return self._recent.look(part)
