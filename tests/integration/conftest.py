"""What several files of this folder use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.cluster import Cluster


@pytest.fixture
def cluster(tmp_path: Path, redis_url: str) -> Iterator[Cluster]:
    """Processes on a database of their own, none of them started."""
    found = Cluster(tmp_path / "cluster", f"sqlite:///{tmp_path}/okapi-install.db", redis_url)
    try:
        found.migrate()
        yield found
    finally:
        found.end()
