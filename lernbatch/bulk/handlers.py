"""HTTP routes of rosters: read, call, answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from lernbatch.bulk import actions, plans, wire
from lernbatch.bulk.model import Kind
from lernbatch.errors import Malformed
from lernbatch.web.request import Call

_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


async def enrol_file(call: Call) -> Mapping[str, Any]:
    """POST /v1/batch/bulk/enrollment"""
    return await _take(call, Kind.ENROL)


async def unenrol_file(call: Call) -> Mapping[str, Any]:
    """POST /v1/batch/bulk/unenrollment"""
    return await _take(call, Kind.UNENROL)


async def _take(call: Call, kind: Kind) -> Mapping[str, Any]:
    data, most = await _data(call), call.services.config.bulk_row_limit
    lines = await asyncio.to_thread(wire.read_lines, data, most)
    return {"response": "SUCCESS", "processId": await actions.take(call.services, call.caller, kind, lines)}


async def _data(call: Call) -> bytes:
    """The file: the first one of a form, or the field `data`. Raises: Malformed (E16), IncorrectData (E17)."""
    body = await call.read_body()
    content_type = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not body:
        raise wire.IncorrectData
    if content_type == "application/json":
        return wire.read_json_data(body)
    if content_type not in _FORMS:
        raise wire.IncorrectData
    try:
        async with _again(call.http, body).form(max_files=10, max_fields=100, max_part_size=len(body)) as form:
            for value in form.values():
                if isinstance(value, UploadFile):
                    return await value.read()
            data = form.get("data")
    except (MultiPartException, HTTPException) as wrong:  # inside an application Starlette raises the latter
        raise Malformed from wrong
    if content_type != _FORMS[1] or not isinstance(data, str) or not data:
        raise Malformed
    return data.encode()


def _again(request: Request, body: bytes) -> Request:
    """The request with a body that was read already, within its bound."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, receive)


async def read_status(call: Call) -> Mapping[str, Any]:
    """GET /v1/upload/status/{process_id}"""
    process = await actions.process_of(call.services, call.caller, call.parameters["process_id"])
    lines, people = await actions.details_of(call.services, process.process_id)
    return await asyncio.to_thread(wire.show_status, process, lines, people)


async def link_result(call: Call) -> Mapping[str, Any]:
    """GET /v1/upload/statusDownloadLink/{process_id}"""
    process, token = await actions.link(call.services, call.caller, call.parameters["process_id"])
    url = f"{call.services.config.public_url}/v1/upload/result/{process.process_id}?token={token}"
    return wire.show_link(process, url)


async def download_result(call: Call) -> Response:
    """GET /v1/upload/result/{process_id}?token=…: what became of each person, as CSV."""
    token = call.query.get("token", "")
    process = await actions.opened_by(call.services, call.parameters["process_id"], token)
    lines, people = await actions.details_of(call.services, process.process_id)
    name = f'attachment; filename="{process.process_id}.csv"'
    headers = {"Content-Disposition": name}
    neutralised = call.services.config.csv_formulas_neutralised
    content = await asyncio.to_thread(wire.show_result_file, lines, people, neutralised=neutralised)
    return Response(content, media_type="text/csv", headers=headers)


async def plan_roster(call: Call) -> Mapping[str, Any]:
    """POST /v1/batch/roster/plan"""
    wanted = await asyncio.to_thread(wire.read_wanted, call.request, call.services.config.bulk_row_limit)
    return await asyncio.to_thread(wire.show_plan, await plans.plan(call.services, call.caller, wanted))


async def apply_roster(call: Call) -> Mapping[str, Any]:
    """POST /v1/batch/roster/apply: the plan's request with its hash."""
    wanted = await asyncio.to_thread(wire.read_wanted, call.request, call.services.config.bulk_row_limit)
    digest = wire.read_digest(call.request)
    return wire.show_change(await plans.apply(call.services, call.caller, wanted, digest, call.origin))


async def undo_roster(call: Call) -> Mapping[str, Any]:
    """POST /v1/batch/roster/undo"""
    change_id = wire.read_change_id(call.request)
    return wire.show_change(await plans.undo(call.services, call.caller, change_id, call.origin))
