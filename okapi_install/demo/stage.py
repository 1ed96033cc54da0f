"""The setting of the demo: a service, simulated modules, a tenant, and a registered and deployed platform."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from okapi_install.client.okapi import OkapiClient, Request
from okapi_install.client.options import InstallOptions
from okapi_install.client.transport import HttpTransport
from okapi_install.demo.backend_process import BackEnd
from okapi_install.demo.platform import Descriptor, behaviours, has_back_end, next_generation, platform
from okapi_install.demo.service_process import ServiceProcess

TENANT = "diku"
USUAL_LISTEN = "127.0.0.1:9130"
_PARAMETERS = "loadReference=true,loadSample=true"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """The processes that run during the demo, and a client of the service."""

    service: ServiceProcess
    back_end: BackEnd
    client: OkapiClient

    def prepare(self) -> int:
        """Creates the tenant, registers and deploys the platform. Returns its number of modules. Raises ClientError."""
        self.back_end.behave_all(behaviours())
        self.client.send("POST", "/_/proxy/tenants", {"id": TENANT, "name": "Datalogisk Institut"})
        self._add(platform())
        return len(platform())

    def add_next_generation(self) -> int:
        """Registers and deploys newer versions. Returns their number. Raises ClientError."""
        self._add(next_generation())
        return len(next_generation())

    def _add(self, descriptors: Sequence[Descriptor]) -> None:
        self.client.send("POST", "/_/proxy/import/modules", list(descriptors))
        for descriptor in descriptors:
            if has_back_end(descriptor):
                self.client.send("POST", "/_/discovery/modules", self.back_end.instance(descriptor["id"]))

    def request(self, parallel: int) -> Request:
        """The request that installs the whole platform."""
        modules = [{"id": descriptor["id"], "action": "enable"} for descriptor in platform()]
        options = InstallOptions(parallel=parallel, tenant_parameters=_PARAMETERS)
        return Request(tenant=TENANT, modules=modules, options=options)


@contextmanager
def open_stage(listen: str | None) -> Iterator[Stage]:
    """Starts everything, and always stops it. Without `listen` the service uses the usual port, or a free one.

    Raises:
        DidNotStart: the service did not start.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="okapi-install-demo-")))
        back_end = stack.enter_context(BackEnd.start())
        service = ServiceProcess.start(listen or _usual_or_free(), folder)
        stack.callback(service.stop)
        transport = HttpTransport(service.url)
        stack.callback(transport.close)
        yield Stage(service=service, back_end=back_end, client=OkapiClient(transport))


def _usual_or_free() -> str:
    host, _, port = USUAL_LISTEN.rpartition(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError:
            return f"{host}:0"
    return USUAL_LISTEN
