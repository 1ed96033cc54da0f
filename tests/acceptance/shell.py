"""A shell that is told one sample after the other, as a reader with one terminal would."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

_MARK = "\x1e"


class Shell:
    """A bash in a folder of its own; variables and functions stay from sample to sample.

    What samples leave running in the background is ended with it.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._sample = folder / ".sample.sh"
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env=dict(environ),
            start_new_session=True,
        )

    def run(self, sample: str) -> tuple[int, str]:
        """Its exit code, and all that it printed."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the shell has no pipes")
        self._sample.write_text(sample, encoding="utf-8")
        self._process.stdin.write(f". ./{self._sample.name} < /dev/null; printf '{_MARK}%s\\n' $?\n")
        self._process.stdin.flush()
        printed = ""
        for line in self._process.stdout:
            before, mark, code = line.partition(_MARK)
            printed += before
            if mark:
                return int(code), printed
        raise RuntimeError(f"the shell has ended:\n{printed}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
