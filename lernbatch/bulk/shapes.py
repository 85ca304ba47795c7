"""The JSON of rosters, for the description of the API; `wire.py` reads and shows it."""

from __future__ import annotations

from lernbatch.web.schema import BATCH_ID, USER_ID, Shape, flag, listed, maybe, record, text, whole

_PROCESS_ID = text("Of an uploaded file.", example="01412345678901234567")
_FILE = record("file", file=text("CSV: batchId,userIds", format="binary"))
_STATUS = record(
    "processId status message",
    processId=_PROCESS_ID,
    status=text(example="COMPLETED"),
    message=text(example="Operation is completed."),
    done=whole("People done."),
    total=whole("People to be done."),
    objectType=text(example="batchLearnerEnrol"),
    successResult=text("JSON."),
    failureResult=text("JSON."),
)
_WANTED = {
    "removeOthers": maybe(flag("Whoever is not in the list is removed; true when it is not said.")),
    "removeByHand": maybe(flag("Also whom a person enrolled, or who came alone; false when it is not said.")),
}
_HASH = text("Of the plan.", example="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
_CHANGE = record(
    "response changeId batchId added returned removed",
    response=text(example="SUCCESS"),
    changeId=text("What undo asks for.", example="6a1f"),
    batchId=BATCH_ID,
    added=whole(),
    returned=whole(),
    removed=whole(),
)

enrol_file = Shape(
    uploads=_FILE,
    result=record("response processId", response=text(example="SUCCESS"), processId=_PROCESS_ID),
)
unenrol_file = Shape(uploads=_FILE, result=enrol_file.result)
read_status = Shape(result=record("response", response=listed(_STATUS)))
link_result = Shape(
    result=record(
        "signedUrl processId status", signedUrl=text(), processId=_PROCESS_ID, status=text(example="COMPLETED")
    )
)
download_result = Shape(produces="text/csv", query={"token": text("Of the link.")})
plan_roster = Shape(
    request=record("batchId userIds", _WANTED, batchId=BATCH_ID, userIds=listed(USER_ID)),
    result=record("batchId hash counts people", batchId=BATCH_ID, hash=_HASH, counts=record(), people=listed(record())),
)
apply_roster = Shape(
    request=record("batchId userIds hash", _WANTED, batchId=BATCH_ID, userIds=listed(USER_ID), hash=_HASH),
    result=_CHANGE,
)
undo_roster = Shape(request=record("changeId", changeId=text(example="6a1f")), result=_CHANGE)
