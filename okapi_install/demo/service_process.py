"""The service as a child process of the demo: `okapi-install serve`, with its own data folder."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from okapi_install.adapters.parent_death import ends_with_parent

_READY = re.compile(r"okapi-install ready on (http://\S+)")
_READY_WITHIN, _STOPPED_WITHIN = 60.0, 15.0


class DidNotStart(RuntimeError):
    """The service exited, or was not ready in time. The message contains the end of its log."""


class ServiceProcess:
    """A running service. It stops with `stop`, and on Linux also when its parent process is killed."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, url: str) -> None:
        self._process = process
        self.log = log
        self.url = url

    @classmethod
    def start(cls, listen: str, folder: Path) -> ServiceProcess:
        """A service that was started and is ready. It logs to a file in the folder.

        Raises:
            DidNotStart: it exited, or was not ready in time.
        """
        log = folder / "service.log"
        command = [sys.executable, "-m", "okapi_install", "serve", "--listen", listen, "--data", str(folder / "data")]
        with log.open("wb") as out:
            # A session of its own, so that Ctrl-C in a terminal reaches only the demo, which then stops it.
            process = subprocess.Popen(  # noqa: S603 - this program itself, at an address that the user gave
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=_environment(),
                start_new_session=True,
                preexec_fn=ends_with_parent(signal.SIGTERM),  # noqa: PLW1509 (it only makes a system call)
            )
        try:
            return cls(process, log, _wait_until_ready(process, log))
        except BaseException:
            _end(process)
            raise

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it is running."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Stops it and everything that it started."""
        _end(self._process)


def _environment() -> dict[str, str]:
    """The environment without our settings, so that the demo cannot touch an operator's database."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OKAPI_INSTALL_")}
    return kept | {"OKAPI_INSTALL_CONFIG": os.devnull, "PYTHONUNBUFFERED": "1"}


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + _READY_WITHIN
    while time.monotonic() < deadline:
        ended = process.poll() is not None
        text = log.read_text("utf-8", "replace")
        found = _READY.search(text)
        if found:
            return found[1]
        if ended:
            raise DidNotStart(f"the service did not start:\n{text[-3000:].strip()}")
        time.sleep(0.05)
    raise DidNotStart(
        f"the service was not ready within {_READY_WITHIN:g} s:\n{log.read_text('utf-8', 'replace')[-3000:]}"
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOPPED_WITHIN)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
