"""What an operator does besides looking at the page: tenants, the demo's platform, and jobs by the command."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import requests

from okapi_install.demo.platform import has_back_end, platform
from tests.fixtures.back_end.process import BackEnd
from tests.fixtures.cluster import environ
from tests.fixtures.parts import ROOT

PATIENCE = 60.0
_numbers = itertools.count(1)


@dataclass
class Operator:
    """One at a real server. `back_end` plays the modules."""

    url: str
    back_end: BackEnd
    session: requests.Session = field(default_factory=requests.Session)

    def prepare(self) -> None:
        """Registers the demo's platform, and says where its modules run."""
        self.session.trust_env = False
        descriptors = platform()
        self.send("POST", "/_/proxy/import/modules", list(descriptors))
        for descriptor in descriptors:
            if has_back_end(descriptor):
                self.send("POST", "/_/discovery/modules", self.back_end.instance(descriptor["id"]))

    def send(self, method: str, path: str, document: object = None) -> Any:
        """A request of the API; the JSON of its answer, if it has some."""
        answer = self.session.request(method, self.url + path, json=document, timeout=PATIENCE)
        assert answer.ok, answer.text
        return answer.json() if "json" in answer.headers.get("Content-Type", "") else None

    def tenant(self, name: str = "Datalogisk Institut") -> str:
        """A new tenant's id."""
        ident = f"college{next(_numbers)}"
        self.send("POST", "/_/proxy/tenants", {"id": ident, "name": name})
        return ident

    def install(self, tenant: str, *words: str) -> str:
        """Begins a job by the command, and returns its id without waiting for it."""
        command = [sys.executable, "-m", "okapi_install", "install", "--tenant", tenant, "--no-follow", "-y", *words]
        done = subprocess.run(
            command,
            check=False,
            env=environ({"OKAPI_URL": self.url}),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def rollout(self, module: str, tenants: list[str]) -> str:
        """The path of the page of a new rollout."""
        body = {"name": "night", "modules": [{"id": module}], "tenants": tenants, "waves": [1], "maxFailures": 1}
        return f"/rollouts/{self.send('POST', '/_/install/rollouts', body)['id']}"

    def job(self, job_id: str) -> Any:
        """All about a job."""
        return self.send("GET", f"/_/install/jobs/{job_id}")

    def finished(self, job_id: str) -> Any:
        """The same once it is complete."""
        deadline = time.monotonic() + PATIENCE
        while not (job := self.job(job_id))["complete"]:
            assert time.monotonic() < deadline, job
            time.sleep(0.1)
        return job
