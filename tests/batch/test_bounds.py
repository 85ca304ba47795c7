"""Every text and list of a batch has a bound, and so has what is made of them for others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lernbatch.batch import events, model
from lernbatch.jobs.outbox.events import CONTENT
from tests import rows
from tests.batch.calls import change, create, creation, day, read, stored
from tests.learning import refusal
from tests.people import VIKRAM
from tests.running import Running, running
from tests.seeds import COURSE

LETTERS = ["x", "क", "😀"]
LONG = {"name": model.LONGEST_NAME, "description": model.LONGEST_DESCRIPTION}


@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize("field", LONG)
def test_a_text_at_its_bound_is_kept_and_one_beyond_it_refused(service: Running, field: str, letter: str) -> None:
    longest: Any = letter * LONG[field]
    batch_id = create(service, **{field: longest})
    assert read(service, batch_id)[field] == longest
    before = stored(service)
    refused = (400, "INVALID_REQUESTED_DATA", f"{field} has more than {LONG[field]} characters.")
    too_long: list[Any] = [longest + letter, letter * 200_000]
    for value in too_long:
        assert refusal(creation(service, **{field: value})) == refused
        assert refusal(change(service, batch_id, **{field: value})) == refused
    assert stored(service) == before
    assert read(service, batch_id)[field] == longest


@pytest.mark.parametrize("field", ["createdFor", "mentors"])
@pytest.mark.parametrize(
    ("value", "text"),
    [(["x" * 257], "has more than 256 characters."), (["x"] * 501, "has more than 500 entries.")],
)
def test_a_list_and_its_ids_have_bounds(service: Running, field: str, value: Any, text: str) -> None:
    batch_id = create(service)
    for answer in (creation(service, **{field: value}), change(service, batch_id, **{field: value})):
        assert refusal(answer) == (400, "INVALID_REQUESTED_DATA", f"{field} {text}")


@pytest.mark.parametrize("key", ["courseId", "collectionId"])
def test_the_id_of_a_course_has_a_bound(service: Running, key: str) -> None:
    ids: dict[str, Any] = {"courseId": "x" * 257} if key == "courseId" else {"collectionId": "x" * 257}
    request = {"name": "A", "enrollmentType": "open", "startDate": day(service), **ids}
    answer = service.call("POST", "/v1/course/batch/create", VIKRAM, request)
    assert refusal(answer) == (400, "INVALID_REQUESTED_DATA", "courseId has more than 256 characters.")


def test_a_clone_has_the_bounds_of_a_new_batch(service: Running) -> None:
    request = {"batchId": create(service), "startDate": day(service), "name": "x" * 501}
    answer = service.call("POST", "/v1/course/batch/clone", VIKRAM, request)
    assert refusal(answer) == (400, "INVALID_REQUESTED_DATA", "name has more than 500 characters.")


def listed(service: Running) -> tuple[int, list[dict[str, Any]]]:
    """The latest list of the course's batches: its size in bytes, and what is in it."""
    row = service.sql(
        "SELECT payload FROM outbox WHERE destination = $1 AND key = $2 ORDER BY event_id DESC LIMIT 1", CONTENT, COURSE
    )[0]
    return len(msgspec.json.encode(row["payload"])), row["payload"]["batches"]


@pytest.fixture
def alone(dsn: str, tmp_path: Path) -> Iterator[Running]:
    """A service whose course has no other batches than the test's."""
    with running(tmp_path, dsn) as service:
        yield service


def test_long_names_from_before_there_was_a_bound_block_no_course(alone: Running) -> None:
    old = [create(alone) for _ in range(3)]
    rows.long_texts(alone, *old)
    newest = create(alone)
    size, batches = listed(alone)
    assert size < events.LISTED_BYTES * 1.1
    shown = {batch["batchId"]: batch for batch in batches}
    assert {len(shown[batch_id]["name"]) for batch_id in old} == {model.LONGEST_NAME}
    assert len(shown[old[0]]["createdFor"]) == model.MOST_ORGANISATIONS
    assert newest in shown


def test_the_list_of_a_course_with_very_many_batches_is_of_the_newest_and_stays_small(alone: Running) -> None:
    rows.many_batches(alone, 3000, name="क" * 500)
    newest = create(alone)
    size, batches = listed(alone)
    assert size < events.LISTED_BYTES * 1.1
    assert batches[-1]["batchId"] == newest
    assert len(batches) > 100
