"""The JSON and CSV of rosters (contract enrolment-and-progress §2.3, §2.4)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lernbatch.bulk import rules
from lernbatch.bulk.model import SUCCESS, Change, Line, Person, Plan, Process, State, Wanted
from lernbatch.errors import Malformed, Missing, Refused
from lernbatch.tables import ids, reading
from lernbatch.tables.formulas import neutral
from lernbatch.tables.model import NoHeader, NoRows, TableRow, TooManyRows, TooWide, UnknownColumns, Unreadable
from lernbatch.web.envelope import decode
from lernbatch.web.fields import mandatory

COLUMNS = ("batchId", "userIds")


class IncorrectData(Refused):
    """The body is neither a form nor JSON (E17)."""

    code = "INVALID_DATA"
    message = "Incorrect data."


class TooMany(Refused):
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
    code = "EMPTY_HEADER_LINE"
    message = "Missing header line in CSV file."


class InvalidColumn(Refused):
    code = "INVALID_COLUMNS"

    def __init__(self, name: str, cause: Unreadable) -> None:
        super().__init__(f"Invalid column: {name}. Valid columns are: {', '.join(COLUMNS)}.")
        self.details = _cause(cause)


def _cause(cause: Unreadable) -> dict[str, object]:
    """{"reason": "it has 3 values, the header 2; …", "line": 7}"""
    return {"reason": cause.reason} if cause.line is None else {"reason": cause.reason, "line": cause.line}


def read_lines(data: bytes, most: int) -> list[Line]:
    """The lines of a file, without its header. `most`: lines with the header, and people. Complains as E18 to E22.

    batchId,userIds
    0137,"u-1,u-2"
    """
    try:
        table = reading.read(data, COLUMNS, escape="\\", most_rows=most)
        lines = [_line(row) for row in table.rows]
    except TooManyRows as many:
        raise TooMany(most - 1) from many
    except NoHeader as empty:
        raise EmptyHeader from empty
    except UnknownColumns as unknown:
        raise InvalidColumn(unknown.names[0], unknown) from unknown
    except Unreadable as wrong:
        raise InvalidCsv(wrong, in_text=not isinstance(wrong, NoRows | TooWide)) from wrong
    if not lines:
        raise InvalidCsv(Unreadable("There is nothing below the header."))
    if sum(len(rules.people_of(line)) for line in lines) > most:
        raise TooMany(most)
    return lines


def _line(row: TableRow) -> Line:
    batch_id, user_ids = ids.cleaned(row.cells.get("batchId", "")), row.cells.get("userIds", "")
    error = None if row.problem is None else f"Line {row.line}: {row.problem}."
    return Line(row.line, batch_id or None, user_ids or None, error)


def read_json_data(body: bytes) -> bytes:
    """`request.data` of a JSON body. Complains as E16. Raises: as `decode`."""
    try:
        data = decode(body)["request"]["data"]
    except (KeyError, TypeError) as wrong:
        raise Malformed from wrong
    if not isinstance(data, str) or not data:
        raise Malformed
    return data.encode()


_SHOWN: Mapping[State, tuple[str, str]] = {
    State.NEW: ("NOT STARTED", "Operation is not started."),
    State.UNDER_WAY: ("IN PROGRESS", "Operation is in progress."),
    State.DONE: ("COMPLETED", "Operation is completed."),
}


def show_status(process: Process, lines: Sequence[Line], people: Sequence[Person]) -> dict[str, Any]:
    """{"response": [{"processId": …, "status": "COMPLETED", "successResult": "[…]", "failureResult": "[…]"}]}

    The results are JSON inside text, as clients expect. `done` and `total` are additions.
    """
    status, message = _SHOWN[State(process.status)]
    shown: dict[str, Any] = {"processId": process.process_id, "status": status, "message": message}
    shown |= {"done": process.done, "total": process.people}
    if process.status == State.DONE:
        succeeded, failed = _results(lines, people)
        shown |= {
            "objectType": process.kind,
            "successResult": msgspec.json.encode(succeeded).decode(),
            "failureResult": msgspec.json.encode(failed).decode(),
        }
    return {"response": [shown]}


def _results(lines: Sequence[Line], people: Sequence[Person]) -> tuple[list[Any], list[Any]]:
    """Of each line that was done one object in both lists; of the others one among the failures."""
    by_row: dict[int, list[Person]] = {}
    for person in people:
        by_row.setdefault(person.row_number, []).append(person)
    succeeded: list[Any] = []
    failed: list[Any] = []
    for line in lines:
        if line.error is not None:
            failed.append({"batchId": line.batch_id, "userIds": line.user_ids, "err_msg": line.error})
            continue
        mine = by_row.get(line.row_number, [])
        succeeded.append({line.batch_id: [{one.user_id: SUCCESS} for one in mine if one.outcome == SUCCESS]})
        failed.append({line.batch_id: [{one.user_id: one.outcome} for one in mine if one.outcome != SUCCESS]})
    return succeeded, failed


def show_result_file(lines: Sequence[Line], people: Sequence[Person], *, neutralised: bool) -> bytes:
    """batchId,userId,status: one line a person, and one a line of the file that could not be done.

    `neutralised`: nothing in it is a formula, for what stands there was written by whoever made the file.
    """
    file = io.StringIO(newline="")
    rows = [("batchId", "userId", "status")]
    rows += [(line.batch_id or "", line.user_ids or "", line.error) for line in lines if line.error is not None]
    rows += [(person.batch_id, person.user_id, person.outcome or "") for person in people]
    csv.writer(file).writerows([neutral(row) for row in rows] if neutralised else rows)
    return file.getvalue().encode()


def show_link(process: Process, url: str) -> dict[str, Any]:
    status, message = _SHOWN[State(process.status)]
    return {
        "signedUrl": url,
        "objectType": process.kind,
        "processId": process.process_id,
        "status": status,
        "message": message,
    }


def read_wanted(request: Mapping[str, Any], most: int) -> Wanted:
    """{"batchId": "0137", "userIds": ["u-1"], "removeOthers": true, "removeByHand": false}"""
    user_ids = request.get("userIds")
    if user_ids is None:
        raise Missing("userIds")
    if not isinstance(user_ids, list) or not all(isinstance(user_id, str) for user_id in user_ids):
        raise Malformed
    if len(user_ids) > most:
        raise TooMany(most)
    return Wanted(
        batch_id=mandatory(request, "batchId"),
        user_ids=tuple(dict.fromkeys(user_id for user_id in map(ids.cleaned, user_ids) if user_id)),
        remove_others=_flag(request, "removeOthers", default=True),
        remove_by_hand=_flag(request, "removeByHand", default=False),
    )


def read_digest(request: Mapping[str, Any]) -> str:
    return mandatory(request, "hash")


def read_change_id(request: Mapping[str, Any]) -> str:
    return mandatory(request, "changeId")


def _flag(request: Mapping[str, Any], key: str, *, default: bool) -> bool:
    found = request.get(key, default)
    if not isinstance(found, bool):
        raise Malformed
    return found


def show_plan(plan: Plan) -> dict[str, Any]:
    """{"batchId": …, "hash": …, "counts": {"add": 2, …}, "people": [{"userId": …, "action": "add", "reason": …}]}"""
    return {
        "batchId": plan.batch_id,
        "hash": plan.digest,
        "counts": rules.counts(plan.decisions),
        # As bytes already: there may be a hundred thousand, and whoever answers does not do it beside the loop.
        "people": msgspec.Raw(
            msgspec.json.encode(
                [{"userId": one.user_id, "action": one.move, "reason": one.reason} for one in plan.decisions]
            )
        ),
    }


def show_change(change: Change) -> dict[str, Any]:
    return {
        "response": "SUCCESS",
        "changeId": change.change_id,
        "batchId": change.batch_id,
        "added": len(change.added),
        "returned": len(change.returned),
        "removed": len(change.removed),
    }
