"""How fast rows are made: a report that may take a minute leaves the machine to those who wait for an answer."""

from __future__ import annotations

import asyncio


class Pace:
    """At most `rows_per_second`, of all files that share it; 0: as fast as it goes."""

    def __init__(self, rows_per_second: int) -> None:
        self._seconds_a_row = 1 / rows_per_second if rows_per_second else 0.0
        self._free_at = 0.0  # when the rows so far may be done, by the loop's clock

    async def keep(self, rows: int) -> None:
        """Wait until `rows` more may be done."""
        now = asyncio.get_running_loop().time()
        wait_seconds = max(self._free_at - now, 0.0)
        self._free_at = now + wait_seconds + rows * self._seconds_a_row
        if wait_seconds:
            await asyncio.sleep(wait_seconds)
