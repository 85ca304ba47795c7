"""Reports beside the three exhausts, and files in other formats."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.people import ADMIN, ASHA, HOME_ORG, IMRAN, KAVYA, VIKRAM
from tests.reporting import Reporting, unzipped
from tests.running import Running, running
from tests.seeds import BOOK, COURSE, QUIZ, REQUIRED, VIDEO


@pytest.fixture
def reporting(reporting: Reporting) -> Reporting:
    reporting.enrol(ASHA, completed=(VIDEO, BOOK), scores={QUIZ: [3, 4, 2]})
    reporting.enrol(KAVYA, completed=REQUIRED, finished=True, certificates=[{"id": "c1"}])
    reporting.enrol("somebody-from-elsewhere")
    return reporting


def test_a_summary_counts_by_state_and_district(reporting: Reporting) -> None:
    lines = [json.loads(line) for line in reporting.text("collection-summary-report-v2").splitlines()]
    figures = ("enrolleduserscount", "completionuserscount", "certificateissuedcount")
    assert [(line["state"], line["district"], *(line[key] for key in figures)) for line in lines] == [
        ("", "", 1, 0, 0),
        ("Karnataka", "Tumkur", 2, 1, 1),
    ]
    assert (lines[1]["batchid"], lines[1]["hascertified"]) == (f"batch-{reporting.batch_id}", "N")
    assert (lines[1]["orgname"], lines[1]["collectionname"]) == ("State Board", "Early mathematics")


def test_the_older_summary_counts_by_state(reporting: Reporting) -> None:
    rows = reporting.rows("collection-summary-report")
    assert [(row["State"], row["Total enrolments By State"]) for row in rows] == [("", "1"), ("Karnataka", "2")]


def test_enrolments_are_counted_by_batch_even_where_there_are_none(reporting: Reporting) -> None:
    empty = Reporting(reporting.service, name="July")
    reporting.service.sql("UPDATE batch SET start_date = '2999-01-01' WHERE batch_id = $1", empty.batch_id)
    config = {"batchFilter": [reporting.batch_id, empty.batch_id]}
    rows = reporting.rows("course-enrollment-report", datasetConfig=config)
    found = {row["Batch Name"]: (row["Status"], row["Enrollment Count"], row["Completion Count"]) for row in rows}
    assert found == {reporting.name: ("Ongoing", "3", "1"), "July": ("Upcoming", "0", "0")}


def test_a_summary_of_the_whole_channel_is_for_its_administrators(service: Running) -> None:
    batch = Reporting(service)
    asked = {"datasetConfig": {"generateForAllBatches": True}, "tag": "all"}
    assert batch.submit("course-enrollment-report", by=VIKRAM, **asked).status_code == 403
    answer = batch.submit("course-enrollment-report", by=ADMIN, **asked)
    batch.work()
    listed = service.call("GET", "/v1/jobrequest/list/all", ADMIN).json()["result"]["jobs"]
    assert [(job["status"], job["requestId"]) for job in listed] == [("SUCCESS", answer.json()["result"]["requestId"])]


def test_course_progress_masks_and_hides_without_consent(reporting: Reporting) -> None:
    reporting.enrol(IMRAN)
    reporting.consent(ASHA)
    reporting.consent(KAVYA, "REVOKED")
    rows = {row["User ID"]: row for row in reporting.rows("course-progress-report")}
    asha, kavya = rows[ASHA.user_id], rows[KAVYA.user_id]
    assert (asha["User Name"], asha["Course Progress"], asha["Mobile Number"]) == ("Asha K", "50", "******3210")
    assert asha["Email ID"].endswith("***@example.org")
    assert (kavya["User Name"], kavya["Email ID"], kavya["Certificate Status"]) == ("", "", "Issued")
    assert (asha["do_3100000000000000021 - Progress"], asha["School Name"]) == ("100", "")


def test_the_assessment_report_names_its_columns_after_contents(reporting: Reporting) -> None:
    rows = {row["User ID"]: row for row in reporting.rows("assessment-report")}
    assert (rows[ASHA.user_id]["Quiz"], rows[ASHA.user_id]["Total Score"]) == ("75%", "75%")


def test_a_report_comes_as_parquet_or_as_a_sheet(reporting: Reporting) -> None:
    parquet = reporting.made(outputFormat="parquet", datasetConfig={"batchId": reporting.batch_id, "type": "p"})
    table = pq.read_table(io.BytesIO(unzipped(reporting.fetch(parquet["downloadUrls"][0]))))
    assert (table.num_rows, table.column_names[4]) == (3, "User UUID")
    sheet = reporting.made(outputFormat="xlsx", datasetConfig={"batchId": reporting.batch_id, "type": "x"})
    with zipfile.ZipFile(io.BytesIO(unzipped(reporting.fetch(sheet["downloadUrls"][0])))) as book:
        assert ASHA.user_id in book.read("xl/worksheets/sheet1.xml").decode()


def test_a_csv_comes_as_the_reader_needs_it(reporting: Reporting) -> None:
    reporting.enrol("=cmd|' /C calc'!A0")
    reporting.service.sql("UPDATE batch SET name = $1 WHERE batch_id = $2", 'जून "पहली", पाली', reporting.batch_id)
    texts = {
        wanted: reporting.text(outputFormat=wanted, datasetConfig={"batchId": reporting.batch_id, "type": wanted})
        for wanted in ("csv", "csv-rfc4180", "csv-excel")
    }
    assert 'जून \\"पहली\\", पाली' in texts["csv"]
    assert texts["csv-excel"] == "\ufeff" + texts["csv-rfc4180"]
    rows = list(csv.DictReader(io.StringIO(texts["csv-rfc4180"], newline="")))
    assert {row["Batch Name"] for row in rows} == {'जून "पहली", पाली'}
    assert "'=cmd|' /C calc'!A0" in {row["User UUID"] for row in rows}
    for name in reporting.jobs():
        assert all(".zip?" in url for url in name["downloadUrls"])


@pytest.mark.parametrize("meant", ["csv", "csv-rfc4180", "csv-excel"])
def test_a_setting_says_which_csv_is_meant(dsn: str, tmp_path: Path, meant: str) -> None:
    with running(tmp_path, dsn, exhaust_csv_format=meant) as own:
        batch = Reporting(own, name='June, "first" shift')
        batch.enrol(ASHA)
        text, standard = batch.text(), batch.text(outputFormat="csv-rfc4180")
    assert (text == standard, text == f"\ufeff{standard}") == (meant == "csv-rfc4180", meant == "csv-excel")


def test_a_search_finds_the_batches_of_its_courses(service: Running) -> None:
    batch = Reporting(service)
    batch.enrol(ASHA)
    config = {"searchFilter": {"filters": {"identifier": [COURSE], "status": ["Live"]}}}
    assert batch.submit(datasetConfig=config).status_code == 403
    batch.submit(by=ADMIN, datasetConfig=config)
    batch.work()
    (job,) = batch.jobs(by=ADMIN)
    assert job["status"] == "SUCCESS"
    assert sum(batch.batch_id in url for url in job["downloadUrls"]) == 1
    assert job["requestedChannel"] == HOME_ORG
