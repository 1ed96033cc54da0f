"""The SQL store over TLS: a PostgreSQL server on another host proves who it is, unless the URL says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from okapi_install.adapters.store import open_store
from okapi_install.domain.errors import StoreUnavailable
from tests.fixtures.certificates import HOST, Certificate, make_certificate
from tests.fixtures.postgresql import PostgresqlServer

_ENCRYPTED = text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")


def remote_url(server: PostgresqlServer, host: str, **parameters: object) -> str:
    """The URL of a database as if it ran on another host of that name."""
    given = "".join(f"&{name}={value}" for name, value in parameters.items())
    return f"{server.url('postgres').replace('127.0.0.1', host)}?hostaddr=127.0.0.1{given}"


def _encrypted(url: str) -> bool:
    store = open_store(url, pool_size=1)
    try:
        with store.engine.connect() as connection:
            return bool(connection.scalar(_ENCRYPTED))
    finally:
        store.dispose()


def _refusal(url: str) -> str:
    store = open_store(url, pool_size=1)
    with pytest.raises(StoreUnavailable) as caught:
        store.check()
    store.dispose()
    assert HOST not in caught.value.message
    return caught.value.message


def test_a_certificate_that_nobody_trusts_is_refused(tls_postgresql: PostgresqlServer, tmp_path: Path) -> None:
    other = make_certificate(tmp_path / "other").authority
    for parameters in ({}, {"sslrootcert": other}):
        said = _refusal(remote_url(tls_postgresql, HOST, **parameters))
        assert "not signed by a trusted authority" in said
        assert "sslmode and sslrootcert of the database URL" in said


def test_a_certificate_of_a_trusted_authority_is_taken(
    tls_postgresql: PostgresqlServer, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _encrypted(remote_url(tls_postgresql, HOST, sslrootcert=certificate.authority))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    assert _encrypted(remote_url(tls_postgresql, HOST))


def test_a_certificate_for_another_host_is_refused(tls_postgresql: PostgresqlServer, certificate: Certificate) -> None:
    said = _refusal(remote_url(tls_postgresql, "db.example.org", sslrootcert=certificate.authority))
    assert "is for another host name" in said


def test_a_server_without_tls_on_another_host_is_refused(postgresql_server: PostgresqlServer) -> None:
    postgresql_server.start()
    assert "has no TLS" in _refusal(remote_url(postgresql_server, HOST))
    assert not _encrypted(remote_url(postgresql_server, HOST, sslmode="disable"))


def test_the_url_may_say_that_any_certificate_is_taken(tls_postgresql: PostgresqlServer) -> None:
    assert _encrypted(remote_url(tls_postgresql, HOST, sslmode="require"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_on_the_same_machine_needs_no_certificate(postgresql_server: PostgresqlServer, host: str) -> None:
    postgresql_server.start()
    assert not _encrypted(postgresql_server.url("postgres").replace("127.0.0.1", host))
