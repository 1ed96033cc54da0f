"""Handlers of Celery's signals: start of heartbeat and sweeper, revoked tasks, and shutdown."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

import structlog
from celery import signals

from okapi_install import __version__
from okapi_install.adapters.celery.private_parts import let_others_run_while_reconnecting, silence_shutdown
from okapi_install.adapters.celery.task_states import EventMonitor
from okapi_install.adapters.garbage import collect_rarely
from okapi_install.adapters.watchdog import Watchdog
from okapi_install.bootstrap import WorkerParts, build_worker
from okapi_install.domain.errors import OkapiInstallError
from okapi_install.logs import capture_warnings, emergency_line, set_up_logging
from okapi_install.service.ports import WorkerAbout
from worker.app import settings
from worker.process import install_parts, parts
from worker.startup import check_options

log = structlog.get_logger()

monitor = EventMonitor()
watchdog = Watchdog(settings.stall_seconds or settings.lease_seconds, partial(emergency_line, settings.log_format))

_STARTED_WITH_NOHUP = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
_WORDY = ("celery.worker.strategy", "celery.app.trace")
"""Celery's loggers of every message and every end of a task. The log lines of jobs say more."""


@signals.celeryd_init.connect
def on_celeryd_init(instance: Any, options: Mapping[str, Any], **_: Any) -> None:
    """Sets up logging before Celery logs anything. Refuses options that do not fit."""
    check_options(options, sys.argv, settings.log_format)
    on_setup_logging()
    capture_warnings()
    if settings.log_format == "json":
        instance.quiet = True  # no banner
        silence_shutdown()


@signals.setup_logging.connect
def on_setup_logging(**_: Any) -> None:
    """Sets up our logging instead of Celery's."""
    set_up_logging(settings.log_level, settings.log_format)
    for name in _WORDY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


@signals.worker_init.connect
def on_worker_init(sender: Any, **_: Any) -> None:
    """Builds the worker, and starts its heartbeat before the first task comes."""
    let_others_run_while_reconnecting()
    os.nice(settings.worker_nice)
    built = _built(str(sender.hostname), WorkerAbout(concurrency=sender.concurrency, version=__version__))
    install_parts(built)
    built.start()
    watchdog.start()


def _built(name: str, about: WorkerAbout) -> WorkerParts:
    """The parts of this worker. On an error the process exits: Celery would ignore an exception of a signal handler and
    take messages of jobs that it cannot run.
    """
    try:
        return build_worker(settings, name, about, monitor)
    except OkapiInstallError as problem:
        log.error("the worker cannot start", cause=problem.message)
        raise SystemExit(1) from None
    except Exception:
        log.exception("the worker cannot start")
        raise SystemExit(1) from None


@signals.worker_ready.connect
def on_worker_ready(sender: Any, **_: Any) -> None:
    """Sends the first heartbeat. From now on the worker takes messages."""
    monitor.attach(sender)
    collect_rarely()
    _stop_when_the_terminal_is_closed()
    parts().tasks.background(parts().worker.beat)


def _stop_when_the_terminal_is_closed() -> None:
    """Handles SIGHUP as SIGTERM, unless it was ignored before (`nohup`). Celery would restart, or die."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN if _STARTED_WITH_NOHUP else signal.getsignal(signal.SIGTERM))


@signals.task_revoked.connect
def on_task_revoked(request: Any, **_: Any) -> None:
    """Ends a job as an error if its task was revoked before it started. A running job cleans up itself."""
    args = list(getattr(request, "args", None) or ())
    if len(args) >= 2:
        job_id = str(args[1])
        parts().tasks.background(lambda: parts().worker.revoked(job_id))


@signals.worker_shutting_down.connect
def on_worker_shutting_down(**_: Any) -> None:
    """Releases the jobs at once, so that other workers continue them. The stop has a time limit."""
    watchdog.end_within(settings.stop_seconds)
    parts().tasks.background(lambda: log.info("worker stops"))
    parts().tasks.background(parts().worker.stop)


@signals.worker_shutdown.connect
def on_worker_shutdown(**_: Any) -> None:
    """Waits for the clean-up, and removes this worker from the store."""
    parts().stop()
