"""The iteration order of a Java HashMap.

Okapi iterates over such maps of modules and interfaces and makes the first repair that it finds. So this order decides
which plan is made and which error is reported. It depends on the keys, the size of the map, and for keys in the same
bucket on the order of insertion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Generic, TypeVar

Value = TypeVar("Value")

DEFAULT_CAPACITY = 16


@lru_cache(maxsize=32768)
def spread(key: str) -> int:
    """Java's String.hashCode after HashMap's spreading, as an unsigned 32-bit number."""
    units = key.encode("utf-16-be", "surrogatepass")
    code = 0
    for high, low in zip(units[::2], units[1::2], strict=True):
        code = (31 * code + (high << 8 | low)) & 0xFFFFFFFF
    return code ^ (code >> 16)


def capacity(size: int, initial: int = DEFAULT_CAPACITY) -> int:
    """The number of buckets of a map that started with `initial` buckets and has held `size` keys."""
    while size > initial * 3 // 4:
        initial *= 2
    return initial


def sized_capacity(size: int) -> int:
    """The number of buckets of a map that was created with `new HashMap(size)` and holds `size` keys."""
    return capacity(size, 1 << max(size - 1, 0).bit_length())


def key_order(keys: Iterable[str], buckets: int) -> list[str]:
    """The keys, given in insertion order, in the iteration order of a map with that many buckets."""
    mask = buckets - 1
    return sorted(keys, key=lambda key: spread(key) & mask)


class JavaMap(Generic[Value]):
    """A map with Java's iteration order. It grows as Java's does, and never shrinks."""

    def __init__(self, buckets: int = DEFAULT_CAPACITY) -> None:
        self._items: dict[str, tuple[int, Value]] = {}
        self._counter = 0
        self._mask = buckets - 1

    def put(self, key: str, value: Value) -> None:
        """Sets the value of a key. An existing key keeps its place."""
        known = self._items.get(key)
        self._counter += 1
        self._items[key] = (known[0] if known else self._counter, value)
        self._mask = capacity(len(self._items), self._mask + 1) - 1

    def remove(self, key: str) -> Value | None:
        """Removes a key; returns its value, or None."""
        known = self._items.pop(key, None)
        return known[1] if known else None

    def place(self, key: str) -> tuple[int, int]:
        """The sort key of a key's place in the order. Raises KeyError."""
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
