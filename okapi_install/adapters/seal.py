"""Encrypts the context of a request with Fernet (AES and HMAC), so that no token can be read in the store."""

from __future__ import annotations

import json
from collections.abc import Mapping

import structlog
from cryptography.fernet import Fernet, InvalidToken

log = structlog.get_logger()


class FernetSeal:
    """A seal under one key: 32 bytes, URL-safe base64, as Fernet.generate_key makes it."""

    def __init__(self, key: str) -> None:
        self._fernet = Fernet(key)

    def close(self, headers: Mapping[str, str]) -> bytes:
        """See ports.Seal."""
        return self._fernet.encrypt(json.dumps(dict(headers)).encode())

    def open(self, sealed: bytes | None) -> dict[str, str]:
        """See ports.Seal."""
        if sealed is None:
            return {}
        try:
            document = json.loads(self._fernet.decrypt(sealed))
        except (InvalidToken, ValueError):
            log.error("a job's headers cannot be decrypted: this worker has another encryption key than the API")
            return {}
        return {str(name): str(value) for name, value in document.items()}
