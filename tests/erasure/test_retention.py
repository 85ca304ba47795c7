"""What is kept for a time: there an hour before its time is over, gone an hour after, and learning stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lernbatch.bulk import actions as bulk
from lernbatch.ops import retention
from tests.batch.calls import creation_request
from tests.learning import new_batch
from tests.people import ASHA, KAVYA, VIKRAM
from tests.reporting import Reporting
from tests.running import Running, running

KEPT_DAYS = {
    "the answer to an idempotent request": 1,
    "the file of a report with names": 2,
    "a file of people": 3,
    "a change by a plan": 3,
    "the file of a report": 5,
    "the audit trail": 10,
}


@pytest.fixture
def service(new_dsn: Callable[[], str], tmp_path: Path) -> Iterator[Running]:
    settings = {
        "exhaust_personal_retention_days": 2,
        "bulk_days": 3,
        "exhaust_retention_days": 5,
        "audit_days": 10,
    }
    with running(tmp_path, new_dsn(), **settings) as own:
        yield own


def test_everything_goes_when_its_time_is_over_and_not_before(service: Running) -> None:
    service.clock.stop()
    request = creation_request(service, name="Once")
    headers = {"Idempotency-Key": "once"}
    first = service.call("POST", "/v1/course/batch/create", VIKRAM, request, headers=headers).json()["result"]
    batch_id = new_batch(service, enrollmentType="invite-only")
    text = f"batchId,userIds\n{batch_id},{ASHA.user_id}\n"
    sent = service.call("POST", "/v1/batch/bulk/enrollment", VIKRAM, {"data": text}).json()["result"]
    while service.run(bulk.work_on_next(service.services)):
        pass
    people: dict[str, Any] = {"batchId": batch_id, "userIds": [ASHA.user_id, KAVYA.user_id]}
    plan = service.call("POST", "/v1/batch/roster/plan", VIKRAM, people).json()["result"]
    change = service.call("POST", "/v1/batch/roster/apply", VIKRAM, {**people, "hash": plan["hash"]})
    assert change.status_code == 200
    reporting = Reporting(service)
    reporting.enrol(ASHA)
    reporting.consent(ASHA)
    plain, personal = reporting.made(), reporting.made("userinfo-exhaust", encryptionKey="abc12345")
    files = {
        job["requestId"]: Path(service.config.home, "files", job["dataset"], job["requestId"])
        for job in (plain, personal)
    }
    learning = service.sql("SELECT * FROM enrolment ORDER BY user_id, batch_id")

    def report_is_there(job: dict[str, Any]) -> bool:
        listed = {each["requestId"]: each for each in reporting.jobs()}
        links = listed[job["requestId"]]["downloadUrls"] if job["requestId"] in listed else []
        assert bool(links) == any(files[job["requestId"]].glob("*.zip"))
        return bool(links)

    def kept() -> set[str]:
        """What somebody who asks still finds."""
        there = {
            "the answer to an idempotent request": bool(service.sql("SELECT FROM idempotency_key")),
            "a file of people": service.call("GET", f"/v1/upload/status/{sent['processId']}", VIKRAM).status_code
            == 200,
            "a change by a plan": bool(service.sql("SELECT FROM roster_change")),
            "the file of a report": report_is_there(plain),
            "the file of a report with names": report_is_there(personal),
            "the audit trail": bool(service.sql("SELECT FROM audit WHERE what = 'bulk.apply'")),
        }
        return {name for name, is_there in there.items() if is_there}

    def move_to(days: int, hours: int) -> None:
        service.clock.ahead = timedelta(days=days, hours=hours)
        while service.run(retention.forget_old(service.services)):
            pass

    assert kept() == set(KEPT_DAYS)
    for days in sorted(set(KEPT_DAYS.values())):
        move_to(days, -1)
        assert kept() == {name for name, last in KEPT_DAYS.items() if last >= days}, days
        move_to(days, +1)
        assert kept() == {name for name, last in KEPT_DAYS.items() if last > days}, days
    assert service.sql("SELECT * FROM enrolment ORDER BY user_id, batch_id") == learning
    again = service.call("POST", "/v1/course/batch/create", VIKRAM, request, headers=headers)
    assert again.status_code != 200 or again.json()["result"]["batchId"] != first["batchId"]
