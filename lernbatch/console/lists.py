"""`list.csv` beside a list: the same rows without pages, sent as they are read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from starlette.responses import Response, StreamingResponse

from lernbatch.archive.formats import Csv
from lernbatch.archive.model import FileFormat, Row
from lernbatch.console.visit import Visit


def csv_answer(visit: Visit, name: str, columns: Sequence[str], pages: AsyncIterator[Sequence[Row]]) -> Response:
    """A CSV that spreadsheets open. `columns`: heads in the reader's language; `pages`: the rows, some at a time.

    A failure on the way ends the connection: a file that is cut off is not taken for a whole one.
    """
    csv = Csv(FileFormat.CSV_EXCEL, neutralised=visit.services.config.csv_formulas_neutralised)

    async def written() -> AsyncIterator[bytes]:
        yield csv.header(columns)
        async for rows in pages:
            if rows:
                yield csv.rows(rows)

    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"}
    return StreamingResponse(written(), media_type="text/csv; charset=utf-8", headers=headers)
