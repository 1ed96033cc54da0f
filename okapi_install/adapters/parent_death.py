"""What a process started ends with it, also when it is killed: the kernel sees to that, where there is Linux."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
"""Loaded early: between fork and exec there is time for little."""


def ends_with_parent(number: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """What a child calls before all else (`preexec_fn`, or after a fork) to get that signal when its parent ends.

    The parent is the thread that started it. Elsewhere than on Linux the child is not told.
    """
    parent = os.getpid()

    def arrange() -> None:
        if _LIBC is None:
            return
        _LIBC.prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it has ended meanwhile
            os.kill(os.getpid(), number)

    return arrange
