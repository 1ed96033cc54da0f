"""What the simulated modules were asked, how often, and how much of it at once. It decides nothing."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from okapi_install.demo.wire import Request

MOST_CALLS = 100_000
_KEPT_HEADERS = ("accept", "authorization", "content-type", "user-agent")


@dataclass(slots=True)
class Call:
    """One call of a module.

    `end` is `answered`, `reset`, `garbage`, `hung up` (by the caller), or None while it runs.
    """

    at: float
    kind: str
    module: str
    tenant: str
    request: Request
    status: int | None = None
    end: str | None = None

    def document(self) -> dict[str, object]:
        """The call as JSON: headers are those of FOLIO and of content negotiation, the body as text."""
        kept = {n: v for n, v in self.request.headers.items() if n.startswith("x-okapi") or n in _KEPT_HEADERS}
        return {
            "at": round(self.at, 4),
            "call": self.kind,
            "module": self.module,
            "tenant": self.tenant,
            "method": self.request.method,
            "path": self.request.path,
            "query": dict(self.request.query),
            "headers": kept,
            "body": self.request.body.decode("utf-8", "replace"),
            "status": self.status,
            "end": self.end,
        }


@dataclass(slots=True)
class _Gauge:
    now: int = 0
    peak: int = 0

    def step(self, by: int) -> None:
        self.now += by
        self.peak = max(self.peak, self.now)


@dataclass(slots=True)
class Ledger:
    """The last MOST_CALLS calls, the number of all, and the changes of modules in progress."""

    clock: Callable[[], float]
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=MOST_CALLS))
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _all: _Gauge = field(default_factory=_Gauge)
    _tenants: dict[str, _Gauge] = field(default_factory=dict)
    _modules: dict[tuple[str, str], _Gauge] = field(default_factory=dict)

    def record(self, kind: str, module: str, tenant: str, request: Request) -> Call:
        """Writes a call down before it is answered."""
        call = Call(self.clock(), kind, module, tenant, request)
        self.calls.append(call)
        self.counts[(tenant, module, kind)] += 1
        return call

    def begin(self, tenant: str, module: str) -> None:
        """A module begins to change something for a tenant: its call, and then its tenant job."""
        for gauge in self._gauges(tenant, module):
            gauge.step(1)

    def finish(self, tenant: str, module: str) -> None:
        """It has ended, however it did."""
        for gauge in self._gauges(tenant, module):
            gauge.step(-1)

    def _gauges(self, tenant: str, module: str) -> tuple[_Gauge, _Gauge, _Gauge]:
        of_tenant = self._tenants.setdefault(tenant, _Gauge())
        return self._all, of_tenant, self._modules.setdefault((tenant, module), _Gauge())

    def select(self, wanted: Mapping[str, str]) -> list[dict[str, object]]:
        """Calls as JSON, oldest first, whose `module`, `tenant`, `call` and `method` are as wanted."""
        documents = (call.document() for call in self.calls)
        return [d for d in documents if all(str(d.get(name)) == value for name, value in wanted.items())]

    def count_document(self) -> dict[str, dict[str, dict[str, int]]]:
        """Calls by tenant, module and kind."""
        found: dict[str, dict[str, dict[str, int]]] = {}
        for (tenant, module, kind), number in self.counts.items():
            found.setdefault(tenant, {}).setdefault(module, {})[kind] = number
        return found

    def running_document(self) -> dict[str, object]:
        """Changes in progress and the most at once: of all, by tenant, and what runs now."""
        return {
            "now": self._all.now,
            "peak": self._all.peak,
            "tenants": {t: {"now": g.now, "peak": g.peak} for t, g in sorted(self._tenants.items())},
            "modules": [{"tenant": t, "module": m} for (t, m), g in sorted(self._modules.items()) if g.now > 0],
            "twice": [{"tenant": t, "module": m} for (t, m), g in sorted(self._modules.items()) if g.peak > 1],
        }

    def forget(self) -> None:
        """Forgets calls, counts and peaks; what runs now goes on."""
        self.calls.clear()
        self.counts.clear()
        self._tenants = {t: g for t, g in self._tenants.items() if g.now}
        self._modules = {m: g for m, g in self._modules.items() if g.now}
        for gauge in (self._all, *self._tenants.values(), *self._modules.values()):
            gauge.peak = gauge.now
