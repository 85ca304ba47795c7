"""What became of those who completed a batch, over HTTP."""

from __future__ import annotations

from typing import Any

from tests.certificate.cohort import Cohort
from tests.figures.calls import figures, listed
from tests.learning import known_learner, new_batch, new_learner
from tests.people import RAVI, VIKRAM
from tests.running import Running


def groups(service: Running, batch_id: str) -> list[dict[str, Any]]:
    answer = service.call("GET", f"/v1/course/batch/cert/figures/{batch_id}", VIKRAM)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["result"]["response"]
    return found


def test_the_groups_add_up_to_those_who_completed(service: Running) -> None:
    cohort = Cohort(service, new_batch(service))
    issued, revoked, suspended = (known_learner(service) for _ in range(3))
    for person in (issued, revoked, suspended):
        cohort.enrol(person, percent=90)
    cohort.attach(criteria={"enrollment": {"status": 2}, "assessment": {"score": {">=": 70}}})
    cohort.work()
    for person, status in ((revoked, "revoked"), (suspended, "suspended")):
        change = {"identifier": cohort.certificates(person)[0]["certificate_id"], "status": status, "reason": "why"}
        assert service.call("PATCH", "/v1/course/batch/cert/status", VIKRAM, change).status_code == 200
    short, failed, held, due = (new_learner() for _ in range(4))
    cohort.enrol(short, percent=60)
    for person in (failed, held, due):
        cohort.enrol(person, percent=90)
    cohort.enrol(new_learner(), status=1)
    service.sql("DELETE FROM certificate_due WHERE batch_id = $1", cohort.batch_id)
    for person, error, parked in ((failed, "no name", True), (held, "away", False), (due, None, False)):
        service.sql(
            "INSERT INTO certificate_due (user_id, batch_id, due_at, reason, error, parked)"
            " VALUES ($1, $2, now(), 'completed', $3, $4)",
            person.user_id,
            cohort.batch_id,
            error,
            parked,
        )
    told = groups(service, cohort.batch_id)
    assert {(group["state"], group["reason"]): group["learners"] for group in told} == {
        ("issued", None): 1,
        ("revoked", None): 1,
        ("suspended", None): 1,
        ("not-earned", None): 1,
        ("failed", "no name"): 1,
        ("held", "away"): 1,
        ("being-issued", None): 1,
    }
    assert [group["state"] for group in told if group["since"]] == ["being-issued"]
    counts = figures(service, cohort.batch_id)
    assert sum(group["learners"] for group in told) == counts["reached"]["completed"] == 7
    assert (counts["reached"]["certified"], counts["certified"]) == (2, 2)  # the suspended one may come back
    assert listed(service, cohort.batch_id, filters={"certified": True})["count"] == 2


def test_nobody_completed_and_nobody_is_counted(service: Running) -> None:
    batch_id = new_batch(service)
    assert groups(service, batch_id) == []
    assert service.call("GET", f"/v1/course/batch/cert/figures/{batch_id}", RAVI).status_code == 401
