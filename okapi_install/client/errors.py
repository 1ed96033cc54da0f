"""The errors of the client, as one tree.

ClientError
├── Unreachable        no response, or only part of one: may be temporary
│   └── Unavailable    the request was not processed (connection refused, 503)
├── Refused            the server refused, with its status and message
│   ├── NotFound       there is no such tenant, module, job or path (404)
│   └── NotAllowed     the token is missing or not sufficient (401, 403)
├── NotOffered         a plain Okapi does not have this operation
└── BadAnswer          the response is not what Okapi's API specifies
"""

from __future__ import annotations

from okapi_install.domain.foreign_text import visible


class ClientError(Exception):
    """The root of the tree. `message` is one sentence for an operator, and safe to print on a terminal."""

    kind = "error"

    def __init__(self, message: str) -> None:
        self.message = visible(message, lines=True)
        super().__init__(self.message)


class Unreachable(ClientError):
    """The server did not respond. The request may or may not have arrived."""

    kind = "unreachable"


class Unavailable(Unreachable):
    """The server is unavailable, and has certainly not processed the request."""

    kind = "unavailable"


class Refused(ClientError):
    """The server responded with an error. `message` is its text, unchanged."""

    kind = "refused"

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class NotFound(Refused):
    """The tenant, module, job or path does not exist."""

    kind = "not_found"


class NotAllowed(Refused):
    """The token is missing, or does not allow the request."""

    kind = "not_allowed"


class NotOffered(ClientError):
    """A plain Okapi does not have this operation."""

    kind = "not_offered"


class BadAnswer(ClientError):
    """The response is not what Okapi's API specifies."""

    kind = "bad_answer"
