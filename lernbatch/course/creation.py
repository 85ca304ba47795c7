"""Creating a course: passed on to the content service, with the tree of units that the caller draws (batches §3.6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lernbatch.course.model import NewCourse
from lernbatch.course.wire import show_hierarchy
from lernbatch.errors import Refused
from lernbatch.services import Services
from lernbatch.sunbird.http import Reply, mapping, text


class NotCreated(Refused):
    """The content service did not make the course, or not its tree (K5, K7)."""

    code = "SERVER_ERROR"


async def create(services: Services, new: NewCourse, channel: str) -> dict[str, Any]:
    """Create the course and its tree. Returns the content service's answer, with the id as `course_id` too.

    Raises: NotCreated.
    """
    content = services.sunbird.content
    if new.source is None:
        created = _result_of(await content.create_course(new.course, channel))
        identifier = text(created.get("identifier"))
    else:
        course = {"copyScheme": "TextBookToCourse", **new.course}
        created = _result_of(await content.copy_course(new.source, course, channel))
        identifier = text(mapping(created.get("node_id")).get(new.source))
    if new.hierarchy:
        reply = await content.update_hierarchy(show_hierarchy(identifier, new), channel)
        if not reply.ok:
            raise NotCreated(reply.text)
    shown = {key: value for key, value in created.items() if key != "node_id"}
    return {**shown, "identifier": identifier, "course_id": identifier, "versionKey": created.get("versionKey")}


def _result_of(reply: Reply) -> Mapping[str, Any]:
    """The result of a call that created a course. Raises: NotCreated, with the reasons that the service gave."""
    if reply.ok:
        return reply.result
    result = mapping(reply.envelope.get("result"))
    messages = result.get("messages")
    reason = "" if not result else ";".join(map(text, messages)) if isinstance(messages, list) else reply.text or ""
    raise NotCreated(f"Course creation failed {reason}")
