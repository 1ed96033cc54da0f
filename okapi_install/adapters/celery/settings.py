"""Celery's settings, the same for API and workers. docs/decisions/0002 gives the reason for each."""

from __future__ import annotations

from collections.abc import Mapping

from kombu.entity import Queue
from kombu.utils.url import parse_url

TASKS = ("install", "upgrade", "module")
QUEUE = "okapi-install"
_NO_RESULTS = "okapi_install.adapters.celery.private_parts:NoResults"


def celery_settings(broker_url: str) -> Mapping[str, object]:
    """Settings without acknowledgement, result backend and prefetch: messages are hints, the store has the work."""
    return {
        "broker_url": broker_url,
        "broker_use_ssl": _tls(broker_url),
        "result_backend": _NO_RESULTS,
        "task_ignore_result": True,
        "task_acks_late": False,
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        "task_publish_retry": True,
        "task_publish_retry_policy": {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2},
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_send_task_events": True,
        "task_send_sent_event": False,
        "task_track_started": True,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_default_queue": QUEUE,
        "task_queues": (Queue(QUEUE, no_ack=True),),  # type: ignore[no-untyped-call]
        "enable_utc": True,
        "broker_transport_options": {
            "visibility_timeout": 3600,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_timeout": 10,
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
            "health_check_interval": 10,
        },
    }


def _tls(broker_url: str) -> Mapping[str, object] | bool:
    """The TLS parameters of the URL as a setting, for Flower, whose broker page does not read them from the URL."""
    found: Mapping[str, object] | None = parse_url(broker_url).get("ssl")
    return found or False
