"""Files of people: contract enrolment §2.3 and §2.4, case by case."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from lernbatch.bulk import actions
from tests.learning import complete, enrolled, new_batch, refusal, row
from tests.people import ADMIN, ASHA, IMRAN, KAVYA, RAVI, VIKRAM, Person
from tests.running import Running, running
from tests.seeds import LEAF_NODES

ENROL, UNENROL = "/v1/batch/bulk/enrollment", "/v1/batch/bulk/unenrollment"


def upload(service: Running, text: str, path: str = ENROL, person: Person = VIKRAM) -> httpx.Response:
    return service.call("POST", path, person, files={"anything": ("people.csv", text.encode(), "text/csv")})


def process_id(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    assert answer.json()["result"]["response"] == "SUCCESS"
    return str(answer.json()["result"]["processId"])


def work(service: Running) -> None:
    while service.run(actions.work_on_next(service.services)):
        pass


def status(service: Running, process: str, person: Person = VIKRAM) -> dict[str, Any]:
    answer = service.call("GET", f"/v1/upload/status/{process}", person)
    assert answer.status_code == 200, answer.text
    (shown,) = answer.json()["result"]["response"]
    return dict(shown)


def done(service: Running, text: str, path: str = ENROL) -> tuple[list[Any], list[Any]]:
    """Successes and failures of a file that was worked on."""
    process = process_id(upload(service, text, path))
    work(service)
    shown = status(service, process)
    assert shown["status"] == "COMPLETED"
    return json.loads(shown["successResult"]), json.loads(shown["failureResult"])


def invited(service: Running, **fields: Any) -> str:
    return new_batch(service, enrollmentType="invite-only", **fields)


def test_e28_a_file_enrols_its_people_and_says_who_was_not(service: Running) -> None:
    batch_id = invited(service)
    succeeded, failed = done(service, f'batchId,userIds\n{batch_id},"{ASHA.user_id}, {IMRAN.user_id},nobody"\n')
    assert succeeded == [{batch_id: [{ASHA.user_id: "SUCCESS"}]}]
    foreign = "User does not belongs to any org ."
    assert failed == [{batch_id: [{IMRAN.user_id: foreign}, {"nobody": foreign}]}]
    assert (row(service, ASHA, batch_id)["added_how"], row(service, ASHA, batch_id)["added_by"]) == (
        "file",
        VIKRAM.user_id,
    )


def test_a_form_that_would_take_long_to_take_apart_is_none(service: Running) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
    multipart, encoded = "multipart/form-data; boundary=b", "application/x-www-form-urlencoded"
    for kind, body in (
        (multipart, part + b"\r\n--bX" * 150_000 + b"\r\n--b--\r\n"),
        (encoded, b"&" * 900_000),
        (f"{multipart}{';' * 50_000}", part + b"x"),
    ):
        answer = service.call("POST", ENROL, VIKRAM, content=body, headers={"Content-Type": kind})
        assert refusal(answer)[:2] == (500, "INTERNAL_ERROR")
    large = service.call("POST", ENROL, VIKRAM, content=b"data=" + b"x" * 2_000_000, headers={"Content-Type": encoded})
    assert large.status_code == 413


def test_a_file_can_be_sent_again_and_a_form_field_or_json_will_do(service: Running) -> None:
    batch_id = invited(service)
    text = f'userIds,batchId\n"{ASHA.user_id},{KAVYA.user_id}",{batch_id}\n\n'
    expected = [{batch_id: [{ASHA.user_id: "SUCCESS"}, {KAVYA.user_id: "SUCCESS"}]}]
    assert done(service, text)[0] == expected
    again = service.call("POST", ENROL, VIKRAM, {"data": text})
    form = service.call("POST", ENROL, VIKRAM, data={"data": text})
    work(service)
    for answer in (again, form):
        assert json.loads(status(service, process_id(answer))["successResult"]) == expected


def test_e29_e30_a_file_unenrols_its_people(service: Running) -> None:
    batch_id = new_batch(service)
    asha, finished = enrolled(service, batch_id), enrolled(service, batch_id)
    complete(service, finished, batch_id, *LEAF_NODES)
    service.sql("UPDATE batch SET enrolment_type = 'invite-only' WHERE batch_id = $1", batch_id)
    people = f"{asha.user_id},{finished.user_id},{KAVYA.user_id}"
    succeeded, failed = done(service, f'batchId,userIds\n{batch_id},"{people}"\n', UNENROL)
    assert succeeded == [{batch_id: [{asha.user_id: "SUCCESS"}]}]
    assert failed == [
        {
            batch_id: [
                {finished.user_id: "User already completed given course batch."},
                {KAVYA.user_id: "User is not enrolled to given course batch."},
            ]
        }
    ]


def test_e16_without_a_file_the_failure_is_internal(service: Running) -> None:
    bodies: list[dict[str, Any]] = [
        {"json": {"request": {}}},
        {"data": {"other": "x"}},
        {"files": {"": ("", b"", "text/csv")}},
    ]
    for sent in bodies:
        answer = service.call("POST", ENROL, VIKRAM, **sent)
        assert refusal(answer)[:2] == (500, "INTERNAL_ERROR")


def test_e17_another_kind_of_body_is_refused(service: Running) -> None:
    incorrect = (400, "INVALID_DATA", "Incorrect data.")
    assert refusal(service.call("POST", ENROL, VIKRAM)) == incorrect
    assert refusal(service.call("POST", ENROL, VIKRAM, content=b"x", headers={"Content-Type": "text/csv"})) == incorrect


def test_e18_more_lines_than_allowed_are_refused(service: Running) -> None:
    text = "batchId,userIds\n" + "1,u\n" * service.config.bulk_row_limit
    found = refusal(upload(service, text))
    assert found == (
        400,
        "DATA_SIZE_EXCEEDED",
        f"Maximum upload data size should be {service.config.bulk_row_limit - 1}",
    )


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        pytest.param(" ", "INVALID_COLUMNS", None, id="e21_blank"),
        pytest.param("\nbatchId,userIds\n", "EMPTY_HEADER_LINE", "Missing header line in CSV file.", id="e20"),
        pytest.param(
            "Batch,userIds\n1,u\n",
            "INVALID_COLUMNS",
            "Invalid column: Batch. Valid columns are: batchId, userIds.",
            id="e21",
        ),
        pytest.param("batchId,userIds\n", "INVALID_CSV_FILE", "Please provide valid csv file.", id="e22_header_only"),
        pytest.param("batchId\n1,u\n", "INVALID_CSV_FILE", "Please provide valid csv file.", id="e22_more_cells"),
        pytest.param(
            'batchId,userIds\n1,"u\n',
            "INVALID_CSV_FILE",
            "Please provide valid csv file. "
            "Line 2: a quotation mark opens a cell that never ends; close it, or remove it.",
            id="a_lost_quotation_mark",
        ),
    ],
)
def test_e20_e21_e22_a_wrong_file_is_refused(service: Running, text: str, code: str, message: str | None) -> None:
    found = refusal(upload(service, text))
    assert found[:2] == (400, code)
    assert message is None or found[2] == message


@pytest.mark.parametrize("text", ["\n", "\nbatchId,userIds\n", ",,\n", ";\nB;u-1\n"])
def test_e20_an_empty_header_names_its_line_and_the_cause(service: Running, text: str) -> None:
    answer = upload(service, text)
    assert refusal(answer)[:2] == (400, "EMPTY_HEADER_LINE")
    assert answer.json()["result"] == {"reason": "it is empty; it must name the columns.", "line": 1}


def test_e19_an_empty_file_is_refused(service: Running) -> None:
    answer = service.call("POST", ENROL, VIKRAM, data={"data": "\r"})
    assert refusal(answer)[1] in ("INVALID_CSV_FILE", "EMPTY_HEADER_LINE")


def test_e24_e25_e26_e27_a_line_that_cannot_be_done_says_why(service: Running) -> None:
    open_batch, lonely, batch_id = new_batch(service), invited(service, createdFor=[]), invited(service)
    lines = [
        ("0404", "u-1"),
        (open_batch, "u-1"),
        (lonely, "u-1"),
        (batch_id, ""),
        (batch_id, "u-1,u-1"),
    ]
    text = "batchId,userIds\n" + "".join(f'{batch},"{people}"\n' for batch, people in lines)
    succeeded, failed = done(service, text)
    assert succeeded == []
    assert [entry["err_msg"] for entry in failed] == [
        "Invalid course batch id ",
        "Enrollment type should be invite-only.",
        "Batch does not belong to any organization .",
        "userIds is missing.",
        "userIds has duplicates.",
    ]
    assert failed[0]["batchId"] == "0404"


def test_a_strangers_file_is_refused_and_nothing_of_it_is_kept(service: Running) -> None:
    batch_id, kept = invited(service), "SELECT 1 FROM bulk_process WHERE uploaded_by = $1"
    before = service.sql(kept, RAVI.user_id)
    answer = upload(service, f"batchId,userIds\n{batch_id},{ASHA.user_id}\n0404,u\n", person=RAVI)
    assert refusal(answer) == (401, "UNAUTHORIZED_USER", "You are not authorized.")
    assert service.sql(kept, RAVI.user_id) == before


def test_a_line_of_a_batch_that_is_not_the_uploaders_is_not_done(service: Running) -> None:
    mine, foreign = invited(service), invited(service)
    service.sql("UPDATE batch SET created_by = $1 WHERE batch_id = $2", RAVI.user_id, foreign)
    succeeded, failed = done(service, f"batchId,userIds\n{foreign},{ASHA.user_id}\n{mine},{ASHA.user_id}\n")
    assert succeeded == [{mine: [{ASHA.user_id: "SUCCESS"}]}]
    assert failed[0]["err_msg"] == "You are not authorized."


def test_e32_an_unknown_or_foreign_process_is_not_found(service: Running) -> None:
    process = process_id(upload(service, f"batchId,userIds\n{invited(service)},{ASHA.user_id}\n"))
    missing = (404, "RESOURCE_NOT_FOUND", "Requested resource not found")
    for path in ("status", "statusDownloadLink"):
        assert refusal(service.call("GET", f"/v1/upload/{path}/1", VIKRAM)) == missing
        assert refusal(service.call("GET", f"/v1/upload/{path}/{process}", RAVI)) == missing
    assert status(service, process, ADMIN)["status"] == "NOT STARTED"
    work(service)


def test_e33_the_result_is_a_file_once_it_is_done(service: Running) -> None:
    batch_id = invited(service)
    process = process_id(upload(service, f'batchId,userIds\n{batch_id},"{ASHA.user_id},x"\n0404,u\n'))
    path = f"/v1/upload/statusDownloadLink/{process}"
    assert refusal(service.call("GET", path, VIKRAM))[1] == "ERROR_DOWNLOAD_LINK_UNAVAILABLE"
    work(service)
    url = service.call("GET", path, VIKRAM).json()["result"]["signedUrl"].removeprefix(service.config.public_url)
    found = service.call("GET", url)
    assert found.headers["content-type"].startswith("text/csv")
    assert found.text.splitlines()[0] == "batchId,userId,status"
    assert f"{batch_id},{ASHA.user_id},SUCCESS" in found.text
    assert "0404,u,Invalid course batch id " in found.text
    assert {service.call("GET", url + wrong).status_code for wrong in ("x", "%C3%A9")} == {404}


def test_e33_a_slash_at_the_end_of_our_own_address_is_not_doubled(dsn: str, tmp_path: Path) -> None:
    with running(tmp_path, dsn, public_url="https://learn.example/") as own:
        process = process_id(upload(own, f'batchId,userIds\n{invited(own)},"{ASHA.user_id}"\n'))
        work(own)
        answer = own.call("GET", f"/v1/upload/statusDownloadLink/{process}", VIKRAM)
        assert answer.json()["result"]["signedUrl"].startswith("https://learn.example/v1/upload/result/")


def test_a_result_file_is_no_program(service: Running) -> None:
    batch_id = invited(service)
    formulas = ("=cmd|' /C calc'!A0", "@SUM(A1)", "+x", "-x")
    content = f'batchId,userIds\n{batch_id},"{ASHA.user_id}"\n' + "".join(f"{text},u\n" for text in formulas)
    process = process_id(upload(service, content))
    work(service)
    answer = service.call("GET", f"/v1/upload/statusDownloadLink/{process}", VIKRAM)
    url = answer.json()["result"]["signedUrl"].removeprefix(service.config.public_url)
    rows = list(csv.reader(io.StringIO(service.call("GET", url).text)))
    assert {row[0] for row in rows[1:]} == {batch_id, *(f"'{text}" for text in formulas)}
    service.clock.move(minutes=31)
    assert service.call("GET", url).status_code == 404


def test_the_capacity_holds_for_files(service: Running) -> None:
    batch_id = invited(service, capacity=1)
    _, failed = done(service, f'batchId,userIds\n{batch_id},"{ASHA.user_id},{KAVYA.user_id}"\n')
    assert failed == [{batch_id: [{KAVYA.user_id: "Course batch has no seat left."}]}]


def test_a_file_goes_on_where_a_killed_process_stopped(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "SET_SIZE", 1)
    batch_id = invited(service)
    process = process_id(upload(service, f'batchId,userIds\n{batch_id},"{ASHA.user_id},{KAVYA.user_id}"\n'))
    while not status(service, process)["done"]:
        assert service.run(actions.work_on_next(service.services)) == 1
    shown = status(service, process)
    assert (shown["status"], shown["done"], shown["total"]) == ("IN PROGRESS", 1, 2)
    work(service)
    assert (status(service, process)["status"], status(service, process)["done"]) == ("COMPLETED", 2)


def test_files_and_changes_that_are_over_for_long_are_forgotten_set_by_set(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "FORGOTTEN_AT_ONCE", 1)
    batch_id = invited(service)
    process = process_id(upload(service, f'batchId,userIds\n{batch_id},"{ASHA.user_id},{KAVYA.user_id}"\n0404,u\n'))
    request = {"batchId": batch_id, "userIds": [ASHA.user_id]}
    plan = service.call("POST", "/v1/batch/roster/plan", VIKRAM, request).json()["result"]
    change = service.call("POST", "/v1/batch/roster/apply", VIKRAM, {**request, "hash": plan["hash"]}).json()["result"]

    def kept() -> list[int]:
        tables = ("bulk_process", "bulk_row", "bulk_person")
        counts = [len(service.sql(f"SELECT 1 FROM {table} WHERE process_id = $1", process)) for table in tables]
        return [*counts, len(service.sql("SELECT 1 FROM roster_change WHERE change_id = $1", change["changeId"]))]

    def forget() -> None:
        while service.run(actions.forget_old(service.services)):
            pass

    service.clock.move(days=91)
    forget()
    assert kept() == [1, 2, 2, 0]  # a file that still waits is not over
    work(service)
    service.clock.move(days=89)
    forget()
    assert kept() == [1, 2, 2, 0]
    service.clock.move(days=2)
    forget()
    assert kept() == [0, 0, 0, 0]
