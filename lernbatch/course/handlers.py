"""HTTP entrances of courses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lernbatch.course import creation, wire
from lernbatch.http import Call


async def create(call: Call) -> Mapping[str, Any]:
    """POST /v1/course/create: a draft in the content service, new or copied."""
    return await creation.create(call.services, wire.read_new_course(call.request), call.origin.channel)
