"""Links to the logs of modules, made from a template of the settings. No log is read here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from okapi_install.domain.jobs import Job, Step
from okapi_install.domain.modules.versions import ModuleId
from okapi_install.domain.timestamps import iso

_PLACE = re.compile(r"\{(\w*)\}")
_NOW = "now"
"""The end of a module that still runs. Kibana and Grafana know the word."""
NAMES = ("module", "product", "version", "tenant", "job", "instance", "host", "tenantJob", "started", "ended",
         "startedMs", "endedMs")  # fmt: skip
"""The names that a template may have in braces."""


def check_template(template: str) -> str:
    """The template, if links can be made from it. Raises ValueError, which says what to write."""
    parts = urlsplit(template)
    unknown = [name for name in _PLACE.findall(template) if name not in NAMES]
    if unknown or parts.scheme not in ("http", "https") or not parts.hostname:
        names = ", ".join(f"{{{name}}}" for name in NAMES)
        raise ValueError(f"a URL such as https://logs/?module={{module}}&from={{started}}, with any of {names}")
    return template


@dataclass(frozen=True, slots=True)
class LogLinks:
    """Makes links from a template; without one there are none."""

    template: str | None = None

    def of(self, job: Job, step: Step) -> str | None:
        """The link to what the module has logged for the step; None if it has not started."""
        if self.template is None or step.started is None:
            return None
        values = _values(job, step, step.started)
        return _PLACE.sub(lambda found: quote(values[found[1]], safe=""), self.template)


def _values(job: Job, step: Step, started: float) -> Mapping[str, str]:
    module, instance = ModuleId.parse(step.change.id), step.instance_url or ""
    return {
        "module": step.change.id,
        "product": module.product,
        "version": step.change.id.removeprefix(module.product).removeprefix("-"),
        "tenant": job.tenant,
        "job": job.id,
        "instance": instance,
        "host": _host(instance),
        "tenantJob": step.tenant_job_id or "",
        "started": iso(started) or "",
        "ended": iso(step.ended) or _NOW,
        "startedMs": _milliseconds(started),
        "endedMs": _NOW if step.ended is None else _milliseconds(step.ended),
    }


def _host(instance: str) -> str:
    try:
        return urlsplit(instance).hostname or ""
    except ValueError:
        return ""


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))
