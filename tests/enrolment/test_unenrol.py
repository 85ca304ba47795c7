"""Leaving a batch: contract enrolment §2.2, case by case."""

from __future__ import annotations

import pytest

from tests.learning import SUCCESS, complete, enrolled, new_batch, new_learner, refusal, row, unenrol
from tests.people import RAVI, VIKRAM
from tests.running import Running
from tests.seeds import COURSE, LEAF_NODES

NOT_ENROLLED = (400, "USER_NOT_ENROLLED_COURSE", "User is not enrolled to given course batch.")
COMPLETED = (400, "COURSE_BATCH_ALREADY_COMPLETED", "Course batch is already completed.")


def test_a_learner_leaves_and_nothing_is_deleted(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    complete(service, asha, batch_id, LEAF_NODES[0])
    before = row(service, asha, batch_id)
    answer = unenrol(service, asha, batch_id)
    assert (answer.json()["id"], answer.json()["result"]) == ("api.course.unenroll", SUCCESS)
    after = row(service, asha, batch_id)
    assert after == {**before, "active": False, "left_at": after["left_at"]}
    assert after["left_at"] is not None


def test_the_old_path_takes_lower_case_keys(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    request = {"userid": asha.user_id, "courseid": COURSE, "batchid": batch_id}
    assert service.call("POST", "/v1/user/courses/unenroll", asha, request).json()["result"] == SUCCESS
    assert row(service, asha, batch_id)["active"] is False


def test_e11_who_was_never_enrolled_is_told_so(service: Running) -> None:
    assert refusal(unenrol(service, new_learner(), new_batch(service))) == NOT_ENROLLED


def test_e12_nobody_leaves_an_invite_only_batch_by_himself(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    service.sql("UPDATE batch SET enrolment_type = 'invite-only' WHERE batch_id = $1", batch_id)
    assert refusal(unenrol(service, asha, batch_id))[1] == "ENROLLMENT_TYPE_VALIDATION"
    assert row(service, asha, batch_id)["active"]


def test_e13_nobody_leaves_an_ended_batch(service: Running) -> None:
    batch_id = new_batch(service, days=2)
    asha = enrolled(service, batch_id)
    service.clock.move(days=3)
    assert refusal(unenrol(service, asha, batch_id)) == COMPLETED


def test_e14_who_has_left_cannot_leave_again(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    assert unenrol(service, asha, batch_id).status_code == 200
    assert refusal(unenrol(service, asha, batch_id)) == NOT_ENROLLED


def test_e15_who_has_completed_stays(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    complete(service, asha, batch_id, *LEAF_NODES)
    assert refusal(unenrol(service, asha, batch_id)) == COMPLETED
    assert row(service, asha, batch_id)["active"]


def test_the_creator_removes_and_a_stranger_does_not(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    request = {"courseId": COURSE, "batchId": batch_id, "userId": asha.user_id}
    assert service.call("POST", "/v1/course/admin/unenroll", RAVI, request).status_code == 401
    assert service.call("POST", "/v1/course/admin/unenroll", VIKRAM, request).json()["result"] == SUCCESS
    assert row(service, asha, batch_id)["active"] is False


@pytest.mark.parametrize(("policy", "may_leave"), [("always", True), ("until-start", False), ("never", False)])
def test_the_leave_policy_holds_for_learners(service: Running, policy: str, may_leave: bool) -> None:
    batch_id = new_batch(service, leavePolicy=policy)
    asha = enrolled(service, batch_id)
    answer = unenrol(service, asha, batch_id)
    assert answer.status_code == (200 if may_leave else 400)
    assert may_leave or refusal(answer)[1] == "COURSE_BATCH_LEAVE_NOT_ALLOWED"
