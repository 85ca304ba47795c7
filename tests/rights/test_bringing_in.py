"""Whom one may bring into a batch, by whatever door; and for which organisations one may make batches."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lernbatch.bulk import actions as roster
from tests.batch.calls import CREATE, change, creation, creation_request
from tests.learning import known_learner, new_batch, new_learner, refusal
from tests.people import ADMIN, ASHA, HOME_ORG, IMRAN, MEERA, OTHER_ORG, PLATFORM, RAVI, VIKRAM, Person
from tests.running import Running, running
from tests.seeds import COURSE

NOT_TO_BRING = "User does not belongs to any org ."
BOTH_ADMIN = Person("0b1e3c5a-0000-4000-8000-00000000b07a", "Both", "A", OTHER_ORG, ("PUBLIC", "ORG_ADMIN"))


def by_users_add(service: Running, batch_id: str, learner: Person, by: Person) -> str:
    path = f"/v1/course/batch/users/add/{batch_id}"
    answer = service.call("POST", path, by, {"userIds": [learner.user_id]})
    return str(answer.json()["result"][learner.user_id])


def by_gateway(service: Running, batch_id: str, learner: Person, by: Person) -> str:
    path = f"/api/course/v1/batch/user/add/{batch_id}"
    answer = service.call("POST", path, by, {"userIds": [learner.user_id]})
    return str(answer.json()["result"][learner.user_id])


def by_admin_enrol(service: Running, batch_id: str, learner: Person, by: Person) -> str:
    request = {"courseId": COURSE, "batchId": batch_id, "userId": learner.user_id}
    answer = service.call("POST", "/v1/course/admin/enroll", by, request)
    return "SUCCESS" if answer.status_code == 200 else str(answer.json()["params"]["errmsg"])


def by_file(service: Running, batch_id: str, learner: Person, by: Person) -> str:
    text = f"batchId,userIds\n{batch_id},{learner.user_id}\n"
    answer = service.call("POST", "/v1/batch/bulk/enrollment", by, {"data": text})
    process_id = answer.json()["result"]["processId"]
    while service.run(roster.work_on_next(service.services)):
        pass
    shown = service.call("GET", f"/v1/upload/status/{process_id}", by).json()["result"]["response"][0]
    lines = json.loads(shown["successResult"]) + json.loads(shown["failureResult"])
    (told,) = (person[learner.user_id] for line in lines for person in line[batch_id])
    return str(told)


def by_plan(service: Running, batch_id: str, learner: Person, by: Person) -> str:
    request = {"batchId": batch_id, "userIds": [learner.user_id], "removeOthers": False}
    plan = service.call("POST", "/v1/batch/roster/plan", by, request).json()["result"]
    service.call("POST", "/v1/batch/roster/apply", by, {**request, "hash": plan["hash"]})
    (person,) = (one for one in plan["people"] if one["userId"] == learner.user_id)
    told = "is not known to the user service, or belongs to none of the batch's organisations"
    return NOT_TO_BRING if person["reason"] == told else "SUCCESS"


DOORS = [by_users_add, by_gateway, by_admin_enrol, by_file, by_plan]
Door = Callable[[Running, str, Person, Person], str]


def is_in(service: Running, batch_id: str, learner: Person) -> bool:
    return bool(
        service.sql("SELECT FROM enrolment WHERE batch_id = $1 AND user_id = $2 AND active", batch_id, learner.user_id)
    )


def people(service: Running) -> dict[str, Person]:
    return {
        "own": known_learner(service),
        "foreign": known_learner(service, org_id=OTHER_ORG),
        "without an organisation": known_learner(service, org_id=""),
        "blocked": known_learner(service, status=0),
        "deleted": known_learner(service, status=2),
        "unknown": new_learner(),
        "a formula": Person("=HYPERLINK('https://elsewhere.example')", "A", "B"),
    }


@pytest.mark.parametrize("door", DOORS)
def test_only_active_people_of_the_batchs_organisations_come_in_and_others_are_told_alike(
    service: Running, door: Door
) -> None:
    batch_id = new_batch(service, enrollmentType="invite-only", mentors=[MEERA.user_id])
    for by in (VIKRAM, MEERA, ADMIN):
        for kind, learner in people(service).items():
            told = door(service, batch_id, learner, by)
            assert (told, is_in(service, batch_id, learner)) == (
                ("SUCCESS", True) if kind == "own" else (NOT_TO_BRING, False)
            ), (kind, by)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("end", [{}, {"erase": True}])
def test_an_account_that_ended_here_stays_out_while_the_user_service_still_calls_it_active(
    service: Running, door: Door, end: dict[str, bool]
) -> None:
    batch_id = new_batch(service, enrollmentType="invite-only")
    deleted, merged, stays = (known_learner(service) for _ in range(3))
    service.call("POST", "/private/v1/user/account/delete", None, {"userId": deleted.user_id, **end})
    accounts = {"fromAccountId": merged.user_id, "toAccountId": stays.user_id}
    service.call("POST", "/private/v1/user/account/merge", None, accounts)
    for by in (VIKRAM, PLATFORM):
        for learner in (deleted, merged):
            told = door(service, batch_id, learner, by)
            assert (told, is_in(service, batch_id, learner)) == (NOT_TO_BRING, False)
    assert door(service, batch_id, stays, VIKRAM) == "SUCCESS"


@pytest.mark.parametrize("door", DOORS)
def test_an_administrator_brings_in_people_of_every_organisation_that_he_administers(
    service: Running, door: Door
) -> None:
    batch_id = new_batch(service, enrollmentType="invite-only")
    service.sql("UPDATE batch SET mentors = $2 WHERE batch_id = $1", batch_id, [BOTH_ADMIN.user_id])
    foreign, third = known_learner(service, org_id=OTHER_ORG), known_learner(service, org_id="third")
    assert door(service, batch_id, foreign, BOTH_ADMIN) == "SUCCESS"
    assert door(service, batch_id, third, BOTH_ADMIN) == NOT_TO_BRING
    assert door(service, batch_id, third, PLATFORM) == "SUCCESS"
    assert door(service, batch_id, new_learner(), PLATFORM) == NOT_TO_BRING


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("setting", ["enrol_across_organisations", "ownership_enforced"])
def test_a_platform_may_enrol_across_organisations(dsn: str, tmp_path: Path, door: Door, setting: str) -> None:
    with running(tmp_path, dsn, **{setting: setting == "enrol_across_organisations"}) as service:
        batch_id = new_batch(service, enrollmentType="invite-only")
        assert door(service, batch_id, IMRAN, VIKRAM) == "SUCCESS"
        assert door(service, batch_id, new_learner(), VIKRAM) == NOT_TO_BRING


def test_a_batch_without_organisations_is_for_those_of_whoever_asks(service: Running) -> None:
    batch_id = new_batch(service, createdFor=[])
    assert by_users_add(service, batch_id, known_learner(service), VIKRAM) == "SUCCESS"
    assert by_users_add(service, batch_id, known_learner(service, org_id=OTHER_ORG), VIKRAM) == NOT_TO_BRING
    assert by_plan(service, batch_id, known_learner(service, org_id=OTHER_ORG), VIKRAM) == NOT_TO_BRING


def test_undoing_brings_back_only_whom_one_may_bring_in_today(service: Running) -> None:
    batch_id = new_batch(service)
    stays, deleted, moved = (known_learner(service) for _ in range(3))
    ids = [learner.user_id for learner in (stays, deleted, moved)]

    def apply(user_ids: list[str]) -> str:
        request = {"batchId": batch_id, "userIds": user_ids}
        plan = service.call("POST", "/v1/batch/roster/plan", VIKRAM, request).json()["result"]
        done = service.call("POST", "/v1/batch/roster/apply", VIKRAM, {**request, "hash": plan["hash"]})
        return str(done.json()["result"]["changeId"])

    apply(ids)
    change_id = apply([])
    service.sql("UPDATE sandbox_person SET status = 2 WHERE user_id = $1", deleted.user_id)
    service.sql("UPDATE sandbox_person SET org_id = $2 WHERE user_id = $1", moved.user_id, OTHER_ORG)
    undone = service.call("POST", "/v1/batch/roster/undo", VIKRAM, {"changeId": change_id}).json()["result"]
    assert undone["returned"] == 1
    assert [is_in(service, batch_id, learner) for learner in (stays, deleted, moved)] == [True, False, False]


@pytest.mark.parametrize("organisations", [[OTHER_ORG], [HOME_ORG, OTHER_ORG]])
def test_batches_are_made_for_ones_own_organisations(service: Running, organisations: list[str]) -> None:
    before = service.sql("SELECT count(*) FROM batch")
    answer = creation(service, createdFor=organisations)
    assert refusal(answer) == (403, "FORBIDDEN", "A batch can be made only for your own organisations.")
    assert service.sql("SELECT count(*) FROM batch") == before
    batch_id = new_batch(service)
    assert change(service, batch_id, createdFor=organisations).status_code == 403
    assert change(service, batch_id, createdFor=[HOME_ORG]).status_code == 200
    # What a batch has already it keeps, also when a copy is made of it.
    service.sql("UPDATE batch SET created_for = $2 WHERE batch_id = $1", batch_id, organisations)
    assert change(service, batch_id, createdFor=organisations, name="kept").status_code == 200
    copy = {"batchId": batch_id, "startDate": service.clock.today().isoformat()}
    assert service.call("POST", "/v1/course/batch/clone", VIKRAM, copy).status_code == 200


def test_organisations_are_ones_own_by_the_token_or_by_the_user_service(service: Running) -> None:
    moved = Person(RAVI.user_id, "Ravi", "Das", HOME_ORG, ("PUBLIC", "CONTENT_CREATOR"))  # the token says so
    for organisations in ([HOME_ORG], [OTHER_ORG], [HOME_ORG, OTHER_ORG]):
        request = creation_request(service, createdFor=organisations)
        assert service.call("POST", CREATE, moved, request).status_code == 200
    nobody = Person("0b1e3c5a-0000-4000-8000-00000000dead", "No", "Body", HOME_ORG, ("PUBLIC", "CONTENT_CREATOR"))
    assert service.call("POST", CREATE, nobody, creation_request(service, createdFor=[OTHER_ORG])).status_code == 403


def test_an_administrator_of_the_platform_makes_batches_for_every_organisation(service: Running) -> None:
    creator = Person(PLATFORM.user_id, "Prabha", "Rao", "", (*PLATFORM.roles, "CONTENT_CREATOR"))
    request = creation_request(service, createdFor=[HOME_ORG, OTHER_ORG])
    assert service.call("POST", CREATE, creator, request).status_code == 200


def test_a_platform_across_organisations_makes_batches_for_all(dsn: str, tmp_path: Path) -> None:
    with running(tmp_path, dsn, enrol_across_organisations=True) as service:
        assert creation(service, createdFor=[OTHER_ORG]).status_code == 200


def test_of_an_unknown_and_a_foreign_person_a_plan_says_the_same(service: Running) -> None:
    batch_id, foreign = new_batch(service), known_learner(service, org_id=OTHER_ORG)
    request: dict[str, Any] = {"batchId": batch_id, "userIds": [foreign.user_id, "no-such-person", ASHA.user_id]}
    plan = service.call("POST", "/v1/batch/roster/plan", VIKRAM, request).json()["result"]
    reasons = {person["userId"]: person["reason"] for person in plan["people"]}
    assert reasons[foreign.user_id] == reasons["no-such-person"] != reasons[ASHA.user_id]
