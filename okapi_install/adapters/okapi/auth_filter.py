"""Finds the auth filter of the supertenant: the module that decides who may call Okapi itself."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

from okapi_install.adapters.okapi.client import SUPERTENANT, OkapiClient, path_of
from okapi_install.domain import recording_messages
from okapi_install.domain.foreign_status import is_not_found
from okapi_install.service.ports import PlatformForbids, PlatformUnavailable

_FRESH = 10.0
"""Seconds for which the address is not read again."""
_ENABLED = path_of("_", "proxy", "tenants", SUPERTENANT, "modules")


class AuthFilter:
    """The address of the module with the auth filter of the supertenant.

    `given` is that of the settings. Otherwise it is read from Okapi by `client`, which must not need this address for
    its own token.
    """

    def __init__(self, given: str | None, client: OkapiClient) -> None:
        self._given = given
        self._client = client
        self._lock = threading.Lock()
        self._found: str | None = None
        self._fresh_until = 0.0

    def address(self) -> str | None:
        """The address; None if the supertenant has no auth filter, so that everybody may call Okapi.

        Raises:
            PlatformUnavailable: Okapi does not respond, or has no instance of the module.
            PlatformForbids: Okapi does not tell us, and never did.
        """
        if self._given is not None:
            return self._given
        with self._lock:
            if time.monotonic() >= self._fresh_until:
                self._look_up()
            return self._found

    def _look_up(self) -> None:
        try:
            module = self._module()
            self._found = None if module is None else self._instance(module)
        except PlatformForbids:  # it may have been secured after the last time
            if self._found is None:
                raise
        self._fresh_until = time.monotonic() + _FRESH

    def _module(self) -> str | None:
        found = self._client.json("GET", _ENABLED, query="full=true")
        enabled = [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
        ids = [one["id"] for one in enabled if isinstance(one.get("id"), str) and _has_auth_filter(one)]
        return min(ids, default=None)

    def _instance(self, module_id: str) -> str:
        path = path_of("_", "discovery", "modules", module_id)
        answer = self._client.call("GET", path)
        found = [] if is_not_found(answer.status) else self._client.document_of(answer, f"GET {path}")
        urls = [one.get("url") for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
        known = [url for url in urls if isinstance(url, str)]
        if not known:
            raise PlatformUnavailable(recording_messages.auth_filter_without_instance(module_id))
        return random.choice(known)  # noqa: S311 (load balancing, not security)


def _has_auth_filter(descriptor: Mapping[str, Any]) -> bool:
    filters = descriptor.get("filters")
    entries: Iterable[object] = filters if isinstance(filters, list) else ()
    return any(isinstance(entry, Mapping) and entry.get("phase") == "auth" for entry in entries)
