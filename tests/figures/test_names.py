"""Finding learners by their names, which are sealed; and by their place among those who came farthest."""

from __future__ import annotations

import itertools
import os

import pytest

from lernbatch.figures.rules import ranks_of
from lernbatch.person import jobs, names
from lernbatch.sealing import KeyRing, Seal
from tests.figures.calls import figures, listed
from tests.learning import complete, enrol, known_learner, new_batch, refusal
from tests.people import VIKRAM
from tests.running import Running
from tests.seeds import BOOK, VIDEO

PEOPLE = ("Lalrinzuala Pachuau", "कविता यादव", "செந்தில் குமரன்", "فرحانہ انصاری", "José D'Souza-Naik", "Kavita Rao")


def test_two_letters_of_any_word_in_any_script_find_a_learner_k22(service: Running) -> None:
    batch_id = new_batch(service)
    people = {name: known_learner(service, name) for name in PEOPLE}
    for person in people.values():
        enrol(service, person, batch_id)

    def found(text: str) -> set[str]:
        answer = listed(service, batch_id, filters={"name": text})
        assert answer["namesKnown"]
        assert answer["count"] == len(answer["learners"])
        by_id = {person.user_id: name for name, person in people.items()}
        return {by_id[learner["userId"]] for learner in answer["learners"]}

    for text, name in {
        "la": PEOPLE[0],
        "PACHUAU": PEOPLE[0],
        "lalrinzuala pach": PEOPLE[0],
        "या": PEOPLE[1],
        "कवि": PEOPLE[1],
        "கும": PEOPLE[2],
        "செ": PEOPLE[2],
        "انصاري": PEOPLE[3],
        "jose": PEOPLE[4],
        "Nai": PEOPLE[4],
        "ra kav": PEOPLE[5],
        people[PEOPLE[1]].user_id: PEOPLE[1],
    }.items():
        assert found(text) == {name}, text
    assert found("kumar") == set()
    assert found("avita") == set()
    # What is kept of the names says nothing of them.
    rows = service.sql("SELECT name_marks FROM profile WHERE user_id = $1", people[PEOPLE[5]].user_id)
    assert all(0 <= mark < 2**48 for mark in rows[0]["name_marks"])
    for text in ("k", "", "- .", "x" * 201):
        answer = service.call(
            "POST", "/v1/course/batch/learners", VIKRAM, {"batchId": batch_id, "filters": {"name": text}}
        )
        assert refusal(answer)[:2] == (400, "INVALID_REQUEST"), text


def test_more_people_than_are_read_at_once_are_found_once_a_job_has_read_them(service: Running) -> None:
    batch_id = new_batch(service)
    service.sql(
        "INSERT INTO sandbox_person (user_id, first_name, last_name) SELECT 'many-' || n, 'Nila', 'Many'"
        " FROM generate_series(1, 501) AS n"
    )
    service.sql(
        "INSERT INTO enrolment (user_id, batch_id, course_id, active, enrolled_at, updated_at)"
        " SELECT 'many-' || n, $1, course_id, true, now(), now() FROM generate_series(1, 501) AS n, batch"
        " WHERE batch_id = $1",
        batch_id,
    )
    assert listed(service, batch_id, filters={"name": "nila"})["namesKnown"] is False
    while service.run(jobs.fetch_missing_profiles(service.services)):
        pass
    answer = listed(service, batch_id, filters={"name": "nila"})
    assert (answer["namesKnown"], answer["count"]) == (True, 501)


def test_names_that_an_older_key_has_marked_are_found() -> None:
    old, new = os.urandom(32), os.urandom(32)
    before, after = Seal(KeyRing({1: old})), Seal(KeyRing({1: old, 2: new}))
    stored = names.marks(before, "Asha Kulkarni")
    assert any(set(marks) <= set(stored) for marks in names.wanted(after, "kulk ash"))
    assert not any(set(marks) <= set(stored) for marks in names.wanted(after, "kulk ravi"))
    assert names.marks(after, "Asha") != names.marks(before, "Asha")


@pytest.mark.parametrize("learners", [1, 3, 159, 160, 161, 1146, 100_000])
def test_columns_of_the_picture_hold_everybody_once_k26(learners: int) -> None:
    columns = min(learners, 160)
    ranks = [ranks_of(column, columns, learners) for column in range(columns)]
    assert ranks[0][0] == 1
    assert ranks[-1][1] == learners
    assert all(last + 1 == first for (_, last), (first, _) in itertools.pairwise(ranks))
    for column, (first, last) in enumerate(ranks):  # as the statement that draws it has it
        assert {(rank - 1) * columns // learners for rank in (first, last)} == {column}


def test_a_place_in_the_picture_is_the_learners_of_that_rank_k26(service: Running) -> None:
    batch_id = new_batch(service)
    people = [known_learner(service) for _ in range(4)]
    for person in people:
        enrol(service, person, batch_id)
    complete(service, people[2], batch_id, VIDEO, BOOK)
    complete(service, people[1], batch_id, VIDEO)
    first = listed(service, batch_id, filters={"fromRank": 1, "toRank": 2})
    assert [learner["userId"] for learner in first["learners"]] == [people[2].user_id, people[1].user_id]
    assert first["count"] == 2
    rest = listed(service, batch_id, filters={"fromRank": 3, "toRank": 4})
    assert {learner["userId"] for learner in rest["learners"]} == {people[0].user_id, people[3].user_id}
    picture = figures(service, batch_id)["picture"]
    assert [column[0] for column in picture] == [learner["units"][0] for learner in first["learners"]] + [0, 0]
    for filters in ({"fromRank": 2}, {"fromRank": 3, "toRank": 2}, {"fromRank": 0, "toRank": 2}):
        answer = service.call("POST", "/v1/course/batch/learners", VIKRAM, {"batchId": batch_id, "filters": filters})
        assert answer.status_code == 400
