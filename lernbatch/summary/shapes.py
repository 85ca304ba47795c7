"""The JSON of summaries, for the description of the API; `wire.py` reads and shows it."""

from __future__ import annotations

from lernbatch.web.schema import BATCH_ID, COURSE_ID, Shape, listed, maybe, record, text, whole

_FIGURE = record("type count", type=text(example="enrolment"), count=whole())
_PLACE = record("values", state=maybe(text()), district=maybe(text()), values=listed(_FIGURE))

summarise = Shape(
    request=record(
        "filters",
        filters=record("collectionId batchId", collectionId=COURSE_ID, batchId=BATCH_ID),
        groupBy=maybe(listed(text("dist or state.", example="dist"))),
        granularity=maybe(text("ALL, or the last days.", example="LAST_7DAYS")),
    ),
    result=record(
        "batchId collectionId lastUpdatedOn metrics",
        batchId=BATCH_ID,
        collectionId=COURSE_ID,
        lastUpdatedOn=whole("Epoch milliseconds."),
        metrics=maybe(listed(_FIGURE)),
        groupBy=maybe(listed(_PLACE)),
        notKnownYet=listed(_FIGURE, "Of those without a place: not looked up yet. Ask again."),
    ),
)
explain_enrolment = Shape(
    query={"batchId": BATCH_ID, "userId": text("The caller, when it is left out.", example="0b1e3c5a")},
    result=record(
        "userId batchId status completionPercentage because missing",
        userId=text(),
        batchId=BATCH_ID,
        status=whole(least=0, most=2),
        completionPercentage=whole(least=0, most=100),
        because=text(),
        missing=listed(record()),
    ),
)
