"""Two clusters for the tests of this folder: each half of the files runs one after the other, in one process.

All in one process would take longer than everything else in the others.
"""

from __future__ import annotations

import pytest

from tests.fixtures.site import Site

_SECOND_HALF = "test_h"
"""Files whose names come after this are in the second half."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one half never run side by side."""
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]):
            half = "cluster" if item.path.name < _SECOND_HALF else "second cluster"
            item.add_marker(pytest.mark.xdist_group(half))


@pytest.fixture(autouse=True)
def _a_fresh_start(request: pytest.FixtureRequest) -> None:
    """A test that breaks something leaves it to the next to put it right."""
    if "site" in request.fixturenames:
        found: Site = request.getfixturevalue("site")
        found.fresh()
