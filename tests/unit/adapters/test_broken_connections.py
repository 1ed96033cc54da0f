"""What is said of a module whose connection ends before its response does."""

from __future__ import annotations

import socket
import struct
from threading import Thread

import pytest

from okapi_install.adapters.tenant_api import HttpTenantApi
from okapi_install.service.ports import ModuleUnreachable

LINGER = struct.pack("ii", 1, 0)
"""A close is a reset."""


def answer_once(listening: socket.socket, response: bytes, *, reset: bool) -> None:
    connection, _ = listening.accept()
    with connection:
        request = b""
        while not request.endswith(b"{}"):
            request += connection.recv(65536)
        connection.sendall(response)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)


@pytest.mark.parametrize(
    ("response", "reset", "words"),
    [
        (b"", False, "Connection was closed"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", False, "Connection was closed"),
        (b"", True, "Connection reset by peer"),
    ],
)
def test_a_connection_that_was_closed_is_told_from_one_that_was_reset(response: bytes, reset: bool, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=answer_once, args=(listening, response), kwargs={"reset": reset})
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/_/tenant"
        with pytest.raises(ModuleUnreachable) as failed:
            HttpTenantApi(connect_timeout=60.0, connections=1).call("POST", url, {}, "{}", 60.0)
        thread.join(60)
    assert failed.value.message == words
