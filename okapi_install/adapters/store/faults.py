"""The one place that turns what the database library raises into this program's errors, without secrets or SQL."""

from __future__ import annotations

import sqlite3

from sqlalchemy import exc

from okapi_install.domain.errors import InternalError, StoreNotWritable, StoreUnavailable

DatabaseFailure = (exc.DBAPIError, exc.TimeoutError, TimeoutError)
"""What a transaction may raise that `fault` can judge."""

_CONFLICTS = {"40001", "40P01", "55P03"}
"""PostgreSQL's serialization failure, deadlock, and lock not available: everything was rolled back."""

_READ_ONLY = "25006"
_NOT_WRITABLE = {"53100", _READ_ONLY}
"""PostgreSQL's disk full, and a write in a read-only transaction: a server that is set so, recovers or stands by."""

_NOT_WRITABLE_SQLITE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR_WRITE}
"""The last one is what a connection says that was there when its disk became read-only."""

_TLS_CAUSES = {
    "does not support SSL": "the database server has no TLS",
    "does not match host name": "the TLS certificate of the database server is for another host name",
    "certificate verify failed": "the TLS certificate of the database server is not signed by a trusted authority",
    "root certificate file": "the file of trusted TLS authorities cannot be read",
    "SSL error": "the TLS connection to the database server failed",
}
"""libpq's words, and ours. The first that fits is taken."""

_GONE = (exc.OperationalError, exc.InterfaceError, exc.InternalError)


def worth_repeating(error: Exception) -> bool:
    """Whether the transaction was rolled back for a cause that may be gone at once: a stale connection, a conflict."""
    if not isinstance(error, exc.DBAPIError):
        return False
    return error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _CONFLICTS


def fault(error: Exception) -> Exception:
    """The error to raise instead. Violations of constraints stay as they are: the statement's author expects them."""
    if isinstance(error, exc.IntegrityError):
        return error
    if isinstance(error, (exc.TimeoutError, TimeoutError)):
        return StoreUnavailable("The store is not available: all connections are in use")
    if isinstance(error, exc.DBAPIError) and _not_writable(error.orig):
        return StoreNotWritable(f"The store takes no changes: {_cause(error)}")
    if isinstance(error, exc.DBAPIError) and (error.connection_invalidated or isinstance(error, _GONE)):
        return StoreUnavailable(f"The store is not available: {_cause(error)}")
    return InternalError(f"The store failed: {_name(error)}")


def _name(error: Exception) -> str:
    """What kind of fault it is: what the server says of a bad statement may hold values of it."""
    original = error.orig if isinstance(error, exc.DBAPIError) else error
    return str(original) if isinstance(original, sqlite3.Error) else type(original).__name__


def _not_writable(error: BaseException | None) -> bool:
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0)
        return bool({code, code & 0xFF} & _NOT_WRITABLE_SQLITE)
    return getattr(error, "sqlstate", None) in _NOT_WRITABLE


def _cause(error: exc.DBAPIError) -> str:
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite_cause(error.orig)
    if getattr(error.orig, "sqlstate", None) == _READ_ONLY:
        return "the database is read-only"  # PostgreSQL names the statement: SELECT, for one that changes something
    diagnosis = getattr(error.orig, "diag", None)
    return getattr(diagnosis, "message_primary", None) or _tls_cause(error) or "the database server does not answer"


def _tls_cause(error: exc.DBAPIError) -> str | None:
    """Why no encrypted connection came about, if that was the cause. libpq's text also names hosts, ports and users."""
    text = str(error.orig)
    causes = [words for pattern, words in _TLS_CAUSES.items() if pattern in text]
    return f"{causes[0]}. The TLS rules are sslmode and sslrootcert of the database URL" if causes else None


def _sqlite_cause(error: sqlite3.Error) -> str:
    """Its words, and which "disk I/O error" it was, for they are many."""
    code, name = getattr(error, "sqlite_errorcode", 0), getattr(error, "sqlite_errorname", "")
    return f"{error} ({name})" if code & 0xFF == sqlite3.SQLITE_IOERR else str(error)
