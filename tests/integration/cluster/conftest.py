"""One cluster for all tests of this folder: they run one after the other, in one process."""

from __future__ import annotations

import pytest

from tests.fixtures.site import Site


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of them take part in one group, so that they never run side by side."""
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]):
            item.add_marker(pytest.mark.xdist_group("cluster"))


@pytest.fixture(autouse=True)
def _a_fresh_start(request: pytest.FixtureRequest) -> None:
    """A test that breaks something leaves it to the next to put it right."""
    if "site" in request.fixturenames:
        found: Site = request.getfixturevalue("site")
        found.fresh()
