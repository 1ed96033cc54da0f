"""Reads the body of a request about a rollout. What cannot be read is refused with what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from flask import request

from okapi_install.domain.errors import UserError
from okapi_install.domain.identifiers import check_length
from okapi_install.domain.jobs import InstallOptions, JobKind
from okapi_install.domain.modules.beans import Bean, flag, integer, many, one, text, texts
from okapi_install.domain.modules.versions import VersionFilter
from okapi_install.domain.rollouts.rollout import PauseRule
from okapi_install.domain.rollouts.waves import WaveSize
from okapi_install.domain.rollouts.windows import Window
from okapi_install.service.jobs.callbacks import is_web_url
from okapi_install.service.rollouts.orders import RolloutOrder
from okapi_install.web.http.bodies import read
from okapi_install.web.http.module_headers import module_headers
from okapi_install.web.http.order_parsing import change_list
from okapi_install.web.http.requests import body, json_body, request_context

MOST_CONCURRENT = 1000
MOST_TENANTS = 10_000
MOST_WAVES, MOST_WINDOWS = 100, 50
LONGEST_NAME, LONGEST_KEY = 200, 255
LONGEST_PAUSE = 366 * 86400


def _as_it_is(value: object) -> object:
    return value


_WINDOW = Bean("a window", {"days": texts, "from": text, "to": text, "zone": text})
_OPTIONS = Bean(
    "options",
    {
        **dict.fromkeys(("deploy", "purge", "ignoreErrors", "reinstall", "depCheck"), flag),
        **dict.fromkeys(("tenantParameters", "invoke", "preRelease", "npmSnapshot"), text),
        "parallel": integer,
    },
)
_ROLLOUT = Bean(
    "a rollout",
    {
        "name": text,
        "kind": text,
        "modules": _as_it_is,
        "options": one(_OPTIONS),
        "tenants": _as_it_is,
        "except": texts,
        "waves": _as_it_is,
        "maxConcurrent": integer,
        "maxPerModule": integer,
        "maxFailures": _as_it_is,
        "pauseAfterWave": _as_it_is,
        "windows": many(_WINDOW),
        "callback": text,
    },
)
_RETRY = Bean("a retry", {"tenants": texts, "group": text})
_ABORT = Bean("an abort", {"jobs": flag})


def rollout_order(*, name: str | None = None) -> RolloutOrder:
    """The order in the request; with `name`, it needs none of its own. Raises UserError."""
    document = read(_ROLLOUT, json_body())
    kind = _kind(document)
    changes = change_list(document["modules"]) if kind is JobKind.INSTALL else None
    return RolloutOrder(
        name=name or _name(document),
        kind=kind,
        request=changes,
        options=_options(cast("dict[str, Any]", document.get("options", {}))),
        tenants=_tenants(document.get("tenants")),
        excepted=tuple(_names(document.get("except"), "except")),
        waves=_waves(document.get("waves")),
        max_concurrent=_number(document, "maxConcurrent", MOST_CONCURRENT) or 10,
        max_per_module=_number(document, "maxPerModule", MOST_CONCURRENT),
        max_failures=_failures(document.get("maxFailures", 0)),
        pause_after_wave=_pause(document.get("pauseAfterWave")),
        windows=_windows(document.get("windows")),
        headers=module_headers(),
        requested_by=request_context().requested_by,
        idempotency_key=_key(),
        callback_url=_callback(document),
    )


def retry_request() -> tuple[list[str] | None, str | None]:
    """The tenants to retry, or the group of failures; neither means all that failed. Raises UserError."""
    document = read(_RETRY, json_body()) if body() else {}
    tenants = document.get("tenants")
    group = cast("str | None", document.get("group"))
    if tenants is not None and group is not None:
        raise UserError("Name tenants or a group of failures, but not both")
    return None if tenants is None else _names(tenants, "tenants"), group


def abort_request() -> bool:
    """Whether running jobs are to be aborted too. Raises UserError."""
    return bool((read(_ABORT, json_body()) if body() else {}).get("jobs", False))


def _kind(document: Mapping[str, object]) -> JobKind:
    given = document.get("kind", JobKind.INSTALL.value if "modules" in document else JobKind.UPGRADE.value)
    if given not in (JobKind.INSTALL.value, JobKind.UPGRADE.value):
        raise UserError(f'Unknown kind "{given}" of a rollout; known are install and upgrade')
    kind = JobKind(str(given))
    if (kind is JobKind.INSTALL) is not ("modules" in document):
        raise UserError("A rollout of the kind install needs modules, and one of the kind upgrade has none")
    return kind


def _name(document: Mapping[str, object]) -> str:
    name = str(document.get("name", "")).strip()
    if not 0 < len(name) <= LONGEST_NAME:
        raise UserError(f"A rollout needs a name, of 1 to {LONGEST_NAME} characters")
    return name


def _options(given: dict[str, Any]) -> InstallOptions:
    parallel = given.get("parallel", 1)
    if parallel < 1:
        raise UserError("parallel must be 1 or higher")
    versions = VersionFilter.parse(given.get("preRelease"), given.get("npmSnapshot"))
    return InstallOptions(
        asynchronous=True,
        deploy=given.get("deploy", False),
        purge=given.get("purge", False),
        ignore_errors=given.get("ignoreErrors", False),
        reinstall=given.get("reinstall", False),
        tenant_parameters=given.get("tenantParameters"),
        invoke=given.get("invoke"),
        parallel=parallel,
        dep_check=given.get("depCheck", True),
        pre_release=versions.pre_release,
        npm_snapshot=versions.npm_snapshot,
    )


def _tenants(given: object) -> tuple[str, ...] | None:
    if given == "all":
        return None
    if given is None or isinstance(given, str):
        raise UserError('tenants must be a list of tenants, or "all"')
    return tuple(_names(given, "tenants"))


def _names(given: object, what: str) -> list[str]:
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise UserError(f"{what} must be a list of tenants")
    if len(given) > MOST_TENANTS:
        raise UserError(f"{what} must have at most {MOST_TENANTS} tenants")
    for name in given:
        check_length(name)
    return given


def _waves(given: object) -> tuple[WaveSize, ...]:
    if given is None:
        return ()
    if not isinstance(given, list) or len(given) > MOST_WAVES:
        raise UserError(f'waves must be a list of at most {MOST_WAVES} sizes, such as [1, "10%", "rest"]')
    return tuple(_wave(size) for size in given)


def _wave(size: object) -> WaveSize:
    if isinstance(size, list):
        return tuple(_names(size, "A wave that is a list"))
    if isinstance(size, str) or (isinstance(size, int) and not isinstance(size, bool) and abs(size) < 2**31):
        return size
    raise UserError("A wave must be a number, a percentage such as '10%', 'rest', or a list of tenants")


def _number(document: Mapping[str, object], name: str, most: int) -> int | None:
    given = cast("int | None", document.get(name))
    if given is not None and not 1 <= given <= most:
        raise UserError(f"{name} must be 1 to {most}")
    return given


def _failures(given: object) -> int | str:
    if isinstance(given, str) or (isinstance(given, int) and not isinstance(given, bool) and abs(given) < 2**31):
        return given
    raise UserError("maxFailures must be a number from 0, or a percentage such as '5%'")


def _pause(given: object) -> PauseRule | None:
    if given is None or given is False:
        return None
    if given is True:
        return PauseRule()
    if isinstance(given, int | float) and 0 < given <= LONGEST_PAUSE:
        return PauseRule(seconds=float(given))
    raise UserError("pauseAfterWave must be true (go on by hand), false, or a number of seconds up to a year")


def _windows(given: object) -> tuple[Window, ...]:
    windows = cast("list[dict[str, Any]]", given or [])
    if len(windows) > MOST_WINDOWS:
        raise UserError(f"windows must be at most {MOST_WINDOWS}")
    return tuple(_window(one) for one in windows)


def _window(given: dict[str, Any]) -> Window:
    missing = [name for name in ("from", "to", "zone") if not given.get(name)]
    if missing:
        raise UserError(f"A window needs {', '.join(missing)}, for example from 22:00 to 04:00 in Europe/Berlin")
    return Window.of([day or "" for day in given.get("days", [])], given["from"], given["to"], given["zone"])


def _key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 0 < len(key) <= LONGEST_KEY:
        raise UserError(f"Idempotency-Key must have 1 to {LONGEST_KEY} characters")
    return key


def _callback(document: Mapping[str, object]) -> str | None:
    url = cast("str | None", document.get("callback"))
    if url is not None and not is_web_url(url):
        raise UserError("callback must be an http or https URL")
    return url
