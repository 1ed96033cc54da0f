"""One `serve` for a data folder and for an address: a second one ends with a sentence, and disturbs nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
import requests

from tests.fixtures.back_end.process import BackEnd
from tests.fixtures.cluster import Embedded
from tests.fixtures.site import LONE, until
from tests.integration.cluster.house import House

ONE_WORKER = {"OKAPI_INSTALL_WORKERS": "1"}


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Embedded]:
    """A service that is ready."""
    with running(Embedded(tmp_path / "first", ONE_WORKER)) as found:
        yield found


@contextmanager
def running(server: Embedded) -> Iterator[Embedded]:
    """The service, until the end."""
    try:
        yield server.start()
    finally:
        server.process.end()


def check_undisturbed(server: Embedded, broker: str, family: list[psutil.Process]) -> None:
    """All its processes run, and its folder is as it was."""
    assert (server.data / "broker-url").read_text() == broker
    assert all(process.is_running() for process in family)
    assert requests.get(f"{server.url}/_/proxy/health", timeout=30).status_code == 200
    assert "started again" not in server.process.output


def test_a_second_one_on_the_same_folder_or_port_ends_with_a_sentence(first: Embedded, tmp_path: Path) -> None:
    broker = (first.data / "broker-url").read_text()
    family = [psutil.Process(first.process.pid), *first.process.descendants()]
    second = Embedded(tmp_path / "second", ONE_WORKER, data=first.data)
    assert second.process.start().wait() == 1
    assert f"in use by another okapi-install serve (process {first.process.pid})" in second.process.output
    third = Embedded(tmp_path / "third", ONE_WORKER)
    third.process.command[third.process.command.index("--listen") + 1] = f"127.0.0.1:{first.port}"
    assert third.process.start().wait() == 1
    assert f"Another program listens on 127.0.0.1:{first.port} already" in third.process.output
    assert not third.data.exists()
    for server in (second, third):
        assert "ready on" not in server.process.output
        assert "Traceback" not in server.process.output
    check_undisturbed(first, broker, family)


class _Agreeable(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *given: object) -> None: ...


def test_another_program_that_answers_on_the_port_is_not_taken_for_the_service(tmp_path: Path) -> None:
    server = Embedded(tmp_path, ONE_WORKER)
    with ThreadingHTTPServer(("127.0.0.1", server.port), _Agreeable) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        assert server.process.start().wait() == 1
        other.shutdown()
    assert "Another program listens on" in server.process.output
    assert "ready on" not in server.process.output


def test_any_folder_and_an_ipv6_address_will_do(tmp_path: Path) -> None:
    folder = tmp_path / "a b?c#d%20é\"'\\ü"
    with running(Embedded(tmp_path / "log", ONE_WORKER, data=folder, host="[::1]")) as server:
        assert requests.get(f"{server.url}/_/proxy/health", timeout=30).status_code == 200
        assert f"ready on {server.url}\n" in server.process.output
        assert (folder / "okapi-install.db").is_file()
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["log", folder.name])


def test_a_closed_terminal_ends_it_as_a_stop_does(first: Embedded) -> None:
    family = first.process.descendants()
    first.process.signal(signal.SIGHUP)
    assert first.process.wait() == 0
    assert psutil.wait_procs(family, timeout=10)[1] == []
    assert not (first.data / "broker-url").exists()


def test_a_kill_leaves_nothing_also_while_a_request_waits(tmp_path: Path) -> None:
    with BackEnd.start() as back_end, running(Embedded(tmp_path, ONE_WORKER)) as server:
        house = House(server, back_end)
        house.register()
        house.call("POST", "/_/proxy/tenants", json={"id": "diku"})
        back_end.behave(LONE, call="init", job={"never_ends": True})
        waiting = threading.Thread(target=_install, args=(server.url,), daemon=True)
        waiting.start()
        until(lambda: back_end.counts("diku").get(LONE, {}).get("enable"), "the call of the module")
        family = server.process.descendants()
        assert len(family) >= 4
        psutil.Process(server.process.pid).kill()
        assert psutil.wait_procs(family, timeout=20)[1] == []
        waiting.join(20)


def _install(url: str) -> None:
    with suppress(requests.ConnectionError):
        requests.post(f"{url}/_/proxy/tenants/diku/install", json=[{"id": LONE, "action": "enable"}], timeout=120)


_BROKEN = """
import sys
from okapi_install.supervisor import children
children.get_binary_path = lambda: "/bin/false"
from okapi_install.cli.main import main
sys.argv[0] = "okapi-install"
main()
"""


def test_without_its_broker_it_is_never_ready_and_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _BROKEN, "serve", "--listen", "127.0.0.1:0", "--data", str(tmp_path)]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "ready" not in done.stdout
    assert "The embedded broker (Valkey) does not start: exit code 1" in done.stderr
    assert time.monotonic() - began < 90
