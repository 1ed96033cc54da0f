"""How a worker may be started: with greenlets, as many as jobs, on our queue. Anything else is refused with a sentence.

With another pool it would start without a word, and then carry out modules one by one, or not stop an aborted one.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from celery import concurrency
from celery.concurrency.gevent import TaskPool

from okapi_install.adapters.celery.settings import QUEUE
from okapi_install.logs import emergency_line

_COMMAND = "celery -A worker worker -P gevent -c 500 -E"


def check_options(options: Mapping[str, Any], arguments: Sequence[str], log_format: str) -> None:
    """Ends the process where Celery's options are not those of a worker of ours."""
    pool = options.get("pool") or options.get("pool_cls") or "prefork"
    if not _is_gevent(pool):
        _refuse(f"the pool is {_name(pool)}, but jobs are greenlets", log_format)
    if _asks_for_nothing(arguments):
        _refuse("-c 0 lets no job run", log_format)
    queues, without = _names(options.get("queues")), _names(options.get("exclude_queues"))
    if (queues and queues != {QUEUE}) or QUEUE in without:
        _refuse(f"the only queue of jobs is {QUEUE}: leave -Q and -X out", log_format)


def _asks_for_nothing(arguments: Sequence[str]) -> bool:
    """Celery takes `-c 0` for no `-c` at all, and does not tell it to anybody."""
    return re.search(r"(?:^| )(?:-c ?|--concurrency[ =])-?0+(?: |$)", " ".join(arguments)) is not None


def _is_gevent(pool: object) -> bool:
    try:
        found = concurrency.get_implementation(pool)
    except (ImportError, AttributeError, ValueError):
        return False
    return isinstance(found, type) and issubclass(found, TaskPool)


def _name(pool: object) -> str:
    names = {path: name for name, path in reversed(concurrency.ALIASES.items())}
    if isinstance(pool, type):
        return str(names.get(f"{pool.__module__}:{pool.__name__}", pool.__name__))
    return str(pool)


def _names(queues: object) -> set[str]:
    given = queues.split(",") if isinstance(queues, str) else queues
    return {str(name).strip() for name in given} if isinstance(given, Iterable) else set()


def _refuse(why: str, log_format: str) -> NoReturn:
    line = emergency_line(log_format, f"the worker cannot start: {why}. Start it with: {_COMMAND}")
    os.write(2, line.encode())
    sys.exit(1)
