"""The time. Nobody else asks for it, so a test can move it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from lernbatch.shadowing import GIVEN


class Clock:
    """Now, in UTC, and today, in the zone whose days batches live in."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone

    def now(self) -> datetime:
        """The time; while a shadowed request is answered, the time of that request (M57)."""
        given = GIVEN.get()
        return datetime.now(UTC) if given is None else given.at

    def today(self, time_zone: str | None = None) -> date:
        """The day it is in `time_zone`; None: in the installation's."""
        return self.now().astimezone(ZoneInfo(time_zone) if time_zone else self.zone).date()

    def now_ms(self) -> int:
        """Epoch milliseconds, the unit of the contract's events and content states."""
        return int(self.now().timestamp() * 1000)
