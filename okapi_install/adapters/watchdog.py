"""Ends this process when its event loop is blocked, or when its stop takes too long.

A worker whose greenlets cannot run sends no heartbeats, and others take over its jobs. It ends itself, so that whoever
started it starts it again. There are two checks, because each finds what the other cannot:

- an OS thread finds a loop that is blocked by a system call or by Python code;
- the kernel's timer of processor time (SIGPROF) finds C code that never releases the interpreter lock.

Neither counts time in which this process was stopped or got no processor.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

import gevent
from gevent.monkey import get_original

_start_thread: Callable[..., Any] = get_original("_thread", "start_new_thread")
_sleep: Callable[[float], None] = get_original("time", "sleep")
_this_thread: Callable[[], int] = get_original("_thread", "get_ident")

_LOOKS = 20
"""How often the thread finds the loop blocked before it ends the process."""
_LATER = 1.25
"""The kernel's timer runs longer, because the thread can log more."""
EXIT_CODE = 70


class Watchdog:
    """Watches the loop of the thread that makes it. `limit` is in seconds; `line` makes a line of the log, and takes no
    lock to do that.
    """

    def __init__(self, limit: float, line: Callable[..., str]) -> None:
        self._limit = limit
        self._line = line
        self._pause = limit / _LOOKS
        self._turns = 0
        self._watched = _this_thread()

    def start(self) -> None:
        """Watches until the process ends."""
        if hasattr(faulthandler, "register"):
            faulthandler.register(signal.SIGPROF, file=sys.__stderr__ or 2, all_threads=False, chain=True)
        gevent.spawn(self._take_turns)
        _start_thread(self._watch, ())

    def _take_turns(self) -> None:
        while True:
            self._turns += 1
            signal.setitimer(signal.ITIMER_PROF, self._limit * _LATER)
            gevent.sleep(self._pause)

    def _watch(self) -> None:
        seen, still = self._turns, 0
        while still < _LOOKS:
            _sleep(self._pause)
            still = still + 1 if self._turns == seen else 0
            seen = self._turns
        frame = sys._current_frames().get(self._watched)  # noqa: SLF001 - there is no other way to see where it stands
        stack = "".join(traceback.format_stack(frame)) if frame is not None else ""
        self._end("the event loop is blocked; this worker ends itself", seconds=self._limit, stack=stack)

    def _end(self, event: str, **known: object) -> NoReturn:
        _say(self._line(event, **known))
        os._exit(EXIT_CODE)

    def end_within(self, seconds: float) -> None:
        """Ends the process after that time, whatever it waits for."""
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds * _LATER)
        _start_thread(self._end_later, (seconds,))

    def _end_later(self, seconds: float) -> None:
        _sleep(seconds)
        self._end("this worker did not stop in time; it ends at once", seconds=seconds)


def _say(line: str) -> None:
    """Writes without a lock: the blocked code may hold it."""
    try:
        os.write(2, line.encode("utf-8", "backslashreplace"))
    except OSError:
        return
