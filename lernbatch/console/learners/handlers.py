"""The table of a batch's learners, and the same as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from starlette.responses import Response

from lernbatch.archive.model import Row
from lernbatch.batch.model import Batch
from lernbatch.console import batch_frame, lists, people, rendering
from lernbatch.console.learners import view
from lernbatch.console.visit import Visit
from lernbatch.errors import LernbatchError
from lernbatch.figures import actions as figures
from lernbatch.figures.model import LearnersQuery
from lernbatch.figures.wire import read_learners
from lernbatch.web import audit

ROWS, ROWS_OF_FILE = 50, 500


async def show(visit: Visit) -> Response:
    """GET /console/batches/{batch_id}/learners"""
    day = await batch_frame.managed(visit)
    query, is_understood = _query(visit, day.batch)
    page = await figures.learners(visit.services, day.batch, query)
    (counted,) = await figures.figures_of(visit.services, [day.batch])
    if page.total >= audit.MANY_PEOPLE and query.after is None:
        await audit.note(visit.call, "batch.learners", about=day.batch.batch_id)
    names = await people.names(visit, [row.user_id for row in page.rows])
    context = {
        **batch_frame.frame(visit, day),
        **view.page(page, query, counted, names, visit.query, visit.words),
        "is_understood": is_understood,
        "names_are_missing": names.are_missing,
    }
    return await rendering.page(visit, "learners/page.html", context)


async def download(visit: Visit) -> Response:
    """GET /console/batches/{batch_id}/learners/list.csv: all rows of the same query."""
    day = await batch_frame.managed(visit)
    query, _ = _query(visit, day.batch)
    query = replace(query, limit=ROWS_OF_FILE, after=None)
    first = await figures.learners(visit.services, day.batch, query)
    await audit.note(visit.call, "batch.learners", about=day.batch.batch_id)

    async def pages() -> AsyncIterator[Sequence[Row]]:
        page = first
        while True:
            yield view.csv_rows(page, visit.words)
            if page.next is None:
                return
            page = await figures.learners(visit.services, day.batch, replace(query, after=page.next))

    return lists.csv_answer(visit, "learners", view.csv_columns(first, visit.words), pages())


def _query(visit: Visit, batch: Batch) -> tuple[LearnersQuery, bool]:
    """What the address asks for, as the API reads it; what cannot be read is left out, and the page says so."""
    asked = {"batchId": batch.batch_id, "limit": ROWS}
    try:
        return read_learners({**asked, **view.read(visit.query, visit.words.now)}), True
    except (LernbatchError, ValueError):
        return read_learners(asked), False
