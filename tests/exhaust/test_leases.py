"""How requests end: each state and text, taking turns, dead workers, stores that fail."""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from lernbatch.exhaust import jobs, worker
from lernbatch.person import profiles
from lernbatch.report.model import Dataset
from lernbatch.sealing import seal_of
from lernbatch.sunbird.users import Profile
from tests.people import ADMIN, ASHA, HOME_ORG, KAVYA, VIKRAM, Person
from tests.reporting import Reporting, unzipped
from tests.running import Running, running
from tests.seeds import COURSE, QUIZ, RETIRED_COURSE, SECOND_COURSE


def asked_and_made(reporting: Reporting, config: dict[str, Any], dataset: str = "progress-exhaust", **more: Any) -> Any:
    return reporting.made(dataset, datasetConfig=config, **more)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"batchId": "nowhere"}, "No data found"),
        ({"batchId": 5}, "Request should have either of batchId, batchFilter, searchFilter or encrption key"),
        ({"batchFilter": ["x"] * 21}, "Number of batches in request exceeded. It should be within 20"),
    ],
)
def test_what_cannot_be_made_fails_with_its_text(reporting: Reporting, config: dict[str, Any], message: str) -> None:
    job = asked_and_made(reporting, config)
    assert (job["status"], job["statusMessage"], job["attempts"], job["downloadUrls"]) == ("FAILED", message, 1, [])
    assert job["jobStats"]["dtJobCompleted"] is not None


def test_user_info_needs_a_key(reporting: Reporting) -> None:
    job = asked_and_made(reporting, {"batchId": reporting.batch_id}, "userinfo-exhaust")
    assert job["statusMessage"] == "Request should have either of batchId, batchFilter, searchFilter or encrption key"


def test_a_retired_course_has_no_reports(service: Running) -> None:
    job = Reporting(service, course_id=RETIRED_COURSE).made()
    assert (job["status"], job["statusMessage"]) == ("FAILED", "The request is made for retired collection")


def test_one_failing_batch_leaves_the_others_delivered(service: Running) -> None:
    good, bad = Reporting(service), Reporting(service, course_id=SECOND_COURSE)
    config = {"batchFilter": [bad.batch_id, good.batch_id, good.batch_id]}
    job = asked_and_made(good, config, "userinfo-exhaust", encryptionKey="abc12345")
    assert job["status"] == "FAILED"
    assert job["statusMessage"].startswith("Invalid request. User info exhaust is not applicable for collections")
    assert [good.batch_id in url for url in job["downloadUrls"]] == [True]


def test_batches_that_are_gone_or_retired_are_named_and_leave_the_others_delivered(service: Running) -> None:
    good, retired = Reporting(service), Reporting(service, course_id=RETIRED_COURSE)
    job = asked_and_made(good, {"batchFilter": ["gone", retired.batch_id, good.batch_id]})
    assert (job["status"], len(job["downloadUrls"])) == ("SUCCESS", 1)
    assert json.loads(good.fetch(job["manifestUrl"]))["leftOut"] == [
        {"batchId": "gone", "reason": "No data found"},
        {"batchId": retired.batch_id, "reason": "The request is made for retired collection"},
    ]


def test_a_batch_that_breaks_the_maker_leaves_the_others_delivered(service: Running) -> None:
    good, bad = Reporting(service), Reporting(service)
    bad.enrol(ASHA, scores={QUIZ: ["no number", 4, 1]})
    good.enrol(KAVYA)
    job = asked_and_made(good, {"batchFilter": [bad.batch_id, good.batch_id]})
    assert (job["status"], job["attempts"]) == ("SUBMITTED", 1)
    for _ in range(2):
        service.clock.move(minutes=10)
        good.work()
    (job,) = good.jobs()
    assert (job["status"], job["attempts"], len(job["downloadUrls"])) == ("FAILED", 3, 1)
    assert job["statusMessage"] == "Internal Server Error: TypeError"
    service.sql("DELETE FROM enrolment WHERE batch_id = $1", bad.batch_id)  # other tests report on the whole course


def test_a_key_that_is_none_is_told_of_at_once(dsn: str, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    with running(tmp_path, dsn, exhaust_levels=("progress-exhaust=PUBLIC_KEY_ENCRYPTED_DATASET",)) as own:
        missing = Reporting(own).made()
    key.write_text("no key")
    levels = ("progress-exhaust=PUBLIC_KEY_ENCRYPTED_DATASET",)
    with running(tmp_path, dsn, exhaust_levels=levels, exhaust_public_key=key) as own:
        wrong = Reporting(own).made()
    found = [(job["status"], job["attempts"], job["statusMessage"]) for job in (missing, wrong)]
    assert found == [
        ("FAILED", 1, "The organisation has no key for the security level of this dataset"),
        ("FAILED", 1, "The organisation's key is no public RSA key in PEM"),
    ]


def test_a_failed_request_starts_again_and_the_same_one_is_answered_as_it_stands(reporting: Reporting) -> None:
    failed = asked_and_made(reporting, {"batchId": "nowhere"})
    again = reporting.submit().json()["result"]
    assert (again["requestId"], again["status"], again["attempts"]) == (failed["requestId"], "SUBMITTED", 0)
    reporting.work()
    done = reporting.submit().json()["result"]
    assert (done["requestId"], done["status"]) == (failed["requestId"], "SUCCESS")


def test_a_tag_never_answers_with_the_files_of_another_request(reporting: Reporting) -> None:
    other = Reporting(reporting.service)
    reporting.enrol(ASHA)
    reporting.enrol(KAVYA, finished=True)
    other.enrol(KAVYA)
    mine = {"batchId": reporting.batch_id}
    variants: list[dict[str, Any]] = [
        {},
        {"datasetConfig": {"batchId": other.batch_id}},
        {"datasetConfig": {"batchFilter": [reporting.batch_id, other.batch_id]}},
        {"datasetConfig": {**mine, "columns": ["lastActivity"]}},
        {"datasetConfig": {**mine, "filters": {"statuses": [2]}}},
        {"outputFormat": "xlsx"},
        {"encryptionKey": "abc12345"},
        {"encryptionKey": "abc12346"},
        {"encryptionKey": "abc12345", "zipEncryption": "aes256"},
    ]
    made = [reporting.made(**variant) for variant in variants]
    assert len({job["requestId"] for job in made}) == len(variants)
    assert len({url.partition("?")[0] for job in made for url in job["downloadUrls"]}) == len(variants) + 1
    for variant, job in zip(variants, made, strict=True):
        answer = reporting.submit(**variant).json()["result"]
        assert (answer["requestId"], answer["datasetConfig"]) == (job["requestId"], variant.get("datasetConfig", mine))


def test_of_two_at_once_each_is_answered_with_its_own(reporting: Reporting) -> None:
    configs = [{"batchId": reporting.batch_id, "filters": {"statuses": [status]}} for status in (0, 1, 2)] * 4
    with ThreadPoolExecutor(len(configs)) as threads:
        answers = list(threads.map(lambda config: reporting.submit(datasetConfig=config).json()["result"], configs))
    assert [answer["datasetConfig"] for answer in answers] == configs
    assert len({answer["requestId"] for answer in answers}) == 3


def test_tomorrows_request_is_another_one(reporting: Reporting) -> None:
    today = reporting.submit().json()["result"]["requestId"]
    reporting.service.clock.move(days=1)
    assert reporting.submit().json()["result"]["requestId"] != today
    assert [job["requestId"] for job in reporting.jobs()][1] == today


def test_progress_is_counted_while_a_request_is_worked_on(reporting: Reporting) -> None:
    reporting.enrol(ASHA)
    reporting.enrol(KAVYA)
    assert reporting.submit().json()["result"]["progress"] == {"rowsDone": 0, "rowsTotal": None, "percentage": 0}
    reporting.work()
    assert reporting.jobs()[0]["progress"] == {"rowsDone": 2, "rowsTotal": 2, "percentage": 100}


def test_the_manifest_tells_what_was_delivered_and_why(reporting: Reporting) -> None:
    reporting.enrol(ASHA)
    reporting.enrol(KAVYA)
    reporting.consent(ASHA)
    job = reporting.made("userinfo-exhaust", encryptionKey="abc12345")
    told = json.loads(reporting.fetch(job["manifestUrl"]))
    assert (told["rowCount"], told["rulesVersion"], told["requestId"]) == (1, "2", job["requestId"])
    (file,) = told["files"]
    assert file["consents"].startswith(f"{reporting.batch_id}_userinfo_")
    store = Path(reporting.service.config.home, "files", "userinfo-exhaust", job["requestId"])
    reasons = unzipped((store / file["consents"]).read_bytes(), "abc12345").decode()
    assert reasons.splitlines()[1] == f"{ASHA.user_id},c-Asha,02/06/2026"


def test_organisations_take_turns(service: Running) -> None:
    many = [Reporting(service) for _ in range(4)]
    many[0].work()  # what other tests have left
    for one in many:
        one.submit()
    service.sql("UPDATE exhaust_request SET channel = 'elsewhere' WHERE tag = $1", many[3].tag)
    for _ in range(2):
        service.run(worker.run_next(service.services))
    rows = service.sql("SELECT tag, status FROM exhaust_request WHERE tag = ANY ($1)", [one.tag for one in many])
    done = {row["tag"] for row in rows if row["status"] == "SUCCESS"}
    assert done == {many[0].tag, many[3].tag}
    many[0].work()


def test_a_thousand_requests_of_one_organisation_keep_no_other_waiting(service: Running) -> None:
    crowd, *others = (Reporting(service) for _ in range(4))
    crowd.work()  # what other tests have left
    crowd.submit()
    columns = """tag, dataset, requested_by, channel, config, output_format, fingerprint, requester_id,
                 organisation_ids, status, submitted_at, due_at, expires_at"""
    service.sql(
        f"""INSERT INTO exhaust_request (request_id, {columns})
            SELECT 'crowd-' || n, {columns} FROM exhaust_request, generate_series(2, 1000) AS n WHERE tag = $1""",
        crowd.tag,
    )
    for other in others:
        other.submit()
    tags = [other.tag for other in others]
    service.sql("UPDATE exhaust_request SET channel = 'quiet' WHERE tag = ANY ($1)", tags)

    async def three() -> None:
        await asyncio.gather(*(worker.run_next(service.services) for _ in range(3)))

    for _ in range(3):  # of three that run at once, one is always the other organisation's
        service.run(three())
    rows = service.sql("SELECT tag FROM exhaust_request WHERE status = 'SUCCESS' AND tag = ANY ($1)", tags)
    assert sorted(row["tag"] for row in rows) == sorted(tags)
    service.sql("DELETE FROM exhaust_request WHERE status = 'SUBMITTED' AND tag = $1", crowd.tag)


def test_a_search_is_bounded_by_its_courses_and_not_by_the_batches_that_may_be_named(dsn: str, tmp_path: Path) -> None:
    with running(tmp_path, dsn, exhaust_courses_per_search=1, exhaust_batches_per_request=1) as own:
        batches = [Reporting(own), Reporting(own), Reporting(own, course_id=SECOND_COURSE)]
        for batch in batches:
            batch.enrol(ASHA)
        for course_ids in ([COURSE], [COURSE, SECOND_COURSE]):
            search = {"searchFilter": {"filters": {"identifier": course_ids}}}
            assert batches[0].submit(by=ADMIN, datasetConfig=search).status_code == 200
        batches[0].work()
        made = sorted(batches[0].jobs(by=ADMIN), key=lambda job: job["status"])
    assert [(job["status"], len(job["downloadUrls"])) for job in made] == [("FAILED", 0), ("SUCCESS", 2)]
    assert made[0]["statusMessage"] == "Number of courses found by searchFilter exceeded. It should be within 1"


def test_a_long_request_gives_way_after_its_turn(dsn: str, tmp_path: Path) -> None:
    with running(tmp_path, dsn, exhaust_batches_per_lease=2) as own:
        asking, *others = (Reporting(own) for _ in range(4))
        ids = [one.batch_id for one in others]
        asking.submit(datasetConfig={"batchFilter": ids})
        own.run(worker.run_next(own.services))
        (job,) = asking.jobs()
        assert (job["status"], job["downloadUrls"]) == ("SUBMITTED", [])
        asking.work()
        (job,) = asking.jobs()
        assert [batch_id in url for batch_id, url in zip(ids, job["downloadUrls"], strict=True)] == [True] * 3
        assert (job["status"], job["attempts"]) == ("SUCCESS", 0)


def test_two_workers_never_take_the_same_request(service: Running) -> None:
    Reporting(service).work()  # what other tests have left
    for _ in range(6):
        Reporting(service).submit()

    async def both() -> list[bool]:
        return await asyncio.gather(*(worker.run_next(service.services) for _ in range(8)))

    assert sum(service.run(both())) == 6


def test_the_request_of_a_dead_worker_is_taken_over(reporting: Reporting) -> None:
    reporting.enrol(ASHA)
    reporting.submit()
    reporting.service.sql(
        """UPDATE exhaust_request SET status = 'PROCESSING', leased_by = 'dead', leased_until = $1 WHERE tag = $2""",
        reporting.service.clock.now(),
        reporting.tag,
    )
    assert reporting.jobs()[0]["status"] == "PROCESSING"
    reporting.service.clock.move(seconds=1)
    reporting.work()
    (job,) = reporting.jobs()
    assert (job["status"], job["attempts"]) == ("SUCCESS", 1)


def test_a_request_that_kills_every_worker_fails(reporting: Reporting) -> None:
    request_id = reporting.submit().json()["result"]["requestId"]
    reporting.service.sql(
        """UPDATE exhaust_request SET status = 'PROCESSING', leased_by = 'dead', leased_until = $1, iteration = 2
            WHERE request_id = $2""",
        reporting.service.clock.now(),
        request_id,
    )
    reporting.service.clock.move(seconds=1)
    reporting.work()
    (job,) = reporting.jobs()
    assert (job["status"], job["attempts"], job["downloadUrls"]) == ("FAILED", 3, [])
    assert "killed at every attempt" in job["statusMessage"]


def test_a_worker_whose_lease_is_gone_writes_nothing(reporting: Reporting) -> None:
    reporting.enrol(ASHA)
    reporting.submit()

    async def overtaken() -> None:
        services = reporting.service.services
        async with asyncio.timeout(30), services.pool.acquire() as conn:
            async with conn.transaction():
                await conn.execute("LOCK TABLE batch IN ACCESS EXCLUSIVE MODE")
                taking = asyncio.create_task(worker.run_next(services))
                while not await services.pool.fetchval(
                    "UPDATE exhaust_request SET leased_by = 'another'"
                    " WHERE tag = $1 AND leased_by IS NOT NULL RETURNING 1",
                    reporting.tag,
                ):
                    await asyncio.sleep(0)
            await taking

    reporting.service.run(overtaken())
    (job,) = reporting.jobs()
    assert (job["status"], job["progress"]["rowsDone"]) == ("PROCESSING", 0)
    reporting.service.sql("UPDATE exhaust_request SET leased_until = '2000-01-01' WHERE tag = $1", reporting.tag)
    reporting.work()


def test_a_store_that_fails_is_tried_again_and_then_told_of(reporting: Reporting) -> None:
    reporting.enrol(ASHA)
    request_id = reporting.submit().json()["result"]["requestId"]
    files = Path(reporting.service.config.home, "files", "progress-exhaust")
    files.mkdir(parents=True, exist_ok=True)
    (files / request_id).write_text("in the way")
    for attempt in (1, 2):
        reporting.work()
        (job,) = reporting.jobs()
        assert (job["status"], job["attempts"]) == ("SUBMITTED", attempt)
        reporting.service.clock.move(minutes=10)
    reporting.work()
    (job,) = reporting.jobs()
    assert (job["status"], job["attempts"], job["downloadUrls"]) == ("FAILED", 3, [])
    assert "file store" in job["statusMessage"]
    (files / request_id).unlink()


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process can grow beyond a few kilobytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_full_leaves_nothing_half_written(reporting: Reporting) -> None:
    for number in range(600):  # more than fits, however it is packed
        reporting.enrol(f"{number:032x}"[::-1] + uuid4().hex)
    request_id = reporting.submit().json()["result"]["requestId"]
    folder = Path(reporting.service.config.home, "files", "progress-exhaust", request_id)
    with full_disk():
        reporting.work()
    (job,) = reporting.jobs()
    assert (job["status"], job["attempts"], list(folder.iterdir())) == ("SUBMITTED", 1, [])
    assert "The file store does not take a file" in job["statusMessage"]
    assert "Debug" not in job["statusMessage"]
    reporting.service.clock.move(minutes=10)
    reporting.work()
    (job,) = reporting.jobs()
    assert (job["status"], len(reporting.rows())) == ("SUCCESS", 600)


def test_files_and_requests_are_forgotten_in_time(reporting: Reporting) -> None:
    reporting.enrol(ASHA)
    progress, personal = reporting.made(), reporting.made("userinfo-exhaust", encryptionKey="abc12345")
    files = Path(reporting.service.config.home, "files")
    forget = jobs.forget_expired
    reporting.service.clock.move(days=8)
    reporting.service.run(forget(reporting.service.services))
    assert [job["requestId"] for job in reporting.jobs()] == [progress["requestId"]]
    assert not (files / "userinfo-exhaust" / personal["requestId"]).exists()
    reporting.service.clock.move(days=23)
    reporting.service.run(forget(reporting.service.services))
    assert reporting.jobs() == []
    assert not (files / "progress-exhaust" / progress["requestId"]).exists()


def test_a_request_whose_files_cannot_be_deleted_is_not_forgotten(reporting: Reporting) -> None:
    reporting.enrol(ASHA)
    made = reporting.made()
    folder = Path(reporting.service.config.home, "files", "progress-exhaust", made["requestId"])
    aside = folder.rename(folder.with_name("aside"))
    folder.write_text("what cannot be deleted as a folder")
    reporting.service.clock.move(days=31)
    reporting.service.run(jobs.forget_expired(reporting.service.services))
    assert [job["requestId"] for job in reporting.jobs()] == [made["requestId"]]
    folder.unlink()
    aside.rename(folder)
    reporting.service.clock.move(hours=2)
    reporting.service.run(jobs.forget_expired(reporting.service.services))
    assert (reporting.jobs(), folder.exists()) == ([], False)


def test_nobody_else_on_the_machine_reads_the_files(reporting: Reporting) -> None:
    reporting.enrol(ASHA)
    for wanted in ("csv", "xlsx"):
        made = reporting.made(outputFormat=wanted, datasetConfig={"batchId": reporting.batch_id, "type": wanted})
        home = Path(reporting.service.config.home)
        folder = home / "files" / "progress-exhaust" / made["requestId"]
        assert [path.stat().st_mode & 0o777 for path in (home / "files", folder)] == [0o700, 0o700]
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_personal_data_is_sealed_in_the_database(reporting: Reporting) -> None:
    reporting.enrol(ASHA)
    reporting.made()
    (row,) = reporting.service.sql("SELECT * FROM profile WHERE user_id = $1", ASHA.user_id)
    assert row["sealed"] is not None
    assert row["root_org_id"] == HOME_ORG
    assert not any(ASHA.first_name in str(value) for value in row.values())


def test_columns_and_filters_beside_the_contracts(reporting: Reporting) -> None:
    reporting.enrol(ASHA, added_by=VIKRAM.user_id, scores={})
    now = reporting.service.clock.now()
    reporting.enrol(KAVYA, finished=True, last_access_at=now, updated_at=now)
    wanted = ["batchDates", "daysInactive", "lastActivity", "currentUnit", "attempts", "nestedUnits"]
    (row,) = reporting.rows(
        datasetConfig={"batchId": reporting.batch_id, "columns": wanted, "filters": {"statuses": [2]}}
    )
    assert list(row)[-5:] == [
        "Batch Start Date",
        "Batch End Date",
        "Days Inactive",
        "Last Activity",
        "Current Unit",
    ]
    assert (row["User UUID"], row["Days Inactive"], row["Batch Start Date"]) == (KAVYA.user_id, "0", "01/06/2026")


@pytest.mark.parametrize("dataset", [one for one in Dataset if one is not Dataset.USER_INFO])
def test_what_names_a_person_is_in_no_other_report_than_user_info(reporting: Reporting, dataset: Dataset) -> None:
    reporting.enrol(ASHA)
    job = asked_and_made(reporting, {"batchId": reporting.batch_id, "columns": ["externalId"]}, dataset)
    assert (job["status"], job["statusMessage"].partition(" ")[0]) == ("FAILED", "externalId")


def test_external_ids_are_sealed_and_shown_of_those_who_consent(reporting: Reporting) -> None:
    service = reporting.service
    for number in ("state-7", "state-8"):
        person = Profile(f"{number}-{reporting.batch_id}", first_name="Ravi", fields={"externalIds": [{"id": number}]})
        keep = profiles.store_profiles(
            service.services, seal_of(service.config), [person.user_id], {person.user_id: person}
        )
        service.run(keep)
        reporting.enrol(person.user_id)
    reporting.consent(Person(f"state-7-{reporting.batch_id}", "Ravi", ""))
    config = {"batchId": reporting.batch_id, "columns": ["externalId"]}
    rows = reporting.rows("userinfo-exhaust", encryptionKey="abc12345", datasetConfig=config)
    assert [(list(row)[-1], row["External Id"], row["User Name"]) for row in rows] == [
        ("External Id", "state-7", "Ravi")
    ]
    stored = service.sql("SELECT p.* FROM profile p WHERE user_id LIKE '%' || $1", reporting.batch_id)
    assert len(stored) == 2
    assert not any(
        text in str(value).partition("-0")[0] for row in stored for value in row.values() for text in ("Ravi",)
    )
    assert not any(b"state-" in row["sealed"] for row in stored)
    older = reporting.rows("course-progress-report", datasetConfig={"batchId": reporting.batch_id, "type": "older"})
    assert {row["User Name"]: row["External ID"] for row in older}.keys() == {"Ravi", ""}


def test_only_who_changed_since_an_earlier_request(reporting: Reporting) -> None:
    reporting.enrol(ASHA)
    reporting.enrol(KAVYA)
    earlier = reporting.made()["requestId"]
    reporting.service.sql(
        "UPDATE enrolment SET updated_at = $1 WHERE batch_id = $2 AND user_id = $3",
        reporting.service.clock.now(),
        reporting.batch_id,
        KAVYA.user_id,
    )
    config = {"batchId": reporting.batch_id, "changedSinceRequest": earlier, "type": "changes"}
    assert [row["User UUID"] for row in reporting.rows(datasetConfig=config)] == [KAVYA.user_id]
    unknown = reporting.made(datasetConfig={**config, "changedSinceRequest": "ABC", "type": "other"})
    assert unknown["statusMessage"] == "changedSinceRequest names no request of this channel"


def test_only_who_changed_on_a_day_or_later(reporting: Reporting) -> None:
    today, now = reporting.service.clock.today(), reporting.service.clock.now()
    for person, changed_at in ((ASHA, now - timedelta(days=40)), (KAVYA, now - timedelta(days=20))):
        reporting.enrol(person)
        reporting.service.sql(
            "UPDATE enrolment SET updated_at = $1 WHERE batch_id = $2 AND user_id = $3",
            changed_at,
            reporting.batch_id,
            person.user_id,
        )
    config = {"batchId": reporting.batch_id, "changedSince": (today - timedelta(days=30)).isoformat(), "type": "month"}
    assert [row["User UUID"] for row in reporting.rows(datasetConfig=config)] == [KAVYA.user_id]
    wrong = reporting.made(datasetConfig={**config, "changedSince": "last month", "type": "wrong"})
    assert wrong["statusMessage"].startswith("Filter cannot be read: changedSince should be a day")


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"district": ["Pune"]}, "district should be one of organisationIds, districts"),
        ({"districts": "Pune"}, "districts should be a list of texts"),
        ({"blocks": None}, "blocks should be a list of texts"),
        ({"statuses": [True]}, "statuses should be a list of 0, 1 or 2"),
        ({"statuses": [3]}, "statuses should be a list of 0, 1 or 2"),
        ({"addedBy": 5}, "addedBy should be a text"),
        (["u1"], "filters should be an object"),
    ],
)
def test_a_filter_that_cannot_be_read_never_shows_everybody(reporting: Reporting, filters: Any, message: str) -> None:
    reporting.enrol(ASHA)
    job = asked_and_made(reporting, {"batchId": reporting.batch_id, "filters": filters})
    assert (job["status"], job["downloadUrls"]) == ("FAILED", [])
    assert job["statusMessage"].startswith(f"Filter cannot be read: {message}")


@pytest.mark.parametrize("name", ["organisationIds", "districts", "blocks", "statuses", "userIds"])
def test_a_filter_without_entries_matches_nobody(reporting: Reporting, name: str) -> None:
    reporting.enrol(ASHA)
    assert reporting.rows(datasetConfig={"batchId": reporting.batch_id, "filters": {name: []}}) == []


def test_a_report_of_batches_refuses_to_choose_learners(reporting: Reporting) -> None:
    config = {"batchId": reporting.batch_id, "filters": {"districts": ["Pune"]}}
    job = asked_and_made(reporting, config, "collection-summary-report-v2")
    assert (job["status"], job["statusMessage"][:7]) == ("FAILED", "filters")
