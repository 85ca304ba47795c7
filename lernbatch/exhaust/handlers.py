"""HTTP entrances of exhausts in the service's own envelope: ask for a report, list them, fetch a file."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response, StreamingResponse

from lernbatch.errors import Missing, NotFound
from lernbatch.exhaust import actions, wire
from lernbatch.web import audit
from lernbatch.web.http import Call, Headed

CHANNEL_HEADER = "x-channel-id"
LIST_LIMIT = 100
NO_STORE = {"cache-control": "no-store"}  # the links in an answer open files for whoever holds them


async def submit(call: Call) -> Headed:
    """POST /v1/jobrequest/submit: the caller is who asks, whatever the request says (E60)."""
    channel = call.headers.get(CHANNEL_HEADER)
    requested_by = call.caller.user_id or ""
    wire.read_submission(call.request, requested_by, "", Missing)  # what is missing is said first
    channel = await actions.admitted(call.services, call.caller, channel)
    asked = wire.read_submission(call.request, requested_by, channel, Missing)
    request = await actions.submit(call.services, actions.requester(call.services.config, call.caller), asked)
    return Headed(show((await actions.shown(call.services, [request]))[0]), NO_STORE)


async def list_of_tag(call: Call) -> Headed:
    """GET /v1/jobrequest/list/{tag}"""
    channel = await actions.admitted(call.services, call.caller, call.headers.get(CHANNEL_HEADER))
    requester = actions.requester(call.services.config, call.caller)
    found = await actions.of_tag(call.services, requester, call.parameters["tag"], channel, LIST_LIMIT)
    return Headed(show_list(await actions.shown(call.services, found)), NO_STORE)


async def download(call: Call) -> Response:
    """GET /v1/exhaust/files/{path}: a file, to whoever holds a link that lasts."""
    path, files = call.parameters["path"], actions.store(call.services.config)
    expires, signature = (call.query.get(key, "") for key in ("expires", "signature"))
    files.check_link(path, expires, signature, call.services.clock.now())
    if not await actions.is_there(call.services, path):
        raise NotFound
    await audit.note(call, "exhaust.download", about=path)
    size, content = await files.read(path)
    name = path.rpartition("/")[2]
    return StreamingResponse(
        content,
        media_type="application/zip" if name.endswith(".zip") else "application/json",
        headers={
            "Content-Length": str(size),
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


def show(shown: actions.Shown) -> dict[str, Any]:
    return wire.show_request(shown.request, shown.links, shown.manifest_link, shown.expire_at)


def show_list(found: list[actions.Shown]) -> dict[str, Any]:
    return {"count": len(found), "jobs": [show(one) for one in found]}
