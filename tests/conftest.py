"""Fixtures for all tests, and what holds for every one of them.

Tests may run in several processes at once (`-n 2 --dist loadgroup`): every process has servers, ports, folders and
databases of its own, so no test shares anything with one in another process. Tests that must not run at the same time
as each other carry the same `@pytest.mark.xdist_group("...")`.
"""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings

from okapi_install.adapters.parent_death import ends_with_parent

# In the order in which they import each other: pytest rewrites the asserts of what is not imported yet.
pytest_plugins = (
    "tests.fixtures.parts",
    "tests.fixtures.processes",
    "tests.fixtures.certificates",
    "tests.fixtures.postgresql",
    "tests.fixtures.redis",
    "tests.fixtures.browser",
    "tests.fixtures.cluster",
    "tests.fixtures.audit",
    "tests.fixtures.site",
    "tests.fixtures.sites",
    "tests.fixtures.okapi_stand_in.fixtures",
)

_FOREIGN = ("OKAPI_INSTALL_", "OKAPI_URL", "OKAPI_TENANT", "OKAPI_TOKEN", "CELERY_", "FLOWER_", "OTEL_")

# Timings never decide a test. In CI the same examples are tried every time; elsewhere new ones.
settings.register_profile("okapi-install", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("okapi-install")


def pytest_configure(config: pytest.Config) -> None:
    """Removes what a developer's shell has set: settings come from the tests alone. Who starts the tests in the
    background may have told them to ignore Ctrl-C; the commands that they start must not inherit that.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # `nohup` ignores it
    if hasattr(config, "workerinput") or "MAKELEVEL" in os.environ:  # a process of xdist, or started by make
        ends_with_parent(signal.SIGTERM, parent=os.getppid())()
    for name in [name for name in os.environ if name.startswith(_FOREIGN)]:
        del os.environ[name]
