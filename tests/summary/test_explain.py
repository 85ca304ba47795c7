"""Why a learner is where he is."""

from __future__ import annotations

from typing import Any

from tests.learning import complete, enrolled, new_batch, new_learner, refusal
from tests.people import RAVI, VIKRAM, Person
from tests.running import Running
from tests.seeds import BOOK, EXTRA, PAGE, QUIZ, VIDEO


def explained(service: Running, batch_id: str, caller: Person, learner: Person | None = None) -> Any:
    named = "" if learner is None else f"&userId={learner.user_id}"
    return service.call("GET", f"/v1/course/enrollment/explain?batchId={batch_id}{named}", caller)


def test_it_says_what_is_done_and_what_is_missing(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    complete(service, asha, batch_id, VIDEO)
    found = explained(service, batch_id, asha).json()["result"]
    assert (found["status"], found["completionPercentage"]) == (1, 25)
    assert found["because"] == "1 of 4 required contents are completed"
    assert [one["contentId"] for one in found["missing"]] == [BOOK, QUIZ, PAGE]
    assert found["missing"][0]["name"] == "Zahlen"
    assert found["optional"] == [EXTRA]
    assert found["certificates"]["templates"] == []


def test_the_creator_may_ask_and_a_stranger_may_not(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    assert explained(service, batch_id, VIKRAM, asha).status_code == 200
    assert explained(service, batch_id, RAVI, asha).status_code == 401


def test_who_is_not_enrolled_is_told_so(service: Running) -> None:
    assert refusal(explained(service, new_batch(service), new_learner()))[1] == "USER_NOT_ENROLLED_COURSE"
    assert refusal(service.call("GET", "/v1/course/enrollment/explain", new_learner()))[1] == (
        "MANDATORY_PARAMETER_MISSING"
    )
