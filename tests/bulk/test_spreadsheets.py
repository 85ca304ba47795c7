"""Files of people as spreadsheets write them, over HTTP: read, or refused with the cause, the line and the remedy."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest

from lernbatch import apart
from tests.bulk.test_files import ENROL, process_id, status, work
from tests.learning import new_batch, refusal
from tests.people import ASHA, KAVYA, VIKRAM
from tests.running import Running, running

A, K = ASHA.user_id, KAVYA.user_id


def upload(service: Running, data: bytes, name: str = "people.csv") -> httpx.Response:
    return service.call("POST", ENROL, VIKRAM, files={"file": (name, data, "application/octet-stream")})


def done(service: Running, data: bytes) -> tuple[list[Any], list[Any]]:
    process = process_id(upload(service, data))
    work(service)
    shown = status(service, process)
    return json.loads(shown["successResult"]), json.loads(shown["failureResult"])


def workbook(*rows: tuple[object, ...]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


@pytest.fixture
def batch_id(service: Running) -> str:
    return new_batch(service, enrollmentType="invite-only")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("batchId;userIds\nBATCH;{a}\n", "utf-8"),
        ("sep=,\nbatchId,userIds\nBATCH,{a}\n", "utf-8"),
        ("batchId,userIds,,\nBATCH,{a},,\n", "utf-8"),
        ("batchId, userIds\nBATCH,{a}\n", "utf-8"),
        ("BatchId,userIds\nBATCH,{a}\n", "utf-8"),
        ("batchId\tuserIds\r\nBATCH\t{a}\r\n", "utf-16"),
        ("batchId,userIds\nBATCH,\u200b{a}\u00a0\n", "utf-8-sig"),
        ("batchId;userIds\nBATCH,{a}\n", "utf-8"),
        ("batchId,userIds\nBATCH;{a}\n", "utf-8"),
        ("batchId,userIds\nBATCH\t{a}\n", "utf-8"),
        ('batchId,userIds\n"BATCH,{a}"\n', "utf-8"),
        ('"batchId,userIds"\n"BATCH,{a}"\n', "utf-8"),
        ("batchId,userIds\rBATCH,{a}\r\r\r", "utf-8"),
    ],
)
def test_a_file_from_a_spreadsheet_enrols_its_people(service: Running, batch_id: str, text: str, encoding: str) -> None:
    data = text.replace("BATCH", batch_id).replace("{a}", A).encode(encoding)
    assert done(service, data) == ([{batch_id: [{A: "SUCCESS"}]}], [{batch_id: []}])


@pytest.mark.parametrize("between", [";", "|", "\n", ", ", "\u2028", ",\u200b"])
def test_several_ids_in_a_cell_are_several_people(service: Running, batch_id: str, between: str) -> None:
    data = f'batchId,userIds\n{batch_id},"{A}{between}{K}"\n'.encode()
    assert done(service, data)[0] == [{batch_id: [{A: "SUCCESS"}, {K: "SUCCESS"}]}]


def test_a_workbook_enrols_its_people(service: Running, batch_id: str) -> None:
    data = workbook(("Class 7B",), ("Batch ID", "User IDs"), (batch_id, f"{A}; {K}"))
    assert done(service, data)[0] == [{batch_id: [{A: "SUCCESS"}, {K: "SUCCESS"}]}]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1.47E+17,{a}", "Line 3: batchId '1.47E+17' is a number that a spreadsheet has shortened; give the column"),
        ("1412345678901230000,{a}", "Line 3: batchId '1412345678901230000' is a number whose last digits"),
        ("137.0,{a}", "Line 3: batchId '137.0' is an id that was read as a number; give the column"),
        ("BATCH,137.0", "Line 3: userIds '137.0' is an id that was read as a number; give the column"),
        ("B-7;u-1,u-2", "Line 3: batchId 'B-7;u-1' holds ';'; where a line has another separator"),
        (",BATCH;u-2", "Line 3: batchId is empty; where a line has another separator than the header, save"),
        ("BATCH,1.47E+17", "Line 3: userIds '1.47E+17' is a number that a spreadsheet has shortened"),
        ("BATCH,u-1 u-2", "Line 3: userIds 'u-1 u-2' holds a blank"),
        ("BATCH,u–1", "Line 3: userIds 'u–1' holds U+2013 EN DASH"),
        ("BATCH,#REF!", "Line 3: userIds is #REF!, the error of a formula"),
        ("BATCH," + "x" * 5000, "Line 3: userIds an id that begins with 'xxxxxxxxxxxxxxxxxxxx' has 5000 characters"),
    ],
)
def test_a_line_that_a_spreadsheet_has_spoilt_says_how(service: Running, batch_id: str, line: str, reason: str) -> None:
    text = f"batchId,userIds\nBATCH,{{a}}\n{line}\n".replace("BATCH", batch_id).replace("{a}", A)
    succeeded, (_, failed) = done(service, text.encode())
    assert succeeded == [{batch_id: [{A: "SUCCESS"}]}]
    assert failed["err_msg"].startswith(reason)
    assert len(failed["userIds"]) <= 2000


def test_a_number_in_a_workbook_that_lost_its_digits_says_so(service: Running, batch_id: str) -> None:
    data = workbook(("batchId", "userIds"), (batch_id, A), (int(batch_id), K))
    _, (_, failed) = done(service, data)
    assert failed["err_msg"].startswith("Line 3: batchId is a number of more than 15 digits")


@pytest.mark.parametrize(
    ("data", "code", "text", "line"),
    [
        (b"batchId;userIds;notes\n1;2;3\n", "INVALID_COLUMNS", "Invalid column: notes. Valid columns are:", 1),
        (b"batchId,userIds\n\n1,2,3\n", "INVALID_CSV_FILE", "Please provide valid csv file.", 3),
        (b"batchId,userIds\n1,Jos\xe9\n", "INVALID_CSV_FILE", "save the table as CSV UTF-8", 2),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "INVALID_CSV_FILE", "password-protected Excel file", None),
        (b"batchId,userIds,userIds\n1,2,3\n", "INVALID_CSV_FILE", "names a column twice: userIds", 1),
    ],
)
def test_a_file_that_cannot_be_read_names_cause_line_and_remedy(
    service: Running, data: bytes, code: str, text: str, line: int | None
) -> None:
    answer = upload(service, data)
    assert refusal(answer)[:2] == (400, code)
    assert text in str(refusal(answer)[2])
    assert answer.json()["result"].get("line") == line
    assert answer.json()["result"]["reason"]


def test_a_large_file_about_batches_that_nobody_made_is_not_kept(service: Running) -> None:
    for text in ("x," + "u" * 70_000, "\n".join(["x,u"] * 201)):
        answer = upload(service, f"batchId,userIds\n{text}\n".encode())
        assert refusal(answer)[0] == 400
        assert refusal(answer)[2] == "Invalid course batch id "
    assert service.sql("SELECT 1 FROM bulk_row WHERE batch_id = 'x'") == []


def test_invisible_characters_around_ids_of_a_plan_are_passed_over(service: Running, batch_id: str) -> None:
    request = {"batchId": batch_id, "userIds": [f"\u200b{A}\u00a0", f"{K}\u2060", "\ufeff"]}
    people = service.call("POST", "/v1/batch/roster/plan", VIKRAM, request).json()["result"]["people"]
    assert [(person["userId"], person["action"]) for person in people] == [(A, "add"), (K, "add")]


@pytest.fixture
def hurried(new_dsn: Callable[[], str], tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path, new_dsn(), file_wait_seconds=0.2) as service:
        yield service


def large_workbook(batch_id: str, *people: str) -> bytes:
    """With rows enough to take a moment."""
    return workbook(("batchId", "userIds"), *((batch_id, people[n % len(people)]) for n in range(4000)))


def test_files_that_take_long_are_read_one_at_a_time_and_others_told_to_come_back(hurried: Running) -> None:
    batch_id = new_batch(hurried, enrollmentType="invite-only")
    small = f"batchId,userIds\n{batch_id},{A}\n".encode()
    large, book = small + f"{batch_id},{K}\n".encode() * 2000, large_workbook(batch_id, A)
    hurried.run(hurried.services.file_reading.acquire())  # as one does that is being read
    for data in (large, book):
        answer = upload(hurried, data)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
        assert "Too many files" in answer.json()["params"]["errmsg"]
    quick = (small, workbook(("batchId", "userIds"), (batch_id, A)), b"PK\x03\x04no workbook")
    assert [upload(hurried, data).status_code for data in quick] == [200, 200, 400]
    hurried.services.file_reading.release()
    assert [upload(hurried, data).status_code for data in (large, book)] == [200, 200]


@pytest.mark.real
def test_workbooks_at_once_are_read_one_after_the_other(service: Running, batch_id: str) -> None:
    books = [large_workbook(batch_id, A, K) for _ in range(4)]
    with ThreadPoolExecutor(4) as callers:
        answers = list(callers.map(lambda book: upload(service, book), books))
    assert {answer.status_code for answer in answers} == {200}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((("batchId", "people"),), "Invalid column: people. Valid columns are: batchId, userIds."),
        (
            (("batchId", "userIds", "userIds"),),
            "Please provide valid csv file. Line 1: the header names a column twice",
        ),
    ],
)
def test_a_large_file_is_refused_in_the_words_of_a_small_one(
    service: Running, rows: tuple[tuple[object, ...], ...], message: str
) -> None:
    answers = [upload(service, workbook(*rows, *((("1", "u"),) * more))) for more in (1, 4000)]
    assert answers[0].json()["result"] == answers[1].json()["result"]
    assert refusal(answers[0]) == refusal(answers[1])
    assert (answers[1].status_code, str(refusal(answers[1])[2])[: len(message)]) == (400, message)


def test_a_file_that_takes_too_much_is_refused_and_the_next_one_read(
    service: Running, batch_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = large_workbook(batch_id, A)
    with monkeypatch.context() as bounds:
        bounds.setattr(apart, "WAIT_SECONDS", 0.001)
        answer = upload(service, book)
    assert refusal(answer)[:2] == (400, "INVALID_CSV_FILE")
    assert "more time or memory" in answer.text
    assert upload(service, book).status_code == 200
