"""Fixtures for the tests of the client commands: servers that they talk to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.okapi_server import FakeOkapi, fake_okapi


@pytest.fixture
def server() -> Iterator[FakeOkapi]:
    """A server with our own paths."""
    with fake_okapi() as started:
        yield started


@pytest.fixture
def plain_server() -> Iterator[FakeOkapi]:
    """An Okapi that has no others than its own."""
    with fake_okapi(ours=False) as started:
        yield started
