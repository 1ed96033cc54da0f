"""The tree of errors: complete, drawn as it is, each with a code and an HTTP status."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

import pytest

import okapi_install
from okapi_install.domain import errors
from okapi_install.domain.errors import ErrorType, OkapiInstallError
from okapi_install.web.http.errors import status_of

STATUSES = {
    "error": 500,
    "bad_request": 400,
    "bad_setting": 400,
    "unresolvable": 400,
    "misfit": 400,
    "unusable_url": 500,
    "too_many_jobs": 429,
    "idempotency_key_reused": 422,
    "key_may_only_read": 403,
    "still_running": 504,
    "not_found": 404,
    "internal": 500,
    "database_not_migrated": 500,
    "store_unavailable": 503,
    "store_not_writable": 503,
    "module_call_failed": 500,
    "not_recorded": 500,
    "module_unreachable": 500,
    "connection_refused": 500,
    "no_answer_in_time": 500,
    "platform_unavailable": 503,
    "platform_forbids": 503,
    "change_not_recorded": 503,
    "descriptor_gone": 500,
    "okapi_failed": 502,
    "okapi_unavailable": 503,
    "okapi_too_slow": 504,
    "client_gone": 408,
    "loop_detected": 508,
    "outgoing_failed": 500,
    "webhook_failed": 500,
    "broker_unavailable": 500,
    "too_many_waiting": 503,
    "out_of_time": 500,
    "lost_job": 500,
    "invalid_transition": 409,
}
"""By code. An error that is not caught before gets it; that of a failed call of a module depends on the failure."""

ELSEWHERE = {
    "bounded_reading.ResponseTooLarge": "raised in a socket's file; http.client and urllib3 know only their own errors",
    "bounded_http.ResponseTooSlow": "raised in a socket's file; http.client and urllib3 know only their own errors",
    "joined._Interrupted": "raised and caught in one class",
    "task_states.JobFailed": "Celery stores it as the result of a task, for Flower to show",
    "task_states.JobWaits": "Celery stores it as the result of a task, for Flower to show",
}
"""Errors that are in another tree, and why."""

STARTERS = frozenset({"okapi_install.__main__", "okapi_install.web.wsgi"})
"""Modules that start something when they are imported."""
MIGRATIONS = "okapi_install.adapters.store.migrations."
"""Alembic imports them; they have no errors of their own."""


def _modules() -> Iterator[str]:
    for module in pkgutil.walk_packages(okapi_install.__path__, "okapi_install."):
        if module.name not in STARTERS and not module.name.startswith(MIGRATIONS):
            yield module.name


def _tree(kind: type[OkapiInstallError], depth: int = 0) -> Iterator[tuple[int, type[OkapiInstallError]]]:
    yield depth, kind
    for below in kind.__subclasses__():
        if below.__module__.startswith("okapi_install."):
            yield from _tree(below, depth + 1)


def _all() -> list[tuple[int, type[OkapiInstallError]]]:
    for name in _modules():
        importlib.import_module(name)
    return list(_tree(OkapiInstallError))


def test_the_tree_is_drawn_as_it_is() -> None:
    drawn = re.findall(r"^([│├└─ ]*)([A-Z]\w+)", inspect.getdoc(errors) or "", re.MULTILINE)
    pairs = {(len(branch) // 4, name) for branch, name in drawn if branch or name == "OkapiInstallError"}
    assert pairs == {(depth, kind.__name__) for depth, kind in _all()}


def test_each_error_has_a_code_of_its_own_and_a_type() -> None:
    kinds = [kind for _, kind in _all()]
    assert [kind for kind in kinds if "code" not in vars(kind)] == []
    codes = [kind.code for kind in kinds]
    assert sorted(codes) == sorted(set(codes))
    assert all(re.fullmatch("[a-z]+(_[a-z]+)*", code) for code in codes)
    assert all(isinstance(kind.error_type, ErrorType) for kind in kinds)


def test_each_error_has_its_http_status() -> None:
    kinds = [kind for _, kind in _all()]
    assert {kind.code: status_of(kind.__new__(kind)) for kind in kinds} == STATUSES


def _classes(room: str) -> Iterator[type]:
    for name in _modules():
        if name.startswith(f"okapi_install.{room}."):
            found = vars(importlib.import_module(name)).values()
            yield from (kind for kind in found if inspect.isclass(kind) and kind.__module__ == name)


@pytest.mark.parametrize("room", ["domain", "service", "adapters"])
def test_every_error_of_the_rooms_hangs_in_the_tree(room: str) -> None:
    raised = [kind for kind in _classes(room) if issubclass(kind, BaseException)]
    outside = [kind for kind in raised if not issubclass(kind, OkapiInstallError)]
    assert {f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}" for kind in outside} <= set(ELSEWHERE)
