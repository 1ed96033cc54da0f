"""Celery and its broker: settings, connections, messages, and the queue that publishes and revokes tasks."""
