"""HTTP routes of bulk enrolment: read, call, answer."""

from __future__ import annotations

import asyncio

from starlette.datastructures import UploadFile
from starlette.responses import Response

from lernbatch.bulk import actions, plans, reader, wire
from lernbatch.bulk.model import BulkKind
from lernbatch.errors import Malformed
from lernbatch.web import audit, forms
from lernbatch.web.fields import mandatory
from lernbatch.web.request import Call
from lernbatch.web.schema import takes


@takes(uploads=wire.UploadForm)
async def enrol_file(call: Call) -> wire.AcceptedFile:
    """POST /v1/batch/bulk/enrollment: Enrol the people in a file. Each line is a batch and its people; the file is
    processed in the background.
    """
    return await _store(call, BulkKind.ENROL)


@takes(uploads=wire.UploadForm)
async def unenrol_file(call: Call) -> wire.AcceptedFile:
    """POST /v1/batch/bulk/unenrollment: Unenrol the people in a file. Each line is a batch and its people; the file is
    processed in the background.
    """
    return await _store(call, BulkKind.UNENROL)


async def _store(call: Call, kind: BulkKind) -> wire.AcceptedFile:
    lines = await reader.read_lines(call.services, await _file_in(call))
    return wire.AcceptedFile(process_id=await actions.store_file(call.services, call.caller, kind, lines))


async def _file_in(call: Call) -> bytes:
    """The file: the first one of a form, or the field `data`. Raises: Malformed (E16), IncorrectData (E17)."""
    body = await call.read_body()
    content_type = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not body:
        raise wire.IncorrectData
    if content_type == "application/json":
        return wire.read_json_data(body)
    if content_type not in (forms.MULTIPART, forms.URL_ENCODED):
        raise wire.IncorrectData
    try:
        async with forms.read(call, body, most_files=10, most_fields=100) as form:
            for value in form.values():
                if isinstance(value, UploadFile):
                    return await value.read()
            data = form.get("data")
    except forms.UnreadableForm as wrong:
        raise Malformed from wrong
    if content_type != forms.URL_ENCODED or not isinstance(data, str) or not data:
        raise Malformed
    return data.encode()


@takes()
async def read_status(call: Call) -> wire.FileStatusList:
    """GET /v1/upload/status/{process_id}: Read how far a file is. For who uploaded it, and administrators."""
    file = await actions.file_of(call.services, call.caller, call.parameters["process_id"])
    lines, people = await actions.details_of(call.services, file.process_id)
    return await asyncio.to_thread(wire.show_status, file, lines, people)


@takes()
async def link_result(call: Call) -> wire.ResultLink:
    """GET /v1/upload/statusDownloadLink/{process_id}: Get a link to the result of a file. It lasts for half an hour."""
    file, token = await actions.link(call.services, call.caller, call.parameters["process_id"])
    url = f"{call.services.config.base_url}/v1/upload/result/{file.process_id}?token={token}"
    return wire.show_link(file, url)


@takes(produces="text/csv", query=wire.ResultQuery)
async def download_result(call: Call) -> Response:
    """GET /v1/upload/result/{process_id}: Download the result of a file. What became of each person, as CSV; the link
    has the token.
    """
    token = call.query.get("token", "")
    file = await actions.opened_by(call.services, call.parameters["process_id"], token)
    lines, people = await actions.details_of(call.services, file.process_id)
    neutralised = call.services.config.csv_formulas_neutralised
    content = await asyncio.to_thread(wire.show_result_file, lines, people, neutralised=neutralised)
    headers = {"Content-Disposition": f'attachment; filename="{file.process_id}.csv"'}
    return Response(content, media_type="text/csv", headers=headers)


@takes(wire.MembersPlan)
async def plan(call: Call) -> wire.ShownPlan:
    """POST /v1/batch/roster/plan: Plan who shall be in a batch. Nothing is changed: the answer says whom it would add,
    bring back and remove.
    """
    request = await asyncio.to_thread(wire.read_plan_request, call.request, call.services.config.bulk_row_limit)
    planned = await plans.plan(call.services, call.caller, request)
    await audit.note_list(call, "bulk.plan", len(planned.decisions), planned.batch_id)
    return await asyncio.to_thread(wire.show_plan, planned)


@takes(wire.PlanApplication)
async def apply(call: Call) -> wire.AppliedChange:
    """POST /v1/batch/roster/apply: Apply a plan. The plan's request with its hash."""
    request = await asyncio.to_thread(wire.read_plan_request, call.request, call.services.config.bulk_row_limit)
    digest = mandatory(call.request, "hash")
    return wire.show_change(await plans.apply(call.services, call.caller, request, digest, call.origin))


@takes(wire.ChangeToUndo)
async def undo(call: Call) -> wire.AppliedChange:
    """POST /v1/batch/roster/undo: Undo an applied plan. Who was added leaves, and who was removed comes back."""
    change_id = mandatory(call.request, "changeId")
    return wire.show_change(await plans.undo(call.services, call.caller, change_id, call.origin))
