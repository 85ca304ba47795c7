"""Rosters as plans: what would be done, done exactly so, and undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lernbatch.config import Config
from sandbox.app import standalone
from tests.learning import complete, enrolled, new_batch, new_learner, refusal, row, unenrol
from tests.people import ASHA, IMRAN, KAVYA, MEERA, RAVI, VIKRAM, Person
from tests.running import Running, running, served
from tests.seeds import LEAF_NODES

ROSTER = "/v1/batch/roster"


def ask(service: Running, action: str, batch_id: str, *people: Person, by: Person = VIKRAM, **more: Any) -> Any:
    request = {"batchId": batch_id, "userIds": [person.user_id for person in people], **more}
    return service.call("POST", f"{ROSTER}/{action}", by, request)


def planned(service: Running, batch_id: str, *people: Person, **more: Any) -> dict[str, Any]:
    answer = ask(service, "plan", batch_id, *people, **more)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["result"])


def moves(plan: dict[str, Any]) -> dict[str, str]:
    return {one["userId"]: one["action"] for one in plan["people"]}


def test_a_plan_says_what_becomes_of_everybody_and_does_nothing(service: Running) -> None:
    batch_id = new_batch(service)
    stays, finished, back = (enrolled(service, batch_id) for _ in range(3))
    complete(service, finished, batch_id, *LEAF_NODES)
    unenrol(service, back, batch_id)
    service.sql("UPDATE enrolment SET user_id = $1 WHERE user_id = $2", MEERA.user_id, back.user_id)
    plan = planned(service, batch_id, ASHA, MEERA, IMRAN, removeByHand=True)
    assert moves(plan) == {
        ASHA.user_id: "add",
        MEERA.user_id: "return",
        IMRAN.user_id: "invalid",
        stays.user_id: "remove",
        finished.user_id: "conflict",
    }
    assert plan["counts"] == {"add": 1, "return": 1, "keep": 0, "remove": 1, "conflict": 1, "invalid": 1}
    assert service.sql("SELECT 1 FROM enrolment WHERE user_id = $1 AND batch_id = $2", ASHA.user_id, batch_id) == []


def test_a_plan_is_applied_and_undone(service: Running) -> None:
    batch_id = new_batch(service)
    plan = planned(service, batch_id, ASHA)
    applied = ask(service, "apply", batch_id, ASHA, hash=plan["hash"]).json()["result"]
    assert (applied["added"], applied["returned"], applied["removed"]) == (1, 0, 0)
    second = planned(service, batch_id, KAVYA)
    assert moves(second) == {KAVYA.user_id: "add", ASHA.user_id: "remove"}
    changed = ask(service, "apply", batch_id, KAVYA, hash=second["hash"]).json()["result"]
    assert (row(service, ASHA, batch_id)["active"], row(service, KAVYA, batch_id)["active"]) == (False, True)
    undone = service.call("POST", f"{ROSTER}/undo", VIKRAM, {"changeId": changed["changeId"]})
    assert undone.json()["result"]["returned"] == 1
    assert (row(service, ASHA, batch_id)["active"], row(service, KAVYA, batch_id)["active"]) == (True, False)
    again = service.call("POST", f"{ROSTER}/undo", VIKRAM, {"changeId": changed["changeId"]})
    assert refusal(again)[1] == "ROSTER_ALREADY_UNDONE"


def test_a_plan_is_refused_when_the_world_has_changed(service: Running) -> None:
    batch_id = new_batch(service)
    plan = planned(service, batch_id, ASHA)
    enrolled(service, batch_id)
    assert refusal(ask(service, "apply", batch_id, ASHA, hash=plan["hash"]))[1] == "ROSTER_PLAN_OUTDATED"
    assert refusal(ask(service, "apply", batch_id, KAVYA, hash=plan["hash"]))[1] == "ROSTER_PLAN_OUTDATED"
    assert service.sql("SELECT 1 FROM enrolment WHERE user_id = $1 AND batch_id = $2", ASHA.user_id, batch_id) == []


def test_who_was_enrolled_by_hand_stays_unless_the_list_says_otherwise(service: Running) -> None:
    batch_id = new_batch(service)
    by_hand = enrolled(service, batch_id)
    assert moves(planned(service, batch_id))[by_hand.user_id] == "keep"
    assert moves(planned(service, batch_id, removeByHand=True))[by_hand.user_id] == "remove"
    assert moves(planned(service, batch_id, removeByHand=True, removeOthers=False))[by_hand.user_id] == "keep"


def test_seats_are_given_in_the_order_of_the_list(service: Running) -> None:
    batch_id = new_batch(service, capacity=1)
    assert moves(planned(service, batch_id, KAVYA, ASHA)) == {KAVYA.user_id: "add", ASHA.user_id: "conflict"}


def test_a_stranger_makes_no_plan(service: Running) -> None:
    batch_id = new_batch(service)
    assert ask(service, "plan", batch_id, ASHA, by=RAVI).status_code == 401
    missing = service.call("POST", f"{ROSTER}/undo", VIKRAM, {"changeId": "nothing"})
    assert missing.status_code == 404


def test_a_plan_bounds_its_calls_to_the_user_service(dsn: str, tmp_path: Path) -> None:
    """Where people are read one by one, as the platform's user service has it."""
    with (
        served(standalone(Config(home=tmp_path), dsn)) as user_org_url,
        running(tmp_path, dsn, user_org_url=user_org_url, upstream_calls_per_request=10) as service,
    ):
        batch_id, people = new_batch(service), [new_learner() for _ in range(11)]
        assert ask(service, "plan", batch_id, *people[1:]).status_code == 200
        refused = refusal(ask(service, "plan", batch_id, *people))
        assert refused[:2] == (400, "ROSTER_TOO_MANY_NEW_LEARNERS")
