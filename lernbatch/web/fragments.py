"""Pieces of answers that many answers share, kept as JSON: encoded once, not with each answer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

import msgspec

MOST_BYTES = 8 * 1024 * 1024  # of one process
_BYTES_BESIDE = 500  # of an entry: its key, and what holds it


class Fragments:
    """JSON by what it was made from, of bounded size in all; the least recently used makes room.

    A key names the kind of fragment first, then everything that the JSON depends on.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes, self._bytes = most_bytes, 0
        self._kept: OrderedDict[Hashable, msgspec.Raw] = OrderedDict()

    def get(self, key: Hashable) -> msgspec.Raw | None:
        """The JSON kept under `key`."""
        fragment = self._kept.get(key)
        if fragment is not None:
            self._kept.move_to_end(key)
        return fragment

    def keep(self, key: Hashable, value: object) -> msgspec.Raw:
        """`value` as JSON, to be found under `key` from now on."""
        fragment = msgspec.Raw(msgspec.json.encode(value))
        replaced = self._kept.pop(key, None)
        if replaced is not None:
            self._bytes -= _size(replaced)
        self._kept[key] = fragment
        self._bytes += _size(fragment)
        while self._bytes > self._most_bytes:
            self._bytes -= _size(self._kept.popitem(last=False)[1])
        return fragment


def _size(fragment: msgspec.Raw) -> int:
    return len(memoryview(fragment)) + _BYTES_BESIDE
