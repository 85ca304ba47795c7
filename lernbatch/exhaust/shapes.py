"""The JSON of exhausts, for the description of the API; `wire.py` reads and shows it."""

from __future__ import annotations

from lernbatch.archive.model import FileFormat, ZipEncryption
from lernbatch.exhaust.model import Status
from lernbatch.exhaust.wire import COLUMNS
from lernbatch.report.model import Dataset
from lernbatch.web.schema import Shape, keyed, listed, maybe, record, text, whole

_TAG = text("By convention the course, an underscore, the batch.", example="do_1_b1")
_FILTERS = record(
    organisationIds=listed(text()),
    districts=listed(text()),
    blocks=listed(text()),
    statuses=listed(whole("0 not started, 1 started, 2 completed", least=0, most=2)),
    userIds=listed(text()),
    addedBy=text("Only learners whom this person enrolled."),
)
_CONFIG = record(
    batchId=text("One batch; wins over the others.", example="01412345678901234567"),
    batchFilter=listed(text(), "Several batches."),
    searchFilter=keyed(text(), "A composite search for courses."),
    columns=listed(text(one_of=COLUMNS), "After the contract's columns; externalId in user info alone."),
    filters=_FILTERS,
    changedSinceRequest=text("Only who changed since that request was submitted."),
)
_SUBMISSION = record(
    "tag dataset datasetConfig",
    tag=_TAG,
    dataset=text(one_of=tuple(Dataset), example=Dataset.PROGRESS),
    datasetConfig=_CONFIG,
    encryptionKey=text("Protects the file; a user info exhaust needs one. At least 8 characters.", example="abc12345"),
    zipEncryption=text("zipcrypto opens everywhere, and can be broken.", one_of=tuple(filter(None, ZipEncryption))),
    outputFormat=text(one_of=tuple(FileFormat), example=FileFormat.CSV),
)
_MS = whole("Epoch milliseconds.")
_JOB = record(
    requestId=text(),
    tag=text("With the channel after a colon."),
    dataset=text(),
    requestedBy=text(),
    requestedChannel=text(),
    status=text(one_of=tuple(Status)),
    lastUpdated=_MS,
    datasetConfig=_CONFIG,
    attempts=whole(),
    jobStats=record(dtJobSubmitted=_MS, dtJobCompleted=maybe(_MS), executionTime=maybe(_MS)),
    downloadUrls=listed(text("A link that lasts until expiresAt.")),
    expiresAt=_MS,
    statusMessage=maybe(text()),
    manifestUrl=maybe(text("What was delivered, with checksums.")),
    progress=record(rowsDone=whole(), rowsTotal=maybe(whole()), percentage=whole()),
)
_JOBS = record(count=whole(), jobs=listed(_JOB))
_SEARCH = record(
    "filters",
    filters=record(dataset=text(), requestedDate=text(example="2030-06-01"), status=text(), channel=text()),
    limit=whole(least=1),
)
_LIMIT = {"limit": whole("At most so many, the newest first.", least=1)}
_REFUSED = {403: "No fitting role, another organisation, or none of the batches is the caller's"}
_GONE = {403: "The link is over, or was never made by us", 404: "The file is gone"}

submit = Shape(request=_SUBMISSION, result=_JOB, also=_REFUSED)
list_of_tag = Shape(result=_JOBS, also=_REFUSED)
submit_dataset = Shape(request=_SUBMISSION, produces="application/json", also=_REFUSED)
read_dataset = Shape(produces="application/json", query={"requestId": text()}, also=_REFUSED)
list_datasets = Shape(produces="application/json", query=_LIMIT, also=_REFUSED)
search_datasets = Shape(request=_SEARCH, produces="application/json", also=_REFUSED)
download = Shape(produces="application/zip", query={"expires": text(), "signature": text()}, also=_GONE)
