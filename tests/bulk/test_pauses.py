"""No bulk action keeps the event loop from other requests, at the most people that it takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lernbatch.account import actions as account
from lernbatch.bulk import actions
from tests.learning import new_batch
from tests.pauses import check
from tests.people import ADMIN, HOME_ORG, VIKRAM
from tests.running import Running, running

MANY = 100_000  # the setting's default
MOVED = 20_000  # people who exist, and are enrolled one set after the other


@pytest.fixture(scope="module")
def service(module_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("home"), module_dsn, kafka_servers="") as service:
        service.sql(
            """INSERT INTO sandbox_person (user_id, first_name, org_id)
               SELECT kind || n, 'Learner', $1
                 FROM generate_series(1, $2::integer) AS n, unnest('{p-,e-}'::text[]) AS kind""",
            HOME_ORG,
            MOVED,
        )
        yield service


def full_batch(service: Running, count: int = MANY) -> str:
    batch_id = new_batch(service, enrollmentType="invite-only")
    service.sql(
        """INSERT INTO enrolment (user_id, batch_id, course_id, active, added_how, enrolled_at, updated_at)
           SELECT 'e-' || n, batch_id, course_id, true, 'file', now(), now()
             FROM batch, generate_series(1, $2::integer) AS n
            WHERE batch_id = $1""",
        batch_id,
        count,
    )
    return batch_id


def ask(service: Running, action: str, **request: Any) -> dict[str, Any]:
    answer = service.call("POST", f"/v1/batch/roster/{action}", VIKRAM, request, timeout=300)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["result"])


@pytest.mark.real
def test_a_plan_of_the_most_people_against_as_many(service: Running) -> None:
    batch_id = full_batch(service)
    wanted = [f"e-{n}" for n in range(1, MANY // 2 + 1)] + [f"stranger-{n}" for n in range(MANY // 2)]
    counts: dict[str, int] = {}
    check(service, lambda: counts.update(ask(service, "plan", batchId=batch_id, userIds=wanted)["counts"]))
    assert counts == {
        "add": 0,
        "return": 0,
        "keep": MANY // 2,
        "remove": MANY // 2,
        "conflict": 0,
        "invalid": MANY // 2,
    }


@pytest.mark.real
def test_a_plan_is_applied_and_undone(service: Running) -> None:
    batch_id, people = full_batch(service, MOVED), [f"p-{n}" for n in range(1, MOVED + 1)]
    plan = ask(service, "plan", batchId=batch_id, userIds=people)
    changes: list[dict[str, Any]] = []
    check(
        service,
        lambda: changes.append(ask(service, "apply", batchId=batch_id, userIds=people, hash=plan["hash"])),
    )
    assert (changes[0]["added"], changes[0]["removed"]) == (MOVED, MOVED)
    check(service, lambda: changes.append(ask(service, "undo", changeId=changes[0]["changeId"])))
    assert (changes[1]["returned"], changes[1]["removed"]) == (MOVED, MOVED)


@pytest.mark.real
def test_a_file_of_the_most_people_is_taken_worked_on_and_shown(service: Running) -> None:
    batch_id = new_batch(service, enrollmentType="invite-only")
    cell = ",".join([f"p-{n}" for n in range(1, 2001)] + [f"stranger-{n}" for n in range(MANY - 2001)])
    files = {"file": ("people.csv", f'batchId,userIds\n{batch_id},"{cell}"\n'.encode(), "text/csv")}
    processes: list[str] = []

    def upload() -> None:
        answer = service.call("POST", "/v1/batch/bulk/enrollment", VIKRAM, files=files, timeout=300)
        assert answer.status_code == 200, answer.text
        processes.append(answer.json()["result"]["processId"])

    check(service, upload)

    def work() -> None:
        for _ in range(6):
            assert service.run(actions.work_on_next(service.services)) == actions.SET_SIZE

    check(service, work)
    service.sql("UPDATE bulk_person SET outcome = 'x' WHERE outcome IS NULL AND process_id = $1", processes[0])
    assert service.run(actions.work_on_next(service.services)) == 1

    def look() -> None:
        for path in (f"/v1/upload/status/{processes[0]}", f"/v1/upload/statusDownloadLink/{processes[0]}"):
            answer = service.call("GET", path, ADMIN, timeout=300)
            assert answer.status_code == 200, answer.text
        url = answer.json()["result"]["signedUrl"].removeprefix(service.config.public_url)
        assert service.call("GET", url, timeout=300).text.count("\n") == MANY

    check(service, look)


def test_the_learners_of_a_large_batch_are_listed_counted_and_placed(service: Running) -> None:
    batch_id = full_batch(service)

    def participants() -> None:
        request = {"batch": {"batchId": batch_id, "limit": MANY}}
        answer = service.call("POST", "/v1/batch/participants/list", VIKRAM, request, timeout=300)
        assert len(answer.json()["result"]["batch"]["participants"]) == MANY

    check(service, participants)
    course_id = service.sql("SELECT course_id FROM batch WHERE batch_id = $1", batch_id)[0]["course_id"]
    filters = {"collectionId": course_id, "batchId": batch_id}

    def summary() -> None:
        request = {"filters": filters, "groupBy": ["dist", "state"]}
        answer = service.call("POST", "/v1/collection/summary", VIKRAM, request, timeout=300)
        assert answer.status_code == 200, answer.text

    check(service, summary)


@pytest.mark.real
def test_certificates_of_a_large_batch_are_issued_again(service: Running) -> None:
    batch_id = full_batch(service)
    service.sql("UPDATE enrolment SET status = 2, completed_at = now() WHERE batch_id = $1", batch_id)
    template = {
        "identifier": "t",
        "name": "Merit",
        "url": "https://x.org/t.svg",
        "criteria": {"enrollment": {"status": 2}},
    }
    service.sql("UPDATE batch SET templates = $2 WHERE batch_id = $1", batch_id, {"t": template})

    def again() -> None:
        course_id = service.sql("SELECT course_id FROM batch WHERE batch_id = $1", batch_id)[0]["course_id"]
        request = {"batchId": batch_id, "courseId": course_id}
        answer = service.call("POST", "/v1/course/batch/cert/issue?reIssue=true", VIKRAM, request, timeout=300)
        assert answer.status_code == 200, answer.text

    check(service, again)


def copies(service: Running, batch_id: str, count: int) -> None:
    """Batches like this one."""
    columns = ", ".join(
        row["column_name"]
        for row in service.sql(
            """SELECT column_name FROM information_schema.columns
                WHERE table_schema = 'public' AND table_name = 'batch'
                  AND column_name <> 'batch_id' AND is_generated = 'NEVER'"""
        )
    )
    service.sql(
        f"""INSERT INTO batch (batch_id, {columns})
            SELECT $1 || '-' || n, {columns} FROM batch, generate_series(1, $2::integer) AS n WHERE batch_id = $1""",
        batch_id,
        count,
    )


def test_accounts_with_many_batches_are_merged(service: Running) -> None:
    batch_id = new_batch(service)
    copies(service, batch_id, 500)
    for user_id in ("from", "into"):
        service.sql(
            """INSERT INTO enrolment (user_id, batch_id, course_id, active, added_how, enrolled_at, updated_at)
               SELECT $1, batch_id, course_id, true, 'file', now(), now() FROM batch WHERE batch_id LIKE $2 || '-%'""",
            user_id,
            batch_id,
        )
    check(service, lambda: service.run(account.merge(service.services, "from", "into")))


def test_a_search_finds_ten_thousand_batches(service: Running) -> None:
    batch_id = new_batch(service)
    copies(service, batch_id, 10_000)

    def search() -> None:
        request = {"filters": {"status": ["0", "1", "2"]}, "limit": 10_000}
        answer = service.call("POST", "/v1/course/batch/search", VIKRAM, request, timeout=300)
        assert answer.json()["result"]["response"]["count"] >= 10_000, answer.text[:300]

    check(service, search)
