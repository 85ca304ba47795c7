"""HTTP entrance of summaries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lernbatch.http import Call
from lernbatch.summary import actions, wire


async def summarise(call: Call) -> Mapping[str, Any]:
    """POST /v1/collection/summary"""
    return wire.show_summary(await actions.summarise(call.services, wire.read_asked(call.request)))
