"""The resources that one `serve` uses exclusively: its data folder, and the address on which it listens.

Both are reserved before anything is started or written, so that a second `serve` does not disturb the first.
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
    """Locks the folder for this `serve` while the context lasts. Creates the folder if necessary.

    The lock ends with this process in any case, since no child inherits it.

    Raises:
        InternalError: the folder is not writable, or another process has locked it.
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
    """A listening socket. Connections wait in it until the API accepts them, also while the API restarts.

    Raises:
        InternalError: the address is in use, or is not one of this machine.
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
