"""Which learners' rows lie in one shard of Citus, so that what is done together is done in one place."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from lernbatch.database.db import Connection

LONGEST_CACHED = 256  # characters of an id; callers may write longer ones
_32_BITS = 0xFFFFFFFF
_RANGES = """
  SELECT shard.shardminvalue::int AS lowest, shard.shardid AS shard,
         CASE WHEN position(':' in node.nodename) > 0 THEN '[' || node.nodename || ']' ELSE node.nodename END
         || ':' || node.nodeport AS address
    FROM pg_dist_shard shard
    JOIN pg_dist_placement placement ON placement.shardid = shard.shardid
    JOIN pg_dist_node node ON node.groupid = placement.groupid AND node.noderole = 'primary'
   WHERE shard.logicalrelid = to_regclass('enrolment')
ORDER BY lowest"""


@dataclass(frozen=True, slots=True)
class Shards:
    """The shards of a cluster, in three columns.

    `lowest`: the least hash of each, ascending from -2**31; `ids`; `addresses`: `host:port` of the node that has it.
    """

    lowest: Sequence[int]
    ids: Sequence[int]
    addresses: Sequence[str]

    def of(self, user_id: str) -> int:
        """The shard that holds the rows of a learner."""
        return self.ids[self._place(user_id)]

    def address_of(self, user_id: str) -> str:
        """The node that holds the rows of a learner."""
        return self.addresses[self._place(user_id)]

    def _place(self, user_id: str) -> int:
        hashed = hashtext(user_id) if len(user_id) <= LONGEST_CACHED else hashtext.__wrapped__(user_id)
        return bisect_right(self.lowest, hashed) - 1


async def read(conn: Connection) -> Shards | None:
    """The shards of this database; None: it is plain PostgreSQL, or its tables are not distributed."""
    if await conn.fetchval("SELECT to_regclass('pg_dist_shard')") is None:
        return None
    ranges = await conn.fetch(_RANGES)
    return Shards(*zip(*ranges, strict=True)) if ranges else None


@lru_cache(maxsize=65_536)  # the learners of the hour; to hash an id takes 20 µs
def hashtext(text: str) -> int:
    """PostgreSQL's hash of a text, by which Citus places rows: -2**31 to 2**31 - 1.

    Bob Jenkins' hash as of 2006, of the text in UTF-8 (hash_bytes in PostgreSQL's hashfn.c).
    """
    data = text.encode()
    a = b = c = (0x9E3779B9 + len(data) + 3923095) & _32_BITS
    whole = len(data) - len(data) % 12
    for at in range(0, whole, 12):
        a = (a + int.from_bytes(data[at : at + 4], "little")) & _32_BITS
        b = (b + int.from_bytes(data[at + 4 : at + 8], "little")) & _32_BITS
        c = (c + int.from_bytes(data[at + 8 : at + 12], "little")) & _32_BITS
        a, c = (a - c & _32_BITS) ^ _rotated(c, 4), c + b & _32_BITS
        b, a = (b - a & _32_BITS) ^ _rotated(a, 6), a + c & _32_BITS
        c, b = (c - b & _32_BITS) ^ _rotated(b, 8), b + a & _32_BITS
        a, c = (a - c & _32_BITS) ^ _rotated(c, 16), c + b & _32_BITS
        b, a = (b - a & _32_BITS) ^ _rotated(a, 19), a + c & _32_BITS
        c, b = (c - b & _32_BITS) ^ _rotated(b, 4), b + a & _32_BITS
    rest = data[whole:]
    a = (a + int.from_bytes(rest[:4], "little")) & _32_BITS
    b = (b + int.from_bytes(rest[4:8], "little")) & _32_BITS
    c = (c + (int.from_bytes(rest[8:], "little") << 8)) & _32_BITS  # its lowest byte stands for the length
    c = ((c ^ b) - _rotated(b, 14)) & _32_BITS
    a = ((a ^ c) - _rotated(c, 11)) & _32_BITS
    b = ((b ^ a) - _rotated(a, 25)) & _32_BITS
    c = ((c ^ b) - _rotated(b, 16)) & _32_BITS
    a = ((a ^ c) - _rotated(c, 4)) & _32_BITS
    b = ((b ^ a) - _rotated(a, 14)) & _32_BITS
    c = ((c ^ b) - _rotated(b, 24)) & _32_BITS
    return c - 2**32 if c >= 2**31 else c


def _rotated(value: int, by: int) -> int:
    return (value << by | value >> 32 - by) & _32_BITS
