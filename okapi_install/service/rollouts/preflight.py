"""What a careful operator looks up before an install or a rollout: plans, modules, instances, tokens, earlier failures.

It reads and connects, and changes nothing. Each instance is probed once, however many tenants would use it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import IntEnum

from okapi_install.domain.errors import ModuleCallFailed, OkapiInstallError
from okapi_install.domain.foreign_text import one_line
from okapi_install.domain.jobs import Action, Change, StepStatus
from okapi_install.domain.modules.descriptors import ModuleDescriptor
from okapi_install.domain.modules.tenant_interface import tenant_calls
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.domain.presentation.states import State
from okapi_install.domain.rollouts import preflight_words as words
from okapi_install.service.discovery import HealthProbe
from okapi_install.service.jobs.proposals import Proposal, ProposalService, Wanted
from okapi_install.service.jobs.snapshots import JobSnapshot
from okapi_install.service.ports import JobFilter, Platform, Store

_PROBED_AT_ONCE = 20
_JOBS_LOOKED_AT = 200
_TENANTS_ASKED_ABOUT = 20
"""Beside an Okapi, each tenant costs a request: more are not asked about its own jobs."""
_PERMISSIONS = ("1.0", "1.1", "2.0")


class Severity(IntEnum):
    """How much a finding matters."""

    OK = 0
    WARNING = 1
    ERROR = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One sentence. `tenants` are those that it is about; none means all."""

    severity: Severity
    code: str
    message: str
    module: str | None = None
    tenants: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Duration:
    """How long a plan takes by earlier runs, in seconds: one module after the other, and the longest chain.

    `largest` is the module that takes longest. None where nothing is known.
    """

    total: float | None
    critical: float | None
    largest: str | None
    largest_seconds: float | None


NO_DURATION = Duration(total=None, critical=None, largest=None, largest_seconds=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Preflight:
    """The plans, equal ones together, with their durations; and what was found."""

    plans: tuple[tuple[Proposal, Duration | None], ...]
    findings: tuple[Finding, ...]

    @property
    def worst(self) -> Severity:
        """The severity of the worst finding."""
        return max((one.severity for one in self.findings), default=Severity.OK)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Probed:
    """Why an address does not respond, and if it does, what is wrong by its health check. None if nothing is."""

    silence: str | None
    health: str | None = None


_Seen = dict[str, _Probed]
"""The addresses that were probed for a request."""


class PreflightService:
    """Looks before an order is submitted."""

    def __init__(
        self,
        store: Store,
        platform: Platform,
        proposals: ProposalService,
        probe: HealthProbe,
        *,
        system_auth: bool = True,
    ) -> None:
        self._store = store
        self._platform = platform
        self._proposals = proposals
        self._probe = probe
        self._system_auth = system_auth

    def look(self, wanted: Wanted) -> Preflight:
        """What is found for a request. Raises NotFound if a tenant does not exist; UserError."""
        proposals = self._proposals.proposals(wanted)
        startable = [one for one in proposals if one.startable]
        seen: _Seen = {}
        found = [
            *(finding for one in proposals for finding in _of_plan(one)),
            *self._of_modules([change for one in startable for change in one.changes], seen),
            *self._of_tokens(startable, seen),
            *self._of_other_jobs(wanted.tenants),
            *self._of_last_time(wanted.tenants, startable),
            *(finding for one in startable for finding in _of_duration(one)),
        ]
        ordered = sorted(found, key=lambda one: (-one.severity, one.code, one.module or ""))
        plans = tuple((one, None if one.preview is None else _duration(one.preview)) for one in proposals)
        return Preflight(plans=plans, findings=tuple(ordered))

    def _of_modules(self, changes: Iterable[Change], seen: _Seen) -> list[Finding]:
        """About each module that a plan would call: its interfaces, and whether its instances respond."""
        ids = sorted({change.id for change in changes if change.action in (Action.ENABLE, Action.DISABLE)})
        descriptors = self._store.descriptors(ids)
        found: list[Finding] = []
        called: list[str] = []
        for module in ids:
            problem = _unusable_interface(descriptors.get(module))
            if problem is not None:
                found.append(_finding(Severity.ERROR, "tenant_interface", problem, module))
            elif _is_called(descriptors[module]):
                called.append(module)
            found += _of_permissions(descriptors.get(module))
        return [*found, *self._of_instances(called, seen)]

    def _of_instances(self, modules: Sequence[str], seen: _Seen, *, code: str = "instance") -> list[Finding]:
        found, instances = [], {}
        for module in modules:
            try:
                instances[module] = self._platform.instances(module)
            except OkapiInstallError as problem:
                found.append(_finding(Severity.ERROR, code, problem.message, module))
        addresses = {module: [one.url for one in known if one.url] for module, known in instances.items()}
        new = {url for urls in addresses.values() for url in urls} - seen.keys()
        self._look_at(new, seen)
        for module, urls in addresses.items():
            found.append(_of_module_instances(module, urls, seen, code))
            found += _of_health(module, [url for url in urls if url in new], seen)
        return found

    def _look_at(self, urls: Collection[str], seen: _Seen) -> None:
        """Probes addresses that were not probed yet."""
        distinct = sorted(urls)
        with ThreadPoolExecutor(_PROBED_AT_ONCE) as pool:
            seen.update(zip(distinct, pool.map(self._probed, distinct), strict=True))

    def _probed(self, url: str) -> _Probed:
        silence = self._probe.problem(url)
        return _Probed(silence=silence, health=None if silence else self._probe.health_problem(url))

    def _of_tokens(self, proposals: Sequence[Proposal], seen: _Seen) -> list[Finding]:
        """Whether the modules that issue tokens for the tenants respond."""
        if not self._system_auth:
            return []
        enabled = sorted({module for one in proposals for module in self._store.enabled(one.tenants[0])})
        descriptors = self._store.descriptors(enabled)
        guards = [module for module, one in sorted(descriptors.items()) if one.auth_filter is not None]
        return self._of_instances(guards, seen, code="token")

    def _of_other_jobs(self, tenants: Sequence[str]) -> list[Finding]:
        """The tenants for which the platform runs a job of its own."""
        found: list[Finding] = []
        for tenant in tenants[:_TENANTS_ASKED_ABOUT]:
            try:
                job = self._platform.running_job(tenant)
            except OkapiInstallError as problem:
                return [*found, _finding(Severity.WARNING, "other_jobs", problem.message)]
            if job is not None:
                message = words.other_job(tenant, job)
                found.append(Finding(severity=Severity.WARNING, code="other_jobs", message=message, tenants=(tenant,)))
        return found

    def _of_last_time(self, tenants: Sequence[str], proposals: Sequence[Proposal]) -> list[Finding]:
        """What of the plans failed in the tenants' last failed jobs, with the words of then."""
        wanted = set(tenants)
        products = {ModuleId.parse(change.id).product for one in proposals for change in one.changes}
        failed: dict[tuple[str, str], list[str]] = {}
        seen: set[str] = set()
        for job in self._store.find_jobs(JobFilter(states=frozenset((State.FAILED,)), limit=_JOBS_LOOKED_AT)).jobs:
            if job.tenant not in wanted or job.tenant in seen:
                continue
            seen.add(job.tenant)
            for step in job.steps:
                if step.status is StepStatus.ERROR and ModuleId.parse(step.change.id).product in products:
                    failed.setdefault((step.change.id, one_line(step.message or "")), []).append(job.tenant)
        return [
            Finding(
                severity=Severity.WARNING,
                code="failed_before",
                message=words.failed_before(module, line),
                module=module,
                tenants=tuple(names),
            )
            for (module, line), names in failed.items()
        ]


def _finding(severity: Severity, code: str, message: str, module: str | None = None) -> Finding:
    return Finding(severity=severity, code=code, message=message, module=module)


def _of_plan(one: Proposal) -> list[Finding]:
    """About the plan of tenants that have the same modules enabled."""
    if one.refusal is not None:
        return [Finding(severity=Severity.ERROR, code="plan", message=one.refusal.message, tenants=one.tenants)]
    found = []
    if not one.startable:
        found.append(Finding(severity=Severity.OK, code="plan", message=words.nothing_to_do(), tenants=one.tenants))
    else:
        message = words.planned(len(one.changes))
        found.append(Finding(severity=Severity.OK, code="plan", message=message, tenants=one.tenants))
    if one.behind:
        message = words.behind_other_jobs(len(one.behind))
        found.append(Finding(severity=Severity.WARNING, code="queue", message=message, tenants=one.behind))
    warnings = one.advice.explanation.warnings
    return [
        *found,
        *(
            Finding(severity=Severity.WARNING, code="plan", message=warning.message, tenants=one.tenants)
            for warning in warnings
        ),
    ]


def _unusable_interface(descriptor: ModuleDescriptor | None) -> str | None:
    """Why the module's tenant interface cannot be called, if that is so."""
    if descriptor is None:
        return words.no_descriptor()
    try:
        tenant_calls(None, descriptor, tenant_parameters=None, purge=False)
    except ModuleCallFailed as problem:
        return problem.message
    return None


def _is_called(descriptor: ModuleDescriptor) -> bool:
    calls = tenant_calls(None, descriptor, tenant_parameters=None, purge=False)
    return calls is not None or descriptor.system_interface("_tenantPermissions") is not None


def _of_permissions(descriptor: ModuleDescriptor | None) -> list[Finding]:
    interface = None if descriptor is None else descriptor.system_interface("_tenantPermissions")
    if descriptor is None or interface is None or interface.version in _PERMISSIONS:
        return []
    message = words.unknown_permissions(interface.version)
    return [_finding(Severity.WARNING, "permissions_interface", message, descriptor.id)]


def _of_module_instances(module: str, urls: Sequence[str], seen: _Seen, code: str) -> Finding:
    silent = {url: seen[url].silence for url in urls if seen[url].silence is not None}
    if not urls:
        return _finding(Severity.ERROR, code, words.no_instance(), module)
    if not silent:
        return _finding(Severity.OK, code, words.responds(len(urls)), module)
    url, problem = next(iter(silent.items()))
    severity = Severity.ERROR if len(silent) == len(urls) else Severity.WARNING
    return _finding(severity, code, words.silent(url, problem or "", len(silent), len(urls)), module)


def _of_health(module: str, urls: Iterable[str], seen: _Seen) -> list[Finding]:
    """About the instances that respond, but are not well by their own health check."""
    return [
        _finding(Severity.WARNING, "health", words.unhealthy(module, url, problem), module)
        for url in dict.fromkeys(urls)
        if (problem := seen[url].health) is not None
    ]


def _of_duration(one: Proposal) -> list[Finding]:
    if one.preview is None:
        return []
    new = [it.step.change.id for it in one.preview.steps if it.usual is None and it.step.status is None]
    if not new:
        return []
    message = words.never_ran(new)
    return [Finding(severity=Severity.OK, code="duration", message=message, tenants=one.tenants)]


def _duration(preview: JobSnapshot) -> Duration:
    seconds = {it.step.pos: it.expected for it in preview.steps}
    known = {pos: value for pos, value in seconds.items() if value is not None}
    if not known:
        return NO_DURATION
    chains: dict[int, float] = {}
    for it in preview.steps:
        ahead = max((chains.get(pos, 0.0) for pos in it.after), default=0.0)
        chains[it.step.pos] = ahead + known.get(it.step.pos, 0.0)
    largest = max(known, key=lambda pos: known[pos])
    return Duration(
        total=sum(known.values()),
        critical=max(chains.values()),
        largest=preview.job.steps[largest].change.id,
        largest_seconds=known[largest],
    )
