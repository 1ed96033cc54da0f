"""The simulated back end as a child process, with its controls as methods: for the demo and for tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import requests

from okapi_install.demo.backend import READY

Document = dict[str, Any]
_TIMEOUT = 30.0


class BackEnd:
    """Plays all modules. It ends with `stop`, and when the process that started it ends in whatever way."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self._process = process
        self._session = requests.Session()
        self._session.trust_env = False
        self.url = url

    @classmethod
    def start(cls, port: int = 0) -> Self:
        """Starts it, and waits until it listens.

        Raises:
            RuntimeError: it ended instead; what it said stands on the standard error.
        """
        command = [sys.executable, "-m", "okapi_install.demo.backend", "--port", str(port), "--until-eof"]
        # A session of its own: Ctrl-C in a terminal is for the demo to handle, which then ends this.
        process = subprocess.Popen(  # noqa: S603 - this program itself
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        line = process.stdout.readline() if process.stdout else ""
        if not line.startswith(READY):
            process.kill()
            process.communicate()
            raise RuntimeError("the simulated back end did not start")
        return cls(process, line.removeprefix(READY).strip())

    def stop(self) -> None:
        """Ends the process."""
        self._session.close()
        self._process.terminate()
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def url_of(self, module_id: str) -> str:
        """The base URL of a module, for the discovery."""
        return f"{self.url}/m/{module_id}"

    def instance(self, module_id: str) -> Document:
        """The deployment descriptor that says so."""
        return {"srvcId": module_id, "instId": f"simulated-{module_id}", "url": self.url_of(module_id)}

    def behave(self, module: str = "*", *, tenant: str = "*", call: str = "change", **how: Any) -> None:
        """Sets one behaviour; the fields of `how` are those of behaviours.Behaviour, `job` as a mapping."""
        self.behave_all([{"module": module, "tenant": tenant, "call": call, **how}])

    def behave_all(self, behaviours: Sequence[Mapping[str, Any]]) -> None:
        """Sets several; of those that match a call, the last wins."""
        self._send("PUT", "/control/behaviours", list(behaviours))

    def behave_well(self) -> None:
        """Every call succeeds at once again."""
        self._send("DELETE", "/control/behaviours")

    def calls(self, **wanted: str) -> list[Document]:
        """Calls, oldest first; `module`, `tenant`, `call` and `method` narrow them down."""
        found: list[Document] = self._send("GET", "/control/calls", params=wanted)
        return found

    def forget_calls(self) -> None:
        """Forgets calls, counts and peaks."""
        self._send("DELETE", "/control/calls")

    def counts(self, tenant: str) -> dict[str, dict[str, int]]:
        """How many calls of each kind each module got for that tenant."""
        found: dict[str, dict[str, dict[str, int]]] = self._send("GET", "/control/counts")
        return found.get(tenant, {})

    def running(self) -> Document:
        """Changes in progress, the most at once, by tenant; see ledger.Ledger.running_document."""
        found: Document = self._send("GET", "/control/running")
        return found

    def jobs(self) -> list[Document]:
        """Tenant jobs that are known."""
        found: list[Document] = self._send("GET", "/control/jobs")
        return found

    def finish_jobs(self, module_id: str | None = None) -> int:
        """Completes the tenant jobs that run, of one module or of all; how many."""
        return int(self._send("POST", "/control/finish", {"module": module_id})["finished"])

    def open_door(self, module_id: str) -> str:
        """Gives the module a port of its own; its base URL there."""
        return str(self._send("PUT", "/control/doors", {"module": module_id, "open": True})["url"])

    def close_door(self, module_id: str) -> str:
        """Connections to the module's own port are refused from now on; its base URL there."""
        return str(self._send("PUT", "/control/doors", {"module": module_id, "open": False})["url"])

    def reset(self) -> None:
        """Forgets everything and ends all tenant jobs."""
        self._send("POST", "/control/reset")

    def _send(self, method: str, path: str, body: object = None, params: Mapping[str, str] | None = None) -> Any:
        response = self._session.request(method, self.url + path, json=body, params=params, timeout=_TIMEOUT)
        if not response.ok:
            raise ValueError(response.text)
        return response.json() if response.content else None
