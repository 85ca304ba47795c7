"""Pages of reports."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.responses import Response

from lernbatch.batch import actions as batches
from lernbatch.console import batch_frame, rendering
from lernbatch.console.reports import view
from lernbatch.console.visit import Visit, see_other
from lernbatch.errors import Missing, NotFound
from lernbatch.exhaust import actions, rules, wire
from lernbatch.exhaust.model import COUNTING
from lernbatch.figures import actions as figures

REQUESTS = 50  # of a page: the newest of the reader
REFRESH_SECONDS = 2  # while a report is made


async def show(visit: Visit) -> Response:
    """GET /console/reports: the reader's own, of all batches."""
    requester = rules.requester(visit.services.config, visit.caller)
    linked = await actions.of_requester(visit.services, requester, REQUESTS)
    batch_ids = {batch_id for each in linked for batch_id in view.batch_ids(each)}
    rows = await batches.find_all(visit.services.pool, batch_ids)
    names = {batch.batch_id: batch.name for batch in rows}
    context = {"reports": view.reports(linked, names, visit.words), "most": REQUESTS}
    return await rendering.page(visit, "reports/own.html", context)


async def show_of_batch(visit: Visit) -> Response:
    """GET /console/batches/{batch_id}/reports: ask for one of this batch, and the reader's own of it."""
    day = await batch_frame.managed(visit)
    requester = rules.requester(visit.services.config, visit.caller)
    linked = await actions.of_requester(visit.services, requester, REQUESTS)
    own = [each for each in linked if day.batch.batch_id in view.batch_ids(each)]
    reports = view.reports(own, {day.batch.batch_id: day.batch.name}, visit.words)
    (counted,) = await figures.figures_of(visit.services, [day.batch])
    context = {
        **batch_frame.frame(visit, day),
        **view.form(visit, reports),
        "reports": reports,
        "learners": counted.figures.enrolled,
        "key_characters": visit.services.config.exhaust_key_characters,
        "keeping": view.keeping(visit.services.config, visit.words),
    }
    return await rendering.page(visit, "reports/batch.html", context)


async def ask(visit: Visit) -> Response:
    """POST /console/batches/{batch_id}/reports, do=ask"""
    day, form, _ = await batch_frame.managed(visit), visit.form, visit.words._
    key = form.get("key", "")
    if key != form.get("again", ""):
        visit.refuse(_("The two passwords differ. Type the same one twice."), "again")
        return await show_of_batch(visit)
    if form.get("dataset") in view.WITH_KEY and not key:
        visit.refuse(_("Choose a password: a file with names and phone numbers is never made without one."), "key")
        return await show_of_batch(visit)
    blocks, since = view.blocks(form.get("blocks", "")), form.get("since", "")
    if form.get("dataset") in COUNTING and (blocks or since):
        text = _("The summary counts everybody by place: leave the block empty, and choose all learners.")
        visit.refuse(text, "blocks" if blocks else "since")
        return await show_of_batch(visit)
    # The contract has one request a day; who asks here wants today's figures, and a double press none twice.
    config: dict[str, Any] = {"batchId": day.batch.batch_id, "type": form.get("once", "")}
    if since:
        config["changedSince" if view.is_day(since) else "changedSinceRequest"] = since
    if blocks:
        config["filters"] = {"blocks": blocks}
    if columns := visit.lists.get("columns"):
        config["columns"] = columns
    request = {
        "tag": f"{day.batch.course_id}_{day.batch.batch_id}",
        "dataset": form.get("dataset", ""),
        "datasetConfig": config,
        "outputFormat": form.get("format", ""),
        **({"encryptionKey": key} if key else {}),
    }
    submission = wire.read_submission(request, visit.caller.user_id or "", "", Missing)
    channel = await actions.admitted(visit.services, visit.caller, None)
    requester = rules.requester(visit.services.config, visit.caller)
    linked = await actions.submit(visit.services, requester, replace(submission, channel=channel))
    return see_other(f"/console/reports/{linked.request.request_id}")


async def show_one(visit: Visit) -> Response:
    """GET /console/reports/{request_id}: how far it is, and its files. Shown again by itself until it is made."""
    requester = rules.requester(visit.services.config, visit.caller)
    request = await actions.find(visit.services.pool, visit.parameters["request_id"])
    linked = await actions.linked_requests(visit.services, requester, [request]) if request is not None else []
    if not linked:
        raise NotFound
    rows = await batches.find_all(visit.services.pool, view.batch_ids(linked[0]))
    names = {batch.batch_id: batch.name for batch in rows}
    (report,) = view.reports(linked, names, visit.words)
    context = {"report": report, "every_seconds": REFRESH_SECONDS, **view.files(linked[0], names, visit.words)}
    return await rendering.page(visit, "reports/one.html", context)
