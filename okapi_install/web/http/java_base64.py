"""URL-safe Base64 as in Java: the same texts are refused, with the same messages, as in Okapi's responses."""

from __future__ import annotations

import base64
import string

_ALPHABET = frozenset((string.ascii_letters + string.digits + "-_").encode())
_PADDING = ord("=")


class IllegalBase64Error(ValueError):
    """The text is not Base64; the message says why, as Java does."""


def decode_url(text: str) -> bytes:
    """Decodes a text. Padding may be missing, but not wrong. Raises IllegalBase64Error."""
    source = text.encode("latin-1", "replace")
    if len(source) == 1:
        raise IllegalBase64Error("Input byte[] should at least have 2 bytes for base64 bytes")
    count = next((n for n, byte in enumerate(source) if byte not in _ALPHABET), len(source))
    end = count
    if count < len(source):
        end = _after_padding(source, count)
    if count % 4 == 1:
        raise IllegalBase64Error("Last unit does not have enough valid bits")
    if end < len(source):
        raise IllegalBase64Error(f"Input byte array has incorrect ending byte at {end}")
    return base64.urlsafe_b64decode(source[:count] + b"=" * (-count % 4))


def _after_padding(source: bytes, count: int) -> int:
    """The position after the padding. `count` is that of the first byte that is not a Base64 digit."""
    found = source[count]
    if found != _PADDING:
        raise IllegalBase64Error(f"Illegal base64 character {_signed_hex(found)}")
    in_unit = count % 4
    after = count + 1
    if in_unit == 0 or (in_unit == 2 and source[after : after + 1] != b"="):
        raise IllegalBase64Error("Input byte array has wrong 4-byte ending unit")
    return after + 1 if in_unit == 2 else after


def _signed_hex(byte: int) -> str:
    return f"{byte - 256 if byte > 127 else byte:x}"
