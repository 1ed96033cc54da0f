"""The servers that other tests stand on: they start, lose and keep what they should, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
from redis import Redis

from tests.fixtures.parts import ROOT, missing, recorded, take_port
from tests.fixtures.postgresql import PostgresqlServer
from tests.fixtures.processes import ServerProcess, StartProcess
from tests.fixtures.redis import RedisServer


def _rows(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_each_test_gets_an_empty_database(postgresql_url: str) -> None:
    assert _rows(postgresql_url, "SELECT * FROM pg_tables WHERE schemaname = 'public'") == []


def test_what_was_committed_survives_a_restart_and_a_crash_of_postgresql(
    postgresql_server: PostgresqlServer, postgresql_url: str
) -> None:
    _rows(postgresql_url, "CREATE TABLE kept (number int)")
    postgresql_server.restart()
    _rows(postgresql_url, "INSERT INTO kept VALUES (1)")
    postgresql_server.kill()
    with pytest.raises(psycopg.OperationalError):
        _rows(postgresql_url, "SELECT 1")
    postgresql_server.start()
    assert _rows(postgresql_url, "SELECT number FROM kept") == [(1,)]


def test_redis_keeps_its_data_over_a_restart_and_a_kill_and_loses_it_when_wiped(redis_server: RedisServer) -> None:
    with Redis.from_url(redis_server.url) as client:
        client.set("kept", "yes")
        redis_server.restart()
        assert client.get("kept") == b"yes"
        redis_server.kill()
        redis_server.start()
        assert client.get("kept") == b"yes"
        redis_server.stop()
        redis_server.wipe()
        redis_server.start()
        assert client.keys() == []
        client.set("gone", "soon")
        redis_server.wipe()
        assert client.keys() == []


def test_a_server_process_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    child = "import time; time.sleep(600)"
    stubborn = (
        "import signal, subprocess, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"subprocess.Popen([sys.executable, '-c', {child!r}], start_new_session=True); print('ready', flush=True);"
        "signal.pause()"
    )
    with ServerProcess([sys.executable, "-c", stubborn], log=tmp_path / "log") as server:
        server.wait_for_line("^ready$")
        family = [psutil.Process(server.pid), *server.descendants()]
        assert len(family) == 2
        server.kill()
        assert not server.running
        server.start()
        server.signal(signal.SIGKILL)
        assert server.wait() == -signal.SIGKILL
        family[1].kill()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []


def test_a_program_that_ends_early_fails_the_test_with_its_last_words(start_process: StartProcess) -> None:
    server = start_process([sys.executable, "-c", "raise SystemExit('no such luck')"])
    with pytest.raises(pytest.fail.Exception, match="no such luck"):
        server.wait_for_line("never")


def test_ports_are_never_given_twice() -> None:
    ports = [take_port() for _ in range(200)]
    assert len(set(ports)) == len(ports)
    assert all(1024 < port < 32768 for port in ports)


def test_a_missing_part_skips_a_test_but_fails_it_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "CI", "")
    with pytest.raises(pytest.skip.Exception, match="no such part"):
        missing("no such part")
    monkeypatch.setitem(os.environ, "CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no such part"):
        missing("no such part")


def test_missing_recordings_skip_a_test_but_fail_it_in_ci(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(os.environ, "CI", "")
    with pytest.raises(pytest.skip.Exception, match="the recordings are not part of the repository"):
        recorded("conformance", root=tmp_path / "checkout")
    monkeypatch.setitem(os.environ, "CI", "true")
    with pytest.raises(pytest.fail.Exception, match="with CI=true nothing may be missing"):
        recorded("conformance", root=tmp_path / "checkout")


def test_a_server_ends_with_tests_that_are_killed(tmp_path: Path) -> None:
    tests = (
        "import sys, time; from pathlib import Path; from tests.fixtures.processes import ServerProcess;"
        f"server = ServerProcess(['sleep', '600'], log=Path({str(tmp_path / 'log')!r}));"
        "print(server.start().pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", tests], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        server = psutil.Process(int(process.stdout.readline()))
        process.kill()
    assert psutil.wait_procs([server], timeout=20)[1] == []
