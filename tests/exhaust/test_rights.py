"""Whose batches end up in a file, and who is told of it: at the submit, at the run, and at each answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.people import ADMIN, ASHA, HOME_ORG, IMRAN, KAVYA, OTHER_ORG, VIKRAM, Person
from tests.reporting import Reporting, unzipped
from tests.running import Running, running
from tests.seeds import COURSE, SECOND_COURSE

REPORTER = Person("0b1e3c5a-0000-4000-8000-00000000ad02", "Rita", "Nair", roles=("PUBLIC", "REPORT_ADMIN"))
OTHER_ADMIN = Person("0b1e3c5a-0000-4000-8000-00000000ad03", "Omar", "Ali", OTHER_ORG, ("PUBLIC", "ORG_ADMIN"))
REPORTER_ROLES = set(REPORTER.roles)
SEARCH = {"searchFilter": {"filters": {"identifier": [COURSE, SECOND_COURSE], "status": ["Live"]}}}


@pytest.fixture(autouse=True)
def people(request: pytest.FixtureRequest) -> None:
    service: Running = request.getfixturevalue("own" if "own" in request.fixturenames else "service")
    for person in (REPORTER, OTHER_ADMIN):
        service.sql(
            """INSERT INTO sandbox_person (user_id, first_name, last_name, org_id, roles)
               VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING""",
            person.user_id,
            person.first_name,
            person.last_name,
            person.org_id,
            list(person.roles),
        )


def foreign(service: Running, course_id: str = COURSE) -> Reporting:
    """A batch of the other organisation, with its learner, on a course of the first."""
    made = Reporting(service, course_id=course_id)
    owners = "UPDATE batch SET created_for = $1, created_by = $2 WHERE batch_id = $3"
    service.sql(owners, [OTHER_ORG], OTHER_ADMIN.user_id, made.batch_id)
    made.enrol(IMRAN)
    return made


def job_of(reporting: Reporting, by: Person, request_id: str) -> dict[str, Any] | None:
    return next((job for job in reporting.jobs(by=by) if job["requestId"] == request_id), None)


@pytest.mark.parametrize("by", [ADMIN, REPORTER])
@pytest.mark.parametrize("dataset", ["progress-exhaust", "response-exhaust", "course-progress-report"])
def test_a_search_brings_in_the_batches_of_the_own_organisation_alone(own: Running, by: Person, dataset: str) -> None:
    mine, theirs = Reporting(own), foreign(own)
    mine.enrol(ASHA)
    answer = mine.submit(dataset, by=by, datasetConfig=SEARCH)
    mine.work()
    job = job_of(mine, by, answer.json()["result"]["requestId"])
    assert job is not None
    assert [mine.batch_id in url for url in job["downloadUrls"]] == [True]
    texts = [unzipped(mine.fetch(url)).decode() for url in job["downloadUrls"]]
    assert not any(theirs.batch_id in text or IMRAN.user_id in text for text in texts)
    assert json.loads(mine.fetch(job["manifestUrl"]))["leftOut"] == []  # nor is anybody told what else there is


@pytest.mark.parametrize(
    "dataset", ["collection-summary-report-v2", "collection-summary-report", "course-enrollment-report"]
)
@pytest.mark.parametrize("config", [SEARCH, {"generateForAllBatches": True}, {"batchStartDate": "2026-01-01"}])
def test_figures_are_of_the_own_organisations_batches_alone(own: Running, dataset: str, config: dict[str, Any]) -> None:
    mine, theirs = Reporting(own, name="ours"), foreign(own)
    own.sql("UPDATE batch SET name = 'theirs' WHERE batch_id = $1", theirs.batch_id)
    mine.enrol(ASHA)
    answer = mine.submit(dataset, by=REPORTER, datasetConfig=config)
    mine.work()
    job = job_of(mine, REPORTER, answer.json()["result"]["requestId"])
    assert job is not None
    text = unzipped(mine.fetch(job["downloadUrls"][0])).decode()
    assert ("ours" in text or mine.batch_id in text, "theirs" in text, theirs.batch_id in text) == (True, False, False)


def test_a_search_that_finds_others_batches_alone_finds_nothing(own: Running) -> None:
    asking, _ = Reporting(own), foreign(own, SECOND_COURSE)
    config = {"searchFilter": {"filters": {"identifier": [SECOND_COURSE]}}}
    answer = asking.submit(by=ADMIN, datasetConfig=config)
    asking.work()
    job = job_of(asking, ADMIN, answer.json()["result"]["requestId"])
    assert job is not None
    assert (job["status"], job["statusMessage"], job["downloadUrls"]) == ("FAILED", "No data found", [])


def test_a_batch_that_went_to_others_before_the_run_is_left_out(service: Running) -> None:
    kept, lost = Reporting(service), Reporting(service)
    for batch in (kept, lost):
        batch.enrol(ASHA)
    answer = kept.submit(datasetConfig={"batchFilter": [kept.batch_id, lost.batch_id]}).json()["result"]
    service.sql("UPDATE batch SET created_by = 'somebody' WHERE batch_id = $1", lost.batch_id)
    kept.work()
    stored = service.sql("SELECT deliveries FROM exhaust_request WHERE request_id = $1", answer["requestId"])
    assert [one["batchId"] for one in stored[0]["deliveries"]] == [kept.batch_id]
    assert job_of(kept, VIKRAM, answer["requestId"]) is None  # and of what he may not have all of he is told nothing
    files = Path(service.config.home, "files", "progress-exhaust", answer["requestId"])
    left_out = json.loads((files / "manifest.json").read_text())["leftOut"]
    assert left_out == [{"batchId": lost.batch_id, "reason": "You are not authorized."}]


def test_what_a_search_has_found_is_shown_only_to_who_may_have_it_still(own: Running) -> None:
    mine = Reporting(own)
    mine.enrol(ASHA)
    request_id = mine.submit(by=ADMIN, datasetConfig=SEARCH).json()["result"]["requestId"]
    mine.work()
    assert job_of(mine, REPORTER, request_id) is not None
    own.sql("UPDATE batch SET created_for = $1 WHERE batch_id = $2", [OTHER_ORG], mine.batch_id)
    assert [job_of(mine, person, request_id) for person in (ADMIN, REPORTER)] == [None, None]
    assert mine.submit(by=ADMIN, datasetConfig=SEARCH).status_code == 403


def test_a_reporting_role_has_its_organisations_reports_and_nothing_else(service: Running) -> None:
    batch, theirs = Reporting(service), foreign(service)
    batch.enrol(ASHA)
    assert batch.submit(by=REPORTER).status_code == 200
    assert theirs.submit(by=REPORTER).status_code == 403
    enrolment = {"batchId": batch.batch_id, "userId": KAVYA.user_id, "courseId": batch.course_id}
    assert service.call("POST", "/v1/course/admin/enroll", REPORTER, enrolment).status_code in (401, 403)
    assert not REPORTER_ROLES & set(service.config.administrator_roles)


def test_a_role_counts_in_the_organisation_it_is_held_in(own: Running) -> None:
    """A reporter of another organisation, who belongs to the first, has nothing of the first."""
    batch = Reporting(own)
    elsewhere = Person("0b1e3c5a-0000-4000-8000-00000000ad04", "Ela", "Rao", OTHER_ORG, ("PUBLIC", "REPORT_ADMIN"))
    own.sql(
        """INSERT INTO sandbox_person (user_id, first_name, last_name, org_id, roles)
           VALUES ($1, 'Ela', 'Rao', $2, $3)""",
        elsewhere.user_id,
        HOME_ORG,
        ["PUBLIC", f"REPORT_ADMIN@{OTHER_ORG}"],
    )
    answers = [batch.submit(by=elsewhere), batch.submit(by=elsewhere, datasetConfig=SEARCH)]
    assert [answer.status_code for answer in answers] == [403, 403]


SUBMIT, LIST = "/dataset/v1/request/submit", "/dataset/v1/request/list/{}"
CONSUMER = {"X-Consumer-ID": "portal", "X-Channel-ID": HOME_ORG}
MACHINE = {"X-Authenticated-Client-Id": "portal", "X-Authenticated-Client-Token": "k" * 32}
ELSEWHERE = {"exhaust_consumers": (f"portal:{HOME_ORG}",), "machine_clients": f"portal={'k' * 32}, other={'o' * 32}"}


@pytest.fixture(scope="module")
def trusting(
    new_dsn: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Running]]:
    """A running service that trusts callers from those networks, the same one for all tests of them."""
    with ExitStack() as opened:

        @cache
        def service(networks: str) -> Running:
            allowed = {**ELSEWHERE, "private_networks": networks, "service_token": "s" * 32}
            return opened.enter_context(running(tmp_path_factory.mktemp("trusting"), new_dsn(), **allowed))

        yield service


@pytest.mark.parametrize(
    ("networks", "headers", "status"),
    [
        ("10.0.0.0/8", CONSUMER, 403),
        ("10.0.0.0/8", {**CONSUMER, **MACHINE}, 200),
        ("10.0.0.0/8", {**MACHINE, "X-Channel-ID": HOME_ORG}, 200),
        ("10.0.0.0/8", {**CONSUMER, **MACHINE, "X-Authenticated-Client-Token": "wrong"}, 403),
        ("10.0.0.0/8", {**CONSUMER, **MACHINE, "X-Authenticated-Client-Id": "other"}, 403),
        (
            "10.0.0.0/8",
            {**CONSUMER, "X-Authenticated-Client-Id": "other", "X-Authenticated-Client-Token": "o" * 32},
            403,
        ),
        ("10.0.0.0/8", {**CONSUMER, **MACHINE, "X-Channel-ID": OTHER_ORG}, 403),
        ("10.0.0.0/8", {**CONSUMER, "X-Service-Token": "s" * 32}, 200),
        ("127.0.0.0/8", CONSUMER, 200),
        ("127.0.0.0/8", {**CONSUMER, "X-Consumer-ID": "other"}, 403),
    ],
)
def test_a_consumer_shows_a_key_or_comes_from_the_private_networks(
    trusting: Callable[[str], Running], networks: str, headers: dict[str, str], status: int
) -> None:
    service = trusting(networks)
    batch = Reporting(service)
    asked = {"tag": batch.tag, "dataset": "progress-exhaust", "datasetConfig": {"batchId": batch.batch_id}}
    answers = [
        service.call("POST", SUBMIT, None, {**asked, "requestedBy": "u9"}, headers=headers),
        service.call("GET", LIST.format(batch.tag), None, headers=headers),
        service.call("POST", "/dataset/v1/request/search", None, {"filters": {"dataset": "x"}}, headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [status] * 3
    if status == 200:
        assert [answer.headers["cache-control"] for answer in answers] == ["no-store"] * 3


def test_a_consumer_has_the_batches_of_its_channel_alone(dsn: str, tmp_path: Path) -> None:
    with running(tmp_path, dsn, exhaust_consumers=(f"portal:{HOME_ORG}",)) as own:
        mine, theirs = Reporting(own), foreign(own)
        mine.enrol(ASHA)

        def ask(config: dict[str, Any]) -> Any:
            # Naming the creator of a batch does not make its reports the consumer's.
            asked = {"tag": "all", "dataset": "progress-exhaust", "requestedBy": OTHER_ADMIN.user_id}
            return own.call("POST", SUBMIT, None, {**asked, "datasetConfig": config}, headers=CONSUMER)

        assert ask({"batchId": theirs.batch_id}).status_code == 403
        assert ask(SEARCH).status_code == 200
        mine.work()
        (job,) = own.call("GET", LIST.format("all"), None, headers=CONSUMER).json()["result"]["jobs"]
        assert [mine.batch_id in url for url in job["downloadUrls"]] == [True]
