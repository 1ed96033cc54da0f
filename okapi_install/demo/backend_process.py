"""The simulated back end as a child process, with its controls as methods."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from okapi_install.demo.backend import READY

Document = dict[str, Any]
_TIMEOUT = 30.0


class BackEnd:
    """A running back end that simulates all modules. It ends with `stop`, or when its parent process ends."""

    program = "okapi_install.demo.backend"
    folder: Path | None = None
    """The folder to start it in; None is the current one."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self._session = requests.Session()
        self._session.trust_env = False
        self.url = url

    @classmethod
    def start(cls, port: int = 0) -> Self:
        """A back end that was started and listens.

        Raises:
            RuntimeError: it exited instead; its output is on standard error.
        """
        command = [sys.executable, "-m", cls.program, "--port", str(port), "--until-eof"]
        # A session of its own, so that Ctrl-C in a terminal reaches only the demo, which then stops this process.
        process = subprocess.Popen(  # noqa: S603 - this program itself
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True, cwd=cls.folder
        )
        line = process.stdout.readline() if process.stdout else ""
        if not line.startswith(READY):
            process.kill()
            process.communicate()
            raise RuntimeError("the simulated back end did not start")
        return cls(process, line.removeprefix(READY).strip())

    def stop(self) -> None:
        """Stops the process."""
        self._session.close()
        self.process.terminate()
        self.process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def url_of(self, module_id: str) -> str:
        """The base URL of a module, for discovery."""
        return f"{self.url}/m/{module_id}"

    def instance(self, module_id: str) -> Document:
        """The deployment descriptor of a module with that URL."""
        return {"srvcId": module_id, "instId": f"simulated-{module_id}", "url": self.url_of(module_id)}

    def behave_all(self, behaviours: Sequence[Mapping[str, Any]]) -> None:
        """Sets behaviours. The last one that matches a call applies."""
        self.send("PUT", "/control/behaviours", list(behaviours))

    def behave_well(self) -> None:
        """Removes all behaviours: every call succeeds at once."""
        self.send("DELETE", "/control/behaviours")

    def send(self, method: str, path: str, body: object = None, params: Mapping[str, str] | None = None) -> Any:
        """The document that a control path returns. Raises ValueError if it refuses the request."""
        response = self._session.request(method, self.url + path, json=body, params=params, timeout=_TIMEOUT)
        if not response.ok:
            raise ValueError(response.text)
        return response.json() if response.content else None
