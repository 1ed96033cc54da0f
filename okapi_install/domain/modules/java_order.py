"""The order in which a Java HashMap gives its keys.

Okapi keeps modules and interfaces in such maps and makes the first repair that it meets, so the order decides
which plan is made and which error is told. It follows from the keys, the size, and the order of insertion among
keys that share a bucket.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Generic, TypeVar

Value = TypeVar("Value")

DEFAULT_CAPACITY = 16


@lru_cache(maxsize=32768)
def spread(key: str) -> int:
    """String.hashCode as HashMap spreads it, as an unsigned number of 32 bits."""
    units = key.encode("utf-16-be", "surrogatepass")
    code = 0
    for high, low in zip(units[::2], units[1::2], strict=True):
        code = (31 * code + (high << 8 | low)) & 0xFFFFFFFF
    return code ^ (code >> 16)


def capacity(size: int, initial: int = DEFAULT_CAPACITY) -> int:
    """Buckets of a map that has held `size` keys and began with that many buckets."""
    while size > initial * 3 // 4:
        initial *= 2
    return initial


def sized_capacity(size: int) -> int:
    """Buckets of a map that was made for `size` keys (`new HashMap(size)`) and holds them."""
    return capacity(size, 1 << max(size - 1, 0).bit_length())


def key_order(keys: Iterable[str], buckets: int) -> list[str]:
    """Keys, given in order of insertion, in the order of a map of that many buckets."""
    mask = buckets - 1
    return sorted(keys, key=lambda key: spread(key) & mask)


class JavaMap(Generic[Value]):
    """A map that gives its keys in Java's order. It grows as Java's does, and never shrinks."""

    def __init__(self, buckets: int = DEFAULT_CAPACITY) -> None:
        self._items: dict[str, tuple[int, Value]] = {}
        self._counter = 0
        self._mask = buckets - 1

    def put(self, key: str, value: Value) -> None:
        """Adds or replaces; what is replaced keeps its place."""
        known = self._items.get(key)
        self._counter += 1
        self._items[key] = (known[0] if known else self._counter, value)
        self._mask = capacity(len(self._items), self._mask + 1) - 1

    def remove(self, key: str) -> Value | None:
        """Removes a key and gives what it had."""
        known = self._items.pop(key, None)
        return known[1] if known else None

    def place(self, key: str) -> tuple[int, int]:
        """Where the key stands: smaller comes first. Raises KeyError."""
        return spread(key) & self._mask, self._items[key][0]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._items, key=self.place))

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __len__(self) -> int:
        return len(self._items)

    def values(self) -> list[Value]:
        """The values, in the order of their keys."""
        return [self._items[key][1] for key in self]
