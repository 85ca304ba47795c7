"""The JSON and CSV of bulk enrolment (contract enrolment §2.3, §2.4)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lernbatch.bulk import rules
from lernbatch.bulk.model import (
    SUCCESS,
    BulkChange,
    BulkFile,
    BulkLine,
    BulkPerson,
    BulkPlan,
    BulkPlanRequest,
    BulkState,
)
from lernbatch.errors import Malformed, Missing, Refused
from lernbatch.tables import ids, reading
from lernbatch.tables.formulas import neutral
from lernbatch.tables.model import NoHeader, NoRows, TableRow, TooManyRows, TooWide, UnknownColumns, Unreadable
from lernbatch.web.envelope import decoded_by
from lernbatch.web.fields import mandatory
from lernbatch.web.schema import BatchId, Done, Fields, UserId

COLUMNS = ("batchId", "userIds")


ProcessId: TypeAlias = Annotated[str, Meta(description="Of an uploaded file.", examples=["01412345678901234567"])]
PlanHash: TypeAlias = Annotated[
    str,
    Meta(
        description="Of the plan.",
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    ),
]


class UploadForm(Fields):
    """A file of people."""

    file: Annotated[str, Meta(description="CSV: batchId,userIds", extra_json_schema={"format": "binary"})]


class AcceptedFile(Done, kw_only=True):
    """A file that waits to be processed."""

    process_id: ProcessId


class FileStatus(Fields):
    """How far a file is."""

    process_id: ProcessId
    status: Annotated[str, Meta(examples=["COMPLETED"])]
    message: Annotated[str, Meta(examples=["Operation is completed."])]
    done: Annotated[int, Meta(description="People done.")]
    total: Annotated[int, Meta(description="People to be done.")]
    object_type: Annotated[str, Meta(examples=["batchLearnerEnrol"])] | UnsetType = UNSET
    success_result: Annotated[str, Meta(description="JSON.")] | UnsetType = UNSET
    failure_result: Annotated[str, Meta(description="JSON.")] | UnsetType = UNSET


class FileStatusList(Fields):
    """The status of one file, in a list of one."""

    response: list[FileStatus]


class ResultLink(Fields):
    """Where the result of a file is fetched."""

    signed_url: str
    object_type: str
    process_id: ProcessId
    status: Annotated[str, Meta(examples=["COMPLETED"])]
    message: str


class ResultQuery(Fields):
    """What opens a result."""

    token: Annotated[str, Meta(description="Of the link.")]


class MembersPlan(Fields):
    """Who shall be in a batch."""

    batch_id: BatchId
    user_ids: list[UserId]
    remove_others: (
        Annotated[bool, Meta(description="Whoever is not in the list is removed; true when it is not said.")]
        | UnsetType
    ) = UNSET
    remove_by_hand: (
        Annotated[
            bool,
            Meta(description="Also whom a person enrolled, or who came alone; false when it is not said."),
        ]
        | UnsetType
    ) = UNSET


class PlanApplication(MembersPlan, kw_only=True):
    """The plan's request, with its hash."""

    hash: PlanHash


class ShownPlan(Fields):
    """What would be done. `people`: for each what, and why."""

    batch_id: BatchId
    hash: PlanHash
    counts: Mapping[str, int]
    people: Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "array", "items": {"type": "object"}})]


class AppliedChange(Done, kw_only=True):
    """What was done, and how many people it concerned."""

    change_id: Annotated[str, Meta(description="What undo asks for.", examples=["6a1f"])]
    batch_id: BatchId
    added: int
    returned: int
    removed: int


class ChangeToUndo(Fields):
    """A change that was applied."""

    change_id: Annotated[str, Meta(examples=["6a1f"])]


class IncorrectData(Refused):
    """The body is neither a form nor JSON (E17)."""

    code = "INVALID_DATA"
    message = "Incorrect data."


class TooManyInFile(Refused):
    """More lines or people than are taken at once (E18)."""

    code = "DATA_SIZE_EXCEEDED"

    def __init__(self, most: int) -> None:
        super().__init__(f"Maximum upload data size should be {most}")


class InvalidCsv(Refused):
    """No rows, a header alone, or more values than columns: the contract's text (E19, E22), the cause beside it.

    What the contract does not know, a damaged workbook or a lost quotation mark, has its cause in the text, too.
    """

    code = "INVALID_CSV_FILE"
    message = "Please provide valid csv file."

    def __init__(self, cause: Unreadable, *, in_text: bool = False) -> None:
        super().__init__(f"{self.message} {cause.sentence}" if in_text else None)
        self.details = _cause(cause)


class EmptyHeader(Refused):
    """The first line is empty (E20)."""

    code = "EMPTY_HEADER_LINE"
    message = "Missing header line in CSV file."

    def __init__(self, cause: Unreadable) -> None:
        super().__init__()
        self.details = _cause(cause)


class InvalidColumn(Refused):
    code = "INVALID_COLUMNS"

    def __init__(self, name: str, cause: Unreadable) -> None:
        super().__init__(f"Invalid column: {name}. Valid columns are: {', '.join(COLUMNS)}.")
        self.details = _cause(cause)


def _cause(cause: Unreadable) -> dict[str, object]:
    """{"reason": "it has 3 values, the header 2; …", "line": 7}"""
    return {"reason": cause.reason} if cause.line is None else {"reason": cause.reason, "line": cause.line}


def read_lines(data: bytes, most: int) -> list[BulkLine]:
    """The lines of a file, without its header. `most`: lines with the header, and people. Complains as E18 to E22.

    batchId,userIds
    0137,"u-1,u-2"
    """
    try:
        table = reading.read(data, COLUMNS, escape="\\", most_rows=most)
        lines = [read_line(row) for row in table.rows]
    except TooManyRows as many:
        raise TooManyInFile(most - 1) from many
    except NoHeader as empty:
        raise EmptyHeader(empty) from empty
    except UnknownColumns as unknown:
        raise InvalidColumn(unknown.names[0], unknown) from unknown
    except Unreadable as wrong:
        raise InvalidCsv(wrong, in_text=not isinstance(wrong, NoRows | TooWide)) from wrong
    if not lines:
        raise InvalidCsv(Unreadable("There is nothing below the header."))
    if sum(len(rules.people_of(line)) for line in lines) > most:
        raise TooManyInFile(most)
    return lines


def read_line(row: TableRow) -> BulkLine:
    """A line whose values stand between another separator than the header's is one cell.

    No batch's id has a separator in it, so what comes before the first one is the batch, and the rest are people.
    """
    batch_id, user_ids = row.cells.get("batchId", ""), row.cells.get("userIds", "")
    if batch_id and not user_ids:
        batch_id, user_ids = ids.first_and_others(batch_id)
    return BulkLine(
        row.line,
        ids.cleaned(batch_id) or None,
        user_ids or None,
        None if row.problem is None else f"Line {row.line}: {row.problem}.",
    )


class _FileText(msgspec.Struct):
    data: str


class _FileInJson(msgspec.Struct):
    request: _FileText


_FILE_IN_JSON = msgspec.json.Decoder(_FileInJson)


def read_json_data(body: bytes) -> bytes:
    """`request.data` of a JSON body, of which nothing else is made. Complains as E16. Raises: as `decode`."""
    try:
        data = decoded_by(_FILE_IN_JSON.decode, body).request.data
    except msgspec.ValidationError as wrong:
        raise Malformed from wrong
    if not data:
        raise Malformed
    return data.encode()


_STATE_TEXTS: Mapping[BulkState, tuple[str, str]] = {
    BulkState.NEW: ("NOT STARTED", "Operation is not started."),
    BulkState.UNDER_WAY: ("IN PROGRESS", "Operation is in progress."),
    BulkState.DONE: ("COMPLETED", "Operation is completed."),
}


def show_status(file: BulkFile, lines: Sequence[BulkLine], people: Sequence[BulkPerson]) -> FileStatusList:
    """{"response": [{"processId": …, "status": "COMPLETED", "successResult": "[…]", "failureResult": "[…]"}]}

    The results are JSON inside text, as clients expect: of each line that was done one object in both lists, of the
    others one among the failures. `done` and `total` are additions.
    """
    shown = FileStatus(file.process_id, *_STATE_TEXTS[BulkState(file.status)], file.done, file.people)
    if file.status == BulkState.DONE:
        by_row: dict[int, list[BulkPerson]] = {}
        for person in people:
            by_row.setdefault(person.row_number, []).append(person)
        succeeded: list[Any] = []
        failed: list[Any] = []
        for line in lines:
            if line.error is not None:
                failed.append({"batchId": line.batch_id, "userIds": line.user_ids, "err_msg": line.error})
                continue
            outcomes = [(person.user_id, person.outcome) for person in by_row.get(line.row_number, [])]
            succeeded.append({line.batch_id: [{user: SUCCESS} for user, outcome in outcomes if outcome == SUCCESS]})
            failed.append({line.batch_id: [{user: outcome} for user, outcome in outcomes if outcome != SUCCESS]})
        shown.object_type = file.kind
        shown.success_result = msgspec.json.encode(succeeded).decode()
        shown.failure_result = msgspec.json.encode(failed).decode()
    return FileStatusList([shown])


def show_result_file(lines: Sequence[BulkLine], people: Sequence[BulkPerson], *, neutralised: bool) -> bytes:
    """batchId,userId,status: one line a person, and one a line of the file that could not be done.

    `neutralised`: nothing in it is a formula, for what stands there was written by whoever made the file.
    """
    file = io.StringIO(newline="")
    rows = [("batchId", "userId", "status")]
    rows += [(line.batch_id or "", line.user_ids or "", line.error) for line in lines if line.error is not None]
    rows += [(person.batch_id, person.user_id, person.outcome or "") for person in people]
    csv.writer(file).writerows([neutral(row) for row in rows] if neutralised else rows)
    return file.getvalue().encode()


def show_link(file: BulkFile, url: str) -> ResultLink:
    """{"signedUrl": …, "objectType": …, "processId": …, "status": "COMPLETED", "message": …}"""
    return ResultLink(url, file.kind, file.process_id, *_STATE_TEXTS[BulkState(file.status)])


def read_plan_request(request: Mapping[str, Any], most: int) -> BulkPlanRequest:
    """{"batchId": "0137", "userIds": ["u-1"], "removeOthers": true, "removeByHand": false}

    `most`: people. Raises: Missing, Malformed, TooManyInFile.
    """
    user_ids = request.get("userIds")
    if user_ids is None:
        raise Missing("userIds")
    if not isinstance(user_ids, list) or not all(isinstance(user_id, str) for user_id in user_ids):
        raise Malformed
    if len(user_ids) > most:
        raise TooManyInFile(most)
    return BulkPlanRequest(
        batch_id=mandatory(request, "batchId"),
        user_ids=tuple(dict.fromkeys(user_id for user_id in map(ids.cleaned, user_ids) if user_id)),
        remove_others=_flag(request, "removeOthers", default=True),
        remove_by_hand=_flag(request, "removeByHand", default=False),
    )


def _flag(request: Mapping[str, Any], key: str, *, default: bool) -> bool:
    value = request.get(key, default)
    if not isinstance(value, bool):
        raise Malformed
    return value


def show_plan(plan: BulkPlan) -> ShownPlan:
    """{"batchId": …, "hash": …, "counts": {"add": 2, …}, "people": [{"userId": …, "action": "add", "reason": …}]}"""
    people = [{"userId": row.user_id, "action": row.move, "reason": row.reason} for row in plan.decisions]
    # As bytes already: there may be a hundred thousand, and whoever answers does not do it beside the loop.
    return ShownPlan(plan.batch_id, plan.digest, rules.counts(plan.decisions), msgspec.Raw(msgspec.json.encode(people)))


def show_change(change: BulkChange) -> AppliedChange:
    """{"response": "SUCCESS", "changeId": …, "batchId": …, "added": 2, "returned": 0, "removed": 1}"""
    return AppliedChange(
        change_id=change.change_id,
        batch_id=change.batch_id,
        added=len(change.added),
        returned=len(change.returned),
        removed=len(change.removed),
    )
