"""HTTP handlers of courses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lernbatch.course import creation, wire
from lernbatch.web.idempotency import Remember, once
from lernbatch.web.request import Call
from lernbatch.web.schema import takes


@takes(wire.CourseCreation, result=wire.CreatedCourse)
async def create(call: Call) -> Mapping[str, Any]:
    """POST /v1/course/create: Create a course. A draft in the content service, new or copied."""

    async def work(remember: Remember[Mapping[str, Any]]) -> Mapping[str, Any]:
        course = await creation.create(call.services, wire.read_new_course(call.request), call.origin.channel)
        async with call.services.pool.acquire() as conn, conn.transaction():
            await remember(conn, course)
        return course

    return await once(call, work)
