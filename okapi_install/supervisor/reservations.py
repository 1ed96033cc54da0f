"""What belongs to one `serve` alone: its data folder, and the address on which it listens.

Both are taken before anything is started or written, so that a second `serve` disturbs nothing of the first.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from okapi_install.domain import messages
from okapi_install.domain.errors import InternalError

_BACKLOG = 2048


@contextmanager
def locked_folder(data: Path) -> Iterator[None]:
    """While it lasts no other `serve` gets that folder, which is made if it is not there.

    The lock ends with this process, however it ends: no child has it.

    Raises:
        InternalError: the folder takes nothing, or another process has it.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        handle = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as why:
        raise InternalError(messages.data_not_writable(data, why.strerror)) from why
    try:
        _lock(handle, data)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, data: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as why:
        owner = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "?"
        raise InternalError(messages.data_in_use(data, owner)) from why
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    except OSError as why:
        raise InternalError(messages.data_not_writable(data, why.strerror)) from why


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens there. Connections wait in it until the API takes them, also while it is started again.

    Raises:
        InternalError: another program has the address, or this machine does not.
    """
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as why:
        raise InternalError(messages.cannot_listen(shown, why.strerror or why)) from why
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as why:
        listening.close()
        if why.errno == errno.EADDRINUSE:
            raise InternalError(messages.address_in_use(shown)) from why
        raise InternalError(messages.cannot_listen(shown, why.strerror)) from why
    return listening
