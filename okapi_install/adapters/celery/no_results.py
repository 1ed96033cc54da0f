"""A result backend for Celery that stores nothing.

Celery asks the backend for the state of a task that is revoked, and its own disabled backend raises an error then, that
every worker logs for every abort. Seen with Celery 5.7.0; held by `tests/integration/cluster/test_odd_messages.py`.
"""

from __future__ import annotations

from celery import states
from celery.backends.base import DisabledBackend

NO_RESULTS = f"{__name__}:NoResults"
"""For Celery's setting `result_backend`."""


class NoResults(DisabledBackend):  # type: ignore[misc]
    """Takes results and forgets them; of every task it knows that it knows nothing."""

    def get_state(self, _task_id: str) -> str:
        """See Celery."""
        return str(states.PENDING)
