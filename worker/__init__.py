"""The worker: `celery -A worker worker -P gevent`. It runs jobs; tasks and signals only call the service."""

from worker.app import app

__all__ = ["app"]
