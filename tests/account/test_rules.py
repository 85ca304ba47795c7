"""The rules of merging accounts, as tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lernbatch.account import rules
from lernbatch.account.model import EnrolmentRow
from lernbatch.progress.model import STATES

EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
STARTED, COMPLETED = "[1,50,1,0,1000,null,1000]", "[2,100,1,1,2000,2000,2000]"
SOURCE = EnrolmentRow("from", "b", "do_1", True, None, "self", EARLY, 0, 0, 0, None, "{}", [])
TARGET = replace(SOURCE, user_id="into", added_by="mentor", added_how="hand", enrolled_at=LATE)


@pytest.mark.parametrize(
    ("source", "target", "field", "merged"),
    [
        ({"active": True}, {"active": False}, "active", True),
        ({"active": False}, {"active": True}, "active", True),
        ({"active": False}, {"active": False}, "active", False),
        ({"enrolled_at": EARLY}, {"enrolled_at": LATE}, "enrolled_at", EARLY),
        ({"enrolled_at": LATE}, {"enrolled_at": EARLY}, "enrolled_at", EARLY),
        ({"status": 2}, {"status": 1}, "status", 2),
        ({"status": 0}, {"status": 1}, "status", 1),
        ({"completed_at": LATE}, {"completed_at": None}, "completed_at", LATE),
        ({"completed_at": LATE}, {"completed_at": EARLY}, "completed_at", EARLY),
        ({"completed_at": None}, {"completed_at": None}, "completed_at", None),
        # What is said of the enrolment itself stays the target's.
        ({"added_how": "self"}, {"added_how": "hand"}, "added_how", "hand"),
        ({"added_by": "x"}, {"added_by": "mentor"}, "added_by", "mentor"),
        # These follow from the states and are recomputed afterwards.
        ({"progress": 5}, {"progress": 1}, "progress", 1),
        ({"percentage": 90}, {"percentage": 10}, "percentage", 10),
    ],
)
def test_each_field_of_two_enrolments_is_merged(
    source: dict[str, Any], target: dict[str, Any], field: str, merged: Any
) -> None:
    row = rules.merged(replace(SOURCE, **source), replace(TARGET, **target), "into")
    assert getattr(row, field) == merged
    assert (row.user_id, row.batch_id) == ("into", "b")


@pytest.mark.parametrize(
    ("source", "target", "statuses"),
    [
        ("{}", "{}", {}),
        (f'{{"a":{STARTED}}}', "{}", {"a": 1}),
        ("{}", f'{{"a":{STARTED}}}', {"a": 1}),
        (f'{{"a":{COMPLETED}}}', f'{{"a":{STARTED}}}', {"a": 2}),
        (f'{{"a":{STARTED}}}', f'{{"a":{COMPLETED}}}', {"a": 2}),
        (f'{{"a":{STARTED}}}', f'{{"b":{COMPLETED}}}', {"a": 1, "b": 2}),
    ],
)
def test_a_content_keeps_the_farther_state_of_the_two(source: str, target: str, statuses: dict[str, int]) -> None:
    row = rules.merged(replace(SOURCE, states=source), replace(TARGET, states=target), "into")
    assert {content_id: state.status for content_id, state in STATES.decode(row.states).items()} == statuses


@pytest.mark.parametrize(
    ("source", "target", "superseded", "merged"),
    [
        ([], [], [], []),
        (["1"], [], [], ["1"]),
        ([], ["2"], [], ["2"]),
        (["1"], ["2"], [], ["2", "1"]),
        (["1"], ["2"], ["1"], ["2"]),
        (["1", "3"], ["1"], [], ["1", "3"]),  # the same one, which came over before
    ],
)
def test_certificates_of_both_are_listed_once(
    source: list[str], target: list[str], superseded: list[str], merged: list[str]
) -> None:
    row = rules.merged(
        replace(SOURCE, certificates=[{"identifier": identifier} for identifier in source]),
        replace(TARGET, certificates=[{"identifier": identifier} for identifier in target]),
        "into",
        superseded,
    )
    assert rules.certificate_ids([row]) == merged


def test_where_the_target_was_never_enrolled_it_gets_the_enrolment_as_it_is() -> None:
    assert rules.merged(SOURCE, None, "into") == replace(SOURCE, user_id="into")


def test_a_merge_can_be_done_twice() -> None:
    source = replace(SOURCE, states=f'{{"a":{COMPLETED}}}', status=2, completed_at=EARLY)
    once = rules.merged(source, TARGET, "into")
    assert rules.merged(source, once, "into") == once
