"""Asks the auth filter of the supertenant whether a client may use this service, as Okapi does for its own paths.

The filter gets the client's token and the permission that Okapi requires for such a request, at its own address.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from okapi_install.adapters.okapi.connections import Connections
from okapi_install.adapters.outgoing import Limits, OutgoingFailed
from okapi_install.config_rules import redacted_url
from okapi_install.domain import messages
from okapi_install.domain.foreign_status import is_interim, succeeded
from okapi_install.service.ports import (
    PermissionRefusal,
    PermissionRequest,
    PlatformForbids,
    PlatformUnavailable,
)

_FRESH = 5.0
"""Seconds for which the address of the filter is not looked up again."""
_PAUSE = 1.0
"""Seconds until the next look, if it could not be found."""
_LIMITS = Limits(connect=5.0, silence=30.0, seconds=30.0, most_bytes=64 * 1024)


class FilterPermissions:
    """See Permissions. `find` returns the address of the auth filter, None if there is none; see AuthFilter."""

    def __init__(self, okapi_url: str, find: Callable[[], str | None], connections: Connections) -> None:
        self._okapi_url = okapi_url
        self._find = find
        self._connections = connections
        self._looking_up = threading.Lock()
        self._address: str | None = None
        self._is_known = False
        self._problem: PlatformUnavailable | None = None
        self._fresh_until = 0.0

    def decides(self) -> bool:
        """See Permissions. An Okapi that requires a token of us has an auth filter, wherever that is."""
        try:
            return self._filter() is not None
        except PlatformForbids:
            return True

    def refusal(self, request: PermissionRequest) -> PermissionRefusal | None:
        """See Permissions."""
        address = self._filter()
        if address is None:
            return None
        url, shown = address.rstrip("/") + request.path, redacted_url(address)
        try:
            found = self._connections.call(request.method, url, self._headers(request, address), None, _LIMITS)
        except OutgoingFailed as why:
            raise PlatformUnavailable(messages.auth_filter_does_not_respond(shown, why.message)) from why
        if succeeded(found.status):
            return None
        if is_interim(found.status):
            raise PlatformUnavailable(messages.auth_filter_does_not_respond(shown, found.words))
        content_type = found.headers.get("content-type", "text/plain")
        return PermissionRefusal(status=found.status, content_type=content_type, body=found.body)

    def _headers(self, request: PermissionRequest, address: str) -> dict[str, str]:
        """The headers that Okapi sends to an auth filter, without those of the client that it does not need."""
        token = {} if request.token is None else {"X-Okapi-Token": request.token}
        return {
            **request.headers,
            **token,
            "X-Okapi-Tenant": request.tenant,
            "X-Okapi-Url": self._okapi_url,
            "X-Okapi-Url-to": address,
            "X-Okapi-Filter": "auth",
            "X-Okapi-Permissions-Required": request.permission,
            "X-Okapi-Module-Permissions": "{}",
            "Accept": "*/*",
        }

    def _filter(self) -> str | None:
        """The address as it was found last; one caller at a time looks it up again.

        Raises:
            PlatformUnavailable: it is not known. PlatformForbids if Okapi does not tell it.
        """
        if time.monotonic() >= self._fresh_until:
            anything = self._is_known or self._problem is not None
            if self._looking_up.acquire(blocking=not anything):
                try:
                    self._look_up()
                finally:
                    self._looking_up.release()
        problem = self._problem
        if problem is not None:
            raise type(problem)(problem.message)
        return self._address

    def _look_up(self) -> None:
        """While Okapi does not respond, what is known holds. Callers that waited for another one find its result."""
        if time.monotonic() < self._fresh_until:
            return
        try:
            self._address, self._is_known, self._problem = self._find(), True, None
        except PlatformForbids as problem:
            self._problem = problem
        except PlatformUnavailable as problem:
            self._problem = None if self._is_known else problem
        self._fresh_until = time.monotonic() + (_FRESH if self._problem is None else _PAUSE)
