"""The JSON of a search, for the description of the API; `wire.py` reads and shows it."""

from __future__ import annotations

from lernbatch.batch.shapes import BATCH
from lernbatch.web.schema import Shape, flag, keyed, listed, maybe, record, text, whole

_VALUE = "A text, a number, a list of them, or an object of operators: < <= > >= startsWith endsWith."

search = Shape(
    request=record(
        "filters",
        filters={"type": "object", "description": f"By field. {_VALUE}", "examples": [{"status": ["0", "1"]}]},
        query=maybe(text("Words to look for.", example="June", maxLength=1000)),
        queryFields=listed(text(example="name")),
        fields=listed(text(example="batchId"), "What to show of each batch; none named: everything."),
        sort_by=keyed(text(example="desc", one_of=("asc", "desc"))),
        limit=whole(example=30, least=0),
        offset=whole(example=0, least=0),
        exists=listed(text(example="endDate")),
        not_exists=listed(text(example="endDate")),
        facets=listed(keyed(maybe(text(example="DATE_HISTOGRAM"))), "Only the first object counts."),
        cursor=maybe(text('`nextCursor` of the page before; "" for the first page.', example="")),
    ),
    result=record(
        "response",
        response=record(
            "count content",
            count=whole("All that match."),
            content=listed(BATCH),
            facets=listed(
                record("name values", name=text(), values=listed(record("count", count=whole()))), "If asked for."
            ),
            nextCursor=text("Absent on the last page."),
        ),
    ),
    query={
        "creatorDetails": flag("Also who created each batch."),
        "fields": text("`participants`: also the ids of each batch's learners.", one_of=("participants",)),
    },
)
