"""HTTP routes of exhausts in the service's own envelope: submit a request, list requests, download a file."""

from __future__ import annotations

from dataclasses import replace

from starlette.responses import Response, StreamingResponse

from lernbatch.archive.store import Store
from lernbatch.errors import Missing, NotFound
from lernbatch.exhaust import actions, rules, wire
from lernbatch.web import audit
from lernbatch.web.request import Call
from lernbatch.web.schema import takes

CHANNEL_HEADER = "x-channel-id"
LIST_LIMIT = 100
REFUSED = {403: "No fitting role, another organisation, or none of the batches is the caller's"}


@takes(wire.ReportRequest, also=REFUSED)
async def submit(call: Call) -> wire.ReportJob:
    """POST /v1/jobrequest/submit: Ask for a report. The caller is who asks, whatever the request says.

    Source: E60.
    """
    # What is missing is said first, so the channel, which the user service tells, comes after.
    submission = wire.read_submission(call.request, call.caller.user_id or "", "", Missing)
    channel = await actions.admitted(call.services, call.caller, call.headers.get(CHANNEL_HEADER))
    requester = rules.requester(call.services.config, call.caller)
    linked = await actions.submit(call.services, requester, replace(submission, channel=channel))
    return wire.show_request(linked)


@takes(also=REFUSED)
async def list_of_tag(call: Call) -> wire.ReportJobs:
    """GET /v1/jobrequest/list/{tag}: List the reports of a tag. The newest first, with links to their files."""
    channel = await actions.admitted(call.services, call.caller, call.headers.get(CHANNEL_HEADER))
    requester = rules.requester(call.services.config, call.caller)
    linked = await actions.of_tag(call.services, requester, call.parameters["tag"], channel, LIST_LIMIT)
    return wire.show_list(linked)


@takes(
    query=wire.LinkQuery,
    produces="application/zip",
    also={403: "The link is over, or was never made by us", 404: "The file is gone"},
)
async def download(call: Call) -> Response:
    """GET /v1/exhaust/files/{path:path}: Download a file of a report. For the holder of a link, while it lasts."""
    path, store = call.parameters["path"], Store(call.services.config)
    expires, signature = (call.query.get(key, "") for key in ("expires", "signature"))
    store.check_link(path, expires, signature, call.services.clock.now())
    if not await actions.is_there(call.services, path):
        raise NotFound
    size, content = await store.read(path)
    await audit.note(call, "exhaust.download", about=path)
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
