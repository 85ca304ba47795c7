"""What a batch offers somebody who thinks of joining: one state for each case, by the rules of enrolling."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from lernbatch.enrolment import rules
from lernbatch.enrolment.model import JoinOffer, JoinState
from lernbatch.errors import LernbatchError
from tests.enrolment.eligibility import OPEN
from tests.learning import complete, enrol, enrolled, new_batch, new_learner, refusal
from tests.people import VIKRAM, Person
from tests.running import Running
from tests.seeds import BOOK, PAGE, QUIZ, VIDEO

TODAY = date(2026, 6, 15)
DAY = timedelta(days=1)
INVITING = {"enrolment_type": "invite-only"}
OVER = {"end_date": TODAY - DAY}
IN = {"active": True, "status": 1}
DONE = {"active": True, "status": 2}
LEFT = {"active": False, "status": 1}


def offer(*, seats_left: int | None = None, is_known: bool = True, **fields: Any) -> JoinOffer:
    batch = replace(OPEN, **fields)
    return rules.join_offer(
        batch, TODAY, is_known=is_known, invite_only_closed=True, seats_left=seats_left, closes_days_before=1
    )


@pytest.mark.parametrize(
    ("fields", "state", "on"),
    [
        ({}, JoinState.JOIN, None),
        (LEFT, JoinState.JOIN, None),
        ({"end_date": TODAY + 5 * DAY}, JoinState.JOIN, TODAY + 4 * DAY),
        ({"enrolment_end_date": TODAY}, JoinState.JOIN, TODAY),
        ({"seats_left": 1}, JoinState.JOIN, None),
        ({"is_known": False}, JoinState.SIGN_IN, None),
        ({"enrolment_start_date": TODAY + DAY}, JoinState.NOT_OPEN, TODAY + DAY),
        ({"enrolment_start_date": TODAY + DAY, "is_known": False}, JoinState.NOT_OPEN, TODAY + DAY),
        ({"enrolment_end_date": TODAY - DAY}, JoinState.CLOSED, TODAY - DAY),
        ({"end_date": TODAY}, JoinState.CLOSED, TODAY - DAY),
        ({"enrolment_end_date": TODAY - DAY, "seats_left": 0}, JoinState.CLOSED, TODAY - DAY),
        ({"seats_left": 0}, JoinState.FULL, None),
        ({"seats_left": -3, "is_known": False}, JoinState.FULL, None),
        (INVITING, JoinState.INVITE_ONLY, None),
        (INVITING | {"is_known": False}, JoinState.INVITE_ONLY, None),
        (INVITING | LEFT, JoinState.INVITE_ONLY, None),
        (INVITING | IN, JoinState.ENROLLED, None),
        (INVITING | OVER, JoinState.ENDED, TODAY - DAY),
        (IN, JoinState.ENROLLED, None),
        (IN | {"seats_left": 0}, JoinState.ENROLLED, None),
        (IN | {"enrolment_end_date": TODAY - DAY}, JoinState.ENROLLED, None),
        (DONE, JoinState.COMPLETED, None),
        (DONE | OVER, JoinState.COMPLETED, None),
        (IN | OVER, JoinState.ENDED, TODAY - DAY),
        (OVER | {"is_known": False}, JoinState.ENDED, TODAY - DAY),
    ],
)
def test_each_case_has_its_one_state(fields: dict[str, Any], state: JoinState, on: date | None) -> None:
    told = offer(**fields)
    assert (told.state, told.on) == (state, on)


@pytest.mark.parametrize("more", [{}, INVITING, OVER, LEFT, IN, DONE, {"enrolment_start_date": TODAY + DAY}])
@pytest.mark.parametrize("dates", [{}, {"enrolment_end_date": TODAY - DAY}, {"end_date": TODAY + DAY}])
def test_joining_is_offered_to_whom_enrolling_is_not_refused(more: dict[str, Any], dates: dict[str, Any]) -> None:
    batch = replace(OPEN, **(dates | more))
    try:
        rules.check_enrol(batch, TODAY, by_learner=True, invite_only_closed=True, closes_days_before=1)
        may_enrol = True
    except LernbatchError:
        may_enrol = False
    assert (offer(**(dates | more)).state is JoinState.JOIN) is may_enrol


def asked(service: Running, batch_id: str, person: Person | None) -> Any:
    answer = service.call("GET", f"/v1/course/batch/join/{batch_id}", person)
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]["response"]


def test_the_call_tells_it_to_anybody(service: Running) -> None:
    batch_id, asha = new_batch(service, capacity=2), new_learner()
    last_day = (service.clock.today() + timedelta(days=29)).isoformat()
    assert asked(service, batch_id, None) == {"state": "sign-in", "date": last_day, "placesLeft": 2}
    assert asked(service, batch_id, asha) == {"state": "join", "date": last_day, "placesLeft": 2}
    enrol(service, asha, batch_id)
    assert asked(service, batch_id, asha)["state"] == "enrolled"
    enrolled(service, batch_id)
    assert asked(service, batch_id, VIKRAM) == {"state": "full", "date": None, "placesLeft": 0}
    complete(service, asha, batch_id, VIDEO, BOOK, QUIZ, PAGE)
    assert asked(service, batch_id, asha)["state"] == "completed"


def test_no_such_batch_is_refused(service: Running) -> None:
    answer = service.call("GET", "/v1/course/batch/join/none", None)
    assert refusal(answer)[:2] == (400, "INVALID_COURSE_BATCH_ID")
