"""Files that are closed again: consent that was withdrawn or ran out, people who were erased."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lernbatch.exhaust import actions, jobs
from tests.people import ASHA, KAVYA, VIKRAM
from tests.reporting import Reporting, unzipped
from tests.running import Running, running


@pytest.fixture
def reporting(own: Running) -> Reporting:
    made = Reporting(own)
    for person in (ASHA, KAVYA):
        made.enrol(person)
        made.consent(person)
    return made


def close(reporting: Reporting) -> None:
    """What a minute brings, some minutes later."""
    service = reporting.service
    service.clock.move(minutes=6)
    service.run(jobs.close_withdrawn(service.services))
    service.run(jobs.forget_expired(service.services))


def status_of(reporting: Reporting, url: str) -> int:
    return reporting.service.http.get(url.replace(reporting.service.config.public_url, "")).status_code


def folder_of(reporting: Reporting, job: dict[str, Any]) -> Path:
    return Path(reporting.service.config.home, "files", job["dataset"], job["requestId"])


PERSONAL = ["userinfo-exhaust", "course-progress-report", "assessment-report"]


@pytest.mark.parametrize("dataset", PERSONAL)
@pytest.mark.parametrize("status", ["REVOKED", "DELETED"])
def test_a_consent_that_is_withdrawn_closes_the_files(reporting: Reporting, dataset: str, status: str) -> None:
    job = reporting.made(dataset, encryptionKey="abc12345")
    other = reporting.made()
    assert status_of(reporting, job["downloadUrls"][0]) == 200
    reporting.consent(ASHA, status)
    close(reporting)
    assert {status_of(reporting, url) for url in (*job["downloadUrls"], job["manifestUrl"])} == {404}
    assert not folder_of(reporting, job).exists()
    closed = next(one for one in reporting.jobs() if one["requestId"] == job["requestId"])
    assert (closed["status"], closed["downloadUrls"], closed["manifestUrl"]) == ("FAILED", [], None)
    assert "withdrawn" in closed["statusMessage"]
    assert status_of(reporting, other["downloadUrls"][0]) == 200
    again = reporting.made(dataset, encryptionKey="abc12345")
    text = unzipped(reporting.fetch(again["downloadUrls"][0]), "abc12345").decode()
    assert ("Asha" in text, KAVYA.first_name in text) == (False, True)
    close(reporting)
    assert status_of(reporting, again["downloadUrls"][0]) == 200


def test_a_consent_that_runs_out_closes_the_files(reporting: Reporting) -> None:
    ends = reporting.service.clock.now() + timedelta(minutes=5)
    reporting.consent(ASHA, expires_at=ends)
    (url,) = reporting.made("userinfo-exhaust", encryptionKey="abc12345")["downloadUrls"]
    close(reporting)
    assert status_of(reporting, url) == 404


def test_files_whose_consents_hold_stay(reporting: Reporting) -> None:
    (url,) = reporting.made("userinfo-exhaust", encryptionKey="abc12345")["downloadUrls"]
    for _ in range(3):
        close(reporting)
    assert status_of(reporting, url) == 200


def test_what_another_report_learns_of_a_withdrawal_closes_the_file_too(reporting: Reporting) -> None:
    (url,) = reporting.made("userinfo-exhaust", encryptionKey="abc12345")["downloadUrls"]
    reporting.consent(ASHA, "REVOKED")
    reporting.service.clock.move(minutes=6)
    reporting.made("course-progress-report")
    reporting.service.run(jobs.close_withdrawn(reporting.service.services))
    assert status_of(reporting, url) == 404
    assert len(next(job for job in reporting.jobs() if job["dataset"] == "course-progress-report")["downloadUrls"]) == 1


def test_consents_are_asked_about_in_turn_and_no_more_than_a_run_may(dsn: str, tmp_path: Path) -> None:
    with running(tmp_path, dsn, exhaust_consents_per_run=1) as own:
        batch = Reporting(own)
        for person in (ASHA, KAVYA):
            batch.enrol(person)
            batch.consent(person)
        (url,) = batch.made("userinfo-exhaust", encryptionKey="abc12345")["downloadUrls"]
        for person in (ASHA, KAVYA):
            batch.consent(person, "REVOKED")
        own.clock.move(minutes=6)
        own.run(jobs.close_withdrawn(own.services))
        known = own.sql("SELECT status FROM consent ORDER BY status")
        assert ([row["status"] for row in known], status_of(batch, url)) == (["ACTIVE", "REVOKED"], 404)


def test_files_that_the_store_does_not_delete_open_to_nobody(reporting: Reporting) -> None:
    job = reporting.made("userinfo-exhaust", encryptionKey="abc12345")
    folder = folder_of(reporting, job)
    aside = folder.rename(folder.with_name("aside"))
    folder.write_text("what cannot be deleted as a folder")
    reporting.consent(ASHA, "REVOKED")
    close(reporting)
    folder.unlink()
    aside.rename(folder)
    assert status_of(reporting, job["downloadUrls"][0]) == 404
    reporting.service.clock.move(hours=2)
    reporting.service.run(jobs.forget_expired(reporting.service.services))
    assert not folder.exists()


async def erase(service: Running, *user_ids: str) -> int:
    async with service.services.pool.acquire() as conn, conn.transaction():
        return await actions.withdraw_files_with(conn, user_ids, service.clock.now())


@pytest.mark.parametrize("dataset", ["progress-exhaust", "response-exhaust", *PERSONAL])
def test_who_is_erased_is_in_no_file_any_more(reporting: Reporting, dataset: str) -> None:
    service, other = reporting.service, Reporting(reporting.service)
    other.enrol(KAVYA)
    job = reporting.made(dataset, encryptionKey="abc12345")
    kept = other.made()
    counted = reporting.made("collection-summary-report")
    assert service.run(erase(service, ASHA.user_id)) == 1
    assert status_of(reporting, job["downloadUrls"][0]) == 404  # at once; the file itself goes within a minute
    service.run(jobs.forget_expired(service.services))
    assert not folder_of(reporting, job).exists()
    assert job["requestId"] not in {one["requestId"] for one in reporting.jobs()}
    assert [status_of(reporting, one["downloadUrls"][0]) for one in (kept, counted)] == [200, 200]


def test_requests_that_name_who_is_erased_go_too(reporting: Reporting) -> None:
    service = reporting.service
    for filters in ({"userIds": ["u-gone", "u-other"]}, {"addedBy": "u-gone"}, {"userIds": ["u-other"]}):
        reporting.submit(datasetConfig={"batchId": reporting.batch_id, "filters": filters})
    assert service.run(erase(service, "u-gone")) == 2
    service.run(jobs.forget_expired(service.services))
    (left,) = reporting.jobs()
    assert left["datasetConfig"]["filters"] == {"userIds": ["u-other"]}


def test_a_running_request_is_ended_and_its_files_go_when_its_worker_is_surely_over(reporting: Reporting) -> None:
    service = reporting.service
    request_id = reporting.submit().json()["result"]["requestId"]
    service.sql(
        """UPDATE exhaust_request SET status = 'PROCESSING', leased_by = 'w', leased_until = $1, batch_ids = $2""",
        service.clock.now() + timedelta(minutes=1),
        [reporting.batch_id],
    )
    folder = Path(service.config.home, "files", "progress-exhaust", request_id)
    folder.mkdir(parents=True)
    (folder / "half.zip").write_bytes(b"what the worker has written so far")
    assert service.run(erase(service, ASHA.user_id)) == 1
    service.run(jobs.forget_expired(service.services))
    assert folder.exists()
    service.clock.move(minutes=2)
    service.run(jobs.forget_expired(service.services))
    assert (folder.exists(), reporting.jobs(by=VIKRAM)) == (False, [])


def test_what_was_left_of_closed_files_is_not_there_when_they_are_made_again(reporting: Reporting) -> None:
    service = reporting.service
    job = reporting.made()
    (folder_of(reporting, job) / "of-before.zip").write_bytes(b"a file of a batch that had another name")
    service.run(erase(service, ASHA.user_id))
    service.sql("UPDATE enrolment SET active = false WHERE user_id = $1", ASHA.user_id)
    again = reporting.made()
    assert (again["requestId"], again["status"]) == (job["requestId"], "SUCCESS")
    assert sorted(path.suffix for path in folder_of(reporting, again).iterdir()) == [".json", ".zip"]
    assert ASHA.user_id not in unzipped(reporting.fetch(again["downloadUrls"][0])).decode()
