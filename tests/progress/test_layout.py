"""How states are stored: as text, or as rows of before have them; both are read, each write leaves text."""

from __future__ import annotations

import json

import asyncpg
import pytest

from tests.learning import enrolled, item, new_batch, report, row, states
from tests.people import Person
from tests.running import Running
from tests.seeds import BOOK, VIDEO


@pytest.fixture
def asha(service: Running) -> tuple[Person, str]:
    """A learner whose row a version of before has written, and the batch."""
    batch_id = new_batch(service)
    learner = enrolled(service, batch_id)
    report(service, learner, item(batch_id, VIDEO, 2), item(batch_id, BOOK, 1))
    service.sql(
        "UPDATE enrolment SET states = states_text::jsonb, states_text = NULL WHERE user_id = $1", learner.user_id
    )
    return learner, batch_id


def shown(service: Running, asha: tuple[Person, str]) -> list[object]:
    learner, batch_id = asha
    views = [
        service.sql(f"SELECT * FROM {view} WHERE user_id = $1 ORDER BY content_id", learner.user_id)
        for view in ("content_state", "analyst.content_state")
    ]
    listed = service.call("GET", f"/v1/user/courses/list/{learner.user_id}", learner).json()["result"]
    return [states(service, learner, batch_id), listed["courses"][0]["contentStatus"], views]


def test_a_row_of_before_is_read_and_becomes_text_when_it_is_written(
    service: Running, asha: tuple[Person, str]
) -> None:
    learner, batch_id = asha
    before = shown(service, asha)
    assert report(service, learner, item(batch_id, BOOK, 2)).json()["result"] == {BOOK: "SUCCESS"}
    stored = row(service, learner, batch_id)
    assert (stored["states_text"][:2], set(stored["states"])) == ('{"', {VIDEO, BOOK})
    (old,) = service.sql("SELECT states FROM enrolment WHERE user_id = $1", learner.user_id)
    assert old["states"] is None
    service.sql(
        "UPDATE enrolment SET states = states_text::jsonb, states_text = NULL WHERE user_id = $1", learner.user_id
    )
    as_jsonb = shown(service, asha)
    service.sql("UPDATE enrolment SET states_text = states::text, states = NULL WHERE user_id = $1", learner.user_id)
    assert shown(service, asha) == as_jsonb != before


def test_a_process_of_before_cannot_write_over_what_is_text(service: Running, asha: tuple[Person, str]) -> None:
    learner, batch_id = asha
    report(service, learner, item(batch_id, BOOK, 2))
    with pytest.raises(asyncpg.CheckViolationError, match="enrolment_states"):
        service.sql("UPDATE enrolment SET states = '{}' WHERE user_id = $1", learner.user_id)


def test_contents_stand_in_one_order_whatever_was_reported_first(service: Running) -> None:
    batch_id = new_batch(service)
    learners = [enrolled(service, batch_id), enrolled(service, batch_id)]
    contents = [item(batch_id, content_id, 1) for content_id in (VIDEO, BOOK, "do_9", "do_stray")]
    for learner, order in zip(learners, (contents, contents[::-1]), strict=True):
        for sent in order:
            report(service, learner, sent)
    first, second = (row(service, learner, batch_id)["states_text"] for learner in learners)
    assert [*json.loads(first)] == [*json.loads(second)] == ["do_9", "do_stray", VIDEO, BOOK]
