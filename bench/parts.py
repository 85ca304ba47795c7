"""`python -m bench parts`: the hot statements on tables in parts beside whole ones; the cut itself, a row's size.

Two databases of one server, filled alike, take turns; a ratio is that of neighbours, and what is shown is the median of
the rounds, with the least and the most of them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import asyncpg

from bench import database, pgbench
from bench.world import Size
from lernbatch.database.partitioning import partition

CALLS = ("update", "read", "list_v2", "enrol")
_BYTES = """
    SELECT sum(pg_table_size(relid)) / $2::bigint, sum(pg_indexes_size(relid)) / $2::bigint
      FROM (SELECT $1::regclass AS relid
             UNION ALL
            SELECT inhrelid FROM pg_inherits WHERE inhparent = $1::regclass) AS parts"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--enrolments", type=int, default=200_000)
    parser.add_argument("--parts", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5, help="of one call on one database, thrice a round")
    options = parser.parse_args()
    size = Size(options.enrolments)
    with database.loaded(size) as (folder, whole):
        parted = urlsplit(whole)._replace(path="/parted").geturl()
        asyncio.run(_clone(whole))
        began = time.perf_counter()
        asyncio.run(partition(parted, options.parts, lambda line: None))
        seconds = time.perf_counter() - began
        print(f"cut into {options.parts} parts in {seconds:.0f} s: {size.enrolments / seconds:,.0f} rows a second")
        for name, dsn in (("whole", whole), ("in parts", parted)):
            rows, indexes = asyncio.run(_bytes(dsn, size.enrolments))
            print(f"{name}: {rows:,.0f} bytes a row, and {indexes:,.0f} of indexes")
        for call in CALLS:
            rounds = [_round((whole, parted), call, size, options.seconds, folder) for _ in range(options.rounds + 1)]
            ratios = sorted(rounds[1:])  # the first warms up
            print(f"{call}: {median(ratios):.2f} of the rate on whole tables ({ratios[0]:.2f} to {ratios[-1]:.2f})")
        print(f"load at the end: {os.getloadavg()[0]:.1f}")


def _round(dsns: tuple[str, str], call: str, size: Size, seconds: float, folder: Path) -> float:
    """The rate on tables in parts, of that on whole ones before and after."""
    before, in_parts, after = (pgbench.measure(dsns[number], call, size, seconds, folder) for number in (0, 1, 0))
    return in_parts * 2 / (before + after)


async def _clone(whole: str) -> None:
    url = urlsplit(whole)
    conn = await asyncpg.connect(url._replace(path="/postgres").geturl())
    try:
        await conn.execute(f"CREATE DATABASE parted TEMPLATE {url.path[1:]}", timeout=3600)
    finally:
        await conn.close()


async def _bytes(dsn: str, rows: int) -> tuple[float, float]:
    conn = await asyncpg.connect(dsn)
    try:
        table, indexes = await conn.fetchrow(_BYTES, "enrolment", rows)
        return float(table), float(indexes)
    finally:
        await conn.close()
