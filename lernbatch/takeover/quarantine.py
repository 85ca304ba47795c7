"""Source rows that are not in the target: kept verbatim, sealed, until somebody decides."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import msgspec

from lernbatch.sealing import Seal
from lernbatch.takeover.convert.model import HeldRow

ABOUT = "takeover quarantine"  # so begins what binds a row; exhaust.sealed_held_rows writes it, too


def sealed(seal: Seal, row: HeldRow) -> tuple[str, bytes]:
    """A new mark, and the row as it is kept under it: bytes as they were read, values as JSON."""
    mark, values = uuid4().hex, row.values
    body = values if isinstance(values, bytes) else msgspec.json.encode(values)
    return mark, seal.close(body, f"{ABOUT} {mark}")


def opened(seal: Seal, mark: str, body: bytes) -> Any:
    """The row again: its values, or the text of a line that could not be read."""
    raw = seal.open(body, f"{ABOUT} {mark}")
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return raw.decode("utf-8", "replace")
