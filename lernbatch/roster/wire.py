"""The JSON and CSV of rosters (contract enrolment-and-progress §2.3, §2.4)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lernbatch.envelope import decode
from lernbatch.errors import Malformed, Missing, Refused
from lernbatch.roster import rules
from lernbatch.roster.model import SUCCESS, Change, Line, Person, Plan, Process, State, Wanted
from lernbatch.wire import mandatory

COLUMNS = ("batchId", "userIds")

# One cell may name everybody. The limit is the whole process's, so it is set once: two files read at the same time
# would otherwise change it for each other.
csv.field_size_limit(2**31 - 1)


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
    code = "INVALID_CSV_FILE"
    message = "Please provide valid csv file."


class EmptyHeader(Refused):
    code = "EMPTY_HEADER_LINE"
    message = "Missing header line in CSV file."


class InvalidColumn(Refused):
    code = "INVALID_COLUMNS"

    def __init__(self, name: str) -> None:
        super().__init__(f"Invalid column: {name}. Valid columns are: {', '.join(COLUMNS)}.")


def read_lines(data: bytes, most: int) -> list[Line]:
    """The lines of a file, without its header. `most`: lines with the header, and people. Complains as E18 to E22.

    batchId,userIds
    0137,"u-1,u-2"
    """
    try:
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), escapechar="\\", strict=True)
        rows = []
        for row in reader:
            rows.append(row)
            if len(rows) > most:
                raise TooMany(most - 1)
    except (csv.Error, UnicodeDecodeError) as wrong:
        raise InvalidCsv from wrong
    if not rows:
        raise InvalidCsv
    header, *rest = rows
    if not any(header):
        raise EmptyHeader
    for name in header:
        if name not in COLUMNS:
            raise InvalidColumn(name)
    filled = [row for row in rest if any(row)]
    if not filled or any(len(row) > len(header) for row in filled):
        raise InvalidCsv
    lines = [_line(number, dict(zip(header, row, strict=False))) for number, row in enumerate(filled, 1)]
    if sum(len(rules.people_of(line)) for line in lines) > most:
        raise TooMany(most)
    return lines


def _line(number: int, cells: Mapping[str, str]) -> Line:
    return Line(number, cells.get("batchId", "").strip() or None, cells.get("userIds", "").strip() or None)


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


def show_result_file(lines: Sequence[Line], people: Sequence[Person]) -> bytes:
    """batchId,userId,status: one line a person, and one a line of the file that could not be done."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(("batchId", "userId", "status"))
    for line in lines:
        if line.error is not None:
            writer.writerow((line.batch_id or "", line.user_ids or "", line.error))
    for person in people:
        writer.writerow((person.batch_id, person.user_id, person.outcome or ""))
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
    trimmed = (user_id.strip() for user_id in user_ids)
    return Wanted(
        batch_id=mandatory(request, "batchId"),
        user_ids=tuple(dict.fromkeys(user_id for user_id in trimmed if user_id)),
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
        "people": [{"userId": one.user_id, "action": one.move, "reason": one.reason} for one in plan.decisions],
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
