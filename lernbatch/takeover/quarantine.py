"""Source rows that are not in the target: kept verbatim, sealed, until somebody decides."""

from __future__ import annotations

from typing import Any

import msgspec

from lernbatch.sealing import Seal
from lernbatch.takeover.convert.model import HeldRow

ABOUT = "takeover quarantine"


def sealed(seal: Seal, row: HeldRow) -> bytes:
    """The row as it is kept: bytes as they were read, values as JSON."""
    values = row.values
    body = values if isinstance(values, bytes) else msgspec.json.encode(values)
    return seal.close(body, f"{ABOUT} {row.kind}")


def opened(seal: Seal, kind: str, body: bytes) -> Any:
    """The row again: its values, or the text of a line that could not be read."""
    raw = seal.open(body, f"{ABOUT} {kind}")
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return raw.decode("utf-8", "replace")
