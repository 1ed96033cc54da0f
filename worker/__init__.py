"""The worker: `celery -A worker worker -P gevent`. It carries out jobs; tasks and signals only call the runner."""

from worker.app import app

__all__ = ["app"]
