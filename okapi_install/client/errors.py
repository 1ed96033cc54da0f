"""What can go wrong for a client, as one tree.

ClientError
├── Unreachable        nobody answers there, or the answer broke off: it may pass
│   └── Unavailable    something in between, or the server itself, says so (502, 503, 504)
├── Refused            the server says no: its status and its words
│   ├── NotFound       there is no such thing (404)
│   └── NotAllowed     the token is missing, or not good enough (401, 403)
├── NotOffered         a plain Okapi lacks it
└── BadAnswer          this does not look like an Okapi
"""

from __future__ import annotations

from okapi_install.domain.foreign_text import visible


class ClientError(Exception):
    """The root. `message` is one sentence for an operator; a server's words in it are such as can be printed."""

    kind = "error"

    def __init__(self, message: str) -> None:
        self.message = visible(message, lines=True)
        super().__init__(self.message)


class Unreachable(ClientError):
    """No answer; the request may or may not have arrived."""

    kind = "unreachable"


class Unavailable(Unreachable):
    """The request is known not to have been carried out."""

    kind = "unavailable"


class Refused(ClientError):
    """The server answered with an error. The message is what it says, as it says it."""

    kind = "refused"

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class NotFound(Refused):
    """There is no such tenant, module or job; or no such path."""

    kind = "not_found"


class NotAllowed(Refused):
    """The server wants a token, or another one."""

    kind = "not_allowed"


class NotOffered(ClientError):
    """Okapi itself has nothing of the kind."""

    kind = "not_offered"


class BadAnswer(ClientError):
    """The answer is not what Okapi's API says it is."""

    kind = "bad_answer"
