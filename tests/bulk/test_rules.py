"""The rules of bulk enrolment, as tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lernbatch.batch.rules import InvalidBatch
from lernbatch.bulk import rules
from lernbatch.bulk.model import BatchMember, BulkLine, BulkPlanRequest, PlanFacts
from lernbatch.errors import LernbatchError, Unauthorized
from tests.enrolment.eligibility import OPEN

INVITED = replace(OPEN, enrolment_type="invite-only")
LINE = BulkLine(2, "b", "u-1,u-2")


@pytest.mark.parametrize(
    ("line", "batch", "may_manage", "error"),
    [
        ({}, {}, True, None),
        ({"error": "Line 2: a quotation mark is lost."}, {}, True, "Line 2: a quotation mark is lost."),
        ({}, None, True, rules.NO_SUCH_BATCH),
        ({}, {"enrolment_type": "open"}, True, rules.NOT_INVITE_ONLY),
        ({}, {"enrolment_type": "Invite-Only"}, True, None),
        ({}, {"created_for": []}, True, rules.NO_ORGANISATION),
        ({}, {}, False, rules.NOT_ALLOWED),
        ({"user_ids": None}, {}, True, "userIds is missing."),
        ({"user_ids": " , "}, {}, True, "userIds is missing."),
        ({"user_ids": "u-1,u-1"}, {}, True, "userIds has duplicates."),
        # The order in which the contract complains.
        ({}, {"enrolment_type": "open", "created_for": []}, False, rules.NOT_INVITE_ONLY),
        ({"user_ids": None}, {"created_for": []}, False, rules.NO_ORGANISATION),
    ],
)
def test_a_line_can_be_done_or_says_why_not(
    line: dict[str, Any], batch: dict[str, Any] | None, may_manage: bool, error: str | None
) -> None:
    eligibility = None if batch is None else replace(INVITED, **batch)
    assert rules.error_of(replace(LINE, **line), eligibility, may_manage=may_manage) == error


@pytest.mark.parametrize(
    ("enrolment", "refusal"),
    [
        (None, rules.NO_SUCH_BATCH),
        ({}, rules.NOT_ENROLLED),
        ({"active": False, "status": 2}, rules.NOT_ENROLLED),
        ({"active": True, "status": 2}, rules.COMPLETED),
        ({"active": True, "status": 1}, None),
    ],
)
def test_a_person_is_unenrolled_or_it_is_said_why_not(enrolment: dict[str, Any] | None, refusal: str | None) -> None:
    assert rules.unenrol_refusal(None if enrolment is None else replace(INVITED, **enrolment)) == refusal


@pytest.mark.parametrize(
    ("lines", "exists", "refused"),
    [
        ([LINE], False, None),  # the contract answers line by line
        ([LINE], True, Unauthorized),
        ([LINE] * (rules.UNMANAGED_LINES + 1), False, InvalidBatch),
        ([replace(LINE, user_ids="u" * rules.UNMANAGED_CHARACTERS)], False, InvalidBatch),
    ],
)
def test_a_file_about_batches_of_others_is_not_stored(lines: list[BulkLine], exists: bool, refused: Any) -> None:
    caught: type[LernbatchError] | None = None
    try:
        rules.check_somebody_manages(lines, [INVITED] if exists else [])
    except LernbatchError as refusal:
        caught = type(refusal)
    assert caught is refused


IN_BY_FILE = BatchMember("u-1", True, 1, "file")
REQUEST = BulkPlanRequest("b", ("u-1",), remove_others=True, remove_by_hand=False)
FACTS = PlanFacts(1, has_ended=False, capacity=None, members={}, unfit=())


@pytest.mark.parametrize(
    ("request_", "facts", "moves"),
    [
        ({}, {}, ["u-1 add"]),
        ({}, {"members": [IN_BY_FILE]}, ["u-1 keep"]),
        ({}, {"members": [replace(IN_BY_FILE, active=False)]}, ["u-1 return"]),
        ({}, {"unfit": {"u-1"}}, ["u-1 invalid"]),
        ({}, {"has_ended": True}, ["u-1 conflict"]),
        ({}, {"capacity": 0}, ["u-1 conflict"]),
        ({"user_ids": ("u-1", "u-2")}, {"capacity": 1}, ["u-1 add", "u-2 conflict"]),
        ({"user_ids": ("u-2",)}, {"members": [IN_BY_FILE]}, ["u-2 add", "u-1 remove"]),
        # Who leaves makes room for who comes.
        ({"user_ids": ("u-2",)}, {"members": [IN_BY_FILE], "capacity": 1}, ["u-2 add", "u-1 remove"]),
        ({"user_ids": (), "remove_others": False}, {"members": [IN_BY_FILE]}, ["u-1 keep"]),
        ({"user_ids": ()}, {"members": [replace(IN_BY_FILE, added_how="hand")]}, ["u-1 keep"]),
        ({"user_ids": ()}, {"members": [replace(IN_BY_FILE, added_how="self")]}, ["u-1 keep"]),
        (
            {"user_ids": (), "remove_by_hand": True},
            {"members": [replace(IN_BY_FILE, added_how="hand")]},
            ["u-1 remove"],
        ),
        ({"user_ids": ()}, {"members": [replace(IN_BY_FILE, status=2)]}, ["u-1 conflict"]),
        ({"user_ids": ()}, {"members": [replace(IN_BY_FILE, active=False)]}, []),
    ],
)
def test_a_plan_says_what_it_does_with_each_person(
    request_: dict[str, Any], facts: dict[str, Any], moves: list[str]
) -> None:
    members = {member.user_id: member for member in facts.pop("members", [])}
    plan = rules.plan(replace(REQUEST, **request_), replace(FACTS, members=members, **facts))
    assert [f"{decision.user_id} {decision.move}" for decision in plan.decisions] == moves


@pytest.mark.parametrize(
    ("request_", "facts"),
    [({"batch_id": "c"}, {}), ({"user_ids": ("u-2",)}, {}), ({}, {"revision": 2}), ({}, {"has_ended": True})],
)
def test_another_plan_has_another_digest(request_: dict[str, Any], facts: dict[str, Any]) -> None:
    assert rules.plan(REQUEST, FACTS).digest == rules.plan(REQUEST, FACTS).digest
    assert rules.plan(replace(REQUEST, **request_), replace(FACTS, **facts)).digest != rules.plan(REQUEST, FACTS).digest


@pytest.mark.parametrize(("calls", "most", "refused"), [(0, 0, False), (3, 3, False), (4, 3, True)])
def test_a_plan_asks_the_user_service_so_often_and_no_more(calls: int, most: int, refused: bool) -> None:
    try:
        rules.check_lookups(calls, most)
    except rules.TooManyNew:
        assert refused
    else:
        assert not refused
