"""Child processes that end with their parent, even if it is killed. On Linux the kernel does this."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
"""Loaded at import, because little is allowed between fork and exec."""


def ends_with_parent(number: signal.Signals = signal.SIGKILL, parent: int | None = None) -> Callable[[], None]:
    """A function for a child to call first (`preexec_fn`, or after a fork), so that it gets the signal when its parent
    ends.

    The parent is the thread of this process that starts the child, unless the id of another process is given. The
    function does nothing except on Linux.
    """
    expected = os.getpid() if parent is None else parent

    def arrange() -> None:
        if _LIBC is None:
            return
        _LIBC.prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != expected:  # it has already ended
            os.kill(os.getpid(), number)

    return arrange
