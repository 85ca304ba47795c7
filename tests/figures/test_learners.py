"""The table of a batch's learners, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.figures.calls import listed
from tests.learning import complete, enrol, enrolled, known_learner, new_batch, unenrol
from tests.people import HOME_ORG, VIKRAM
from tests.running import Running
from tests.seeds import BOOK, QUIZ, VIDEO

SORTS = ["need", "progress", "seen", "best", "joined"]


def crowd(service: Running, count: int = 23) -> str:
    """A batch of learners who differ in everything that a table is sorted by, and are equal in much of it, too."""
    batch_id = new_batch(service, days=90)
    people = [enrolled(service, batch_id) for _ in range(count)]
    service.sql(
        """UPDATE enrolment e
              SET percentage = 25 * (place % 3), status = least(place % 3, 1), revision = revision + 1,
                  last_access_at = CASE WHEN place % 4 > 0 THEN $3::timestamptz - place % 5 * interval '5 days' END,
                  scores = CASE WHEN place % 5 = 0 THEN '{}'
                                ELSE jsonb_build_object($4::text, jsonb_build_array(place % 4, 4, 1)) END,
                  enrolled_at = $3::timestamptz - place % 7 * interval '1 day'
             FROM unnest($1::text[]) WITH ORDINALITY AS person (user_id, place)
            WHERE e.batch_id = $2 AND e.user_id = person.user_id""",
        [person.user_id for person in people],
        batch_id,
        service.clock.now(),
        QUIZ,
    )
    return batch_id


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", SORTS)
def test_pages_hold_every_learner_once_in_the_order_of_the_whole(service: Running, sort: str, descending: bool) -> None:
    batch_id = crowd(service)
    whole = listed(service, batch_id, sort_by=sort, descending=descending)
    assert (whole["count"], len(whole["learners"]), "nextCursor" in whole) == (23, 23, False)
    page: dict[str, Any] = {"nextCursor": ""}
    user_ids = []
    while "nextCursor" in page:
        page = listed(service, batch_id, sort_by=sort, descending=descending, limit=5, cursor=page["nextCursor"])
        assert page["count"] == 23
        user_ids += [learner["userId"] for learner in page["learners"]]
    assert user_ids == [learner["userId"] for learner in whole["learners"]]
    key = {"progress": "completionPercentage", "best": "bestScore", "joined": "enrolledDate"}.get(sort)
    if key:
        values = [learner[key] if learner[key] is not None else -1 for learner in whole["learners"]]
        assert values == sorted(values, reverse=descending)


def test_who_needs_help_first_comes_first_and_who_was_longest_away_before_others(service: Running) -> None:
    batch_id = crowd(service)
    rows = listed(service, batch_id)["learners"]
    order = ["one-step", "slipping", "behind", "never-started", "no-attempt-left", "on-pace"]
    ranks = [order.index(row["standing"].replace("stopped", "behind")) for row in rows]
    assert ranks == sorted(ranks)
    slipping = [row["lastAccessTime"] for row in rows if row["standing"] == "slipping"]
    assert slipping == sorted(slipping)


def test_a_row_says_how_far_somebody_is_in_each_unit(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    complete(service, asha, batch_id, VIDEO, BOOK)
    row = listed(service, batch_id)["learners"][0]
    assert (row["userId"], row["completionPercentage"], row["units"]) == (asha.user_id, 50, [100, 0])
    assert (row["standing"], row["because"]) == ("on-pace", {"key": "on-pace", "values": {"percentage": 50}})
    assert (row["reached"], row["addedHow"], row["bestScore"], row["attempts"]) == ("half", "self", None, 0)


def test_filters_hold_together(service: Running) -> None:
    batch_id = new_batch(service)
    asha, kavya, imran = (enrolled(service, batch_id) for _ in range(3))
    complete(service, asha, batch_id, VIDEO, BOOK)
    complete(service, kavya, batch_id, VIDEO)
    brought = known_learner(service)
    users = {"userIds": [brought.user_id]}
    assert service.call("POST", f"/v1/course/batch/users/add/{batch_id}", VIKRAM, users).status_code == 200
    service.sql(
        "INSERT INTO profile (user_id, status, root_org_id, district, fetched_at) VALUES ($1, 1, $3, 'Tumkur', now()),"
        " ($2, 1, 'other', 'Mandya', now())",
        asha.user_id,
        kavya.user_id,
        HOME_ORG,
    )
    now = service.clock.now()
    for filters, people in (
        ({"finishedUnit": 1}, {asha}),
        ({"unfinishedUnit": 1}, {kavya, imran, brought}),
        ({"district": "Tumkur"}, {asha}),
        ({"organisationId": "other"}, {kavya}),
        ({"district": "Tumkur", "organisationId": "other"}, set()),
        ({"addedBy": VIKRAM.user_id}, {brought}),
        ({"addedHow": "hand"}, {brought}),
        ({"addedHow": "self"}, {asha, kavya, imran}),
        ({"userIds": [asha.user_id, imran.user_id]}, {asha, imran}),
        ({"seenFrom": (now - timedelta(hours=1)).isoformat()}, {asha, kavya}),
        ({"seenBefore": (now - timedelta(hours=1)).isoformat()}, set()),
        ({"certified": True}, set()),
        ({"standings": ["on-pace"], "reached": "half"}, {asha}),
    ):
        found = listed(service, batch_id, filters=filters)
        assert {row["userId"] for row in found["learners"]} == {person.user_id for person in people}, filters
        assert found["count"] == len(people)


def test_who_comes_back_stands_among_the_others_again(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    complete(service, asha, batch_id, VIDEO)
    unenrol(service, asha, batch_id)
    assert listed(service, batch_id)["count"] == 0
    assert [row["userId"] for row in listed(service, batch_id, filters={"standings": ["left"]})["learners"]] == [
        asha.user_id
    ]
    enrol(service, asha, batch_id)
    assert listed(service, batch_id)["learners"][0]["completionPercentage"] == 25
