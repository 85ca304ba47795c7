"""The audit trail: acts on others, bulk reads and refusals are noted, readable by a command, bounded, and forgotten."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from lernbatch.figures import wire
from lernbatch.figures.model import Position
from lernbatch.routes import ROUTES
from lernbatch.web import audit
from lernbatch.web.audit import AUDITED, Refusals
from tests.cli.commands import Installation
from tests.learning import complete, enrol, enrolled, known_learner, new_batch, new_learner, states
from tests.people import MEERA, RAVI, VIKRAM, Person
from tests.rows import enrolled as seeded
from tests.running import Running, running
from tests.seeds import COURSE


def notes(service: Running, **columns: object) -> list[Any]:
    """The notes with these columns, the newest first."""
    rows = service.sql("SELECT * FROM audit ORDER BY audit_id DESC")
    return [row for row in rows if all(row[name] == value for name, value in columns.items())]


def count(service: Running) -> int:
    rows: list[Any] = service.sql("SELECT count(*) FROM audit")
    return int(rows[0][0])


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, module_dsn: str) -> Iterator[Running]:
    """A service that knows a proxy, and whose refusals no other test adds to."""
    with running(tmp_path_factory.mktemp("audited"), module_dsn, trusted_proxies="127.0.0.1") as service:
        yield service


def test_every_audited_path_is_a_route() -> None:
    assert set(AUDITED) <= {route.path for route in ROUTES}


def test_an_act_on_others_is_noted_with_who_whom_where_and_request(service: Running) -> None:
    learner, batch_id = known_learner(service), new_batch(service)
    request = {"userIds": [learner.user_id]}
    headers = {"X-Request-ID": f"r-{learner.user_id}"}
    path = f"/v1/course/batch/users/add/{batch_id}"
    assert service.call("POST", path, VIKRAM, request, headers=headers).status_code == 200
    (note,) = notes(service, about=batch_id)
    assert (note["what"], note["outcome"], note["who"]) == ("enrolment.enrol", "done", VIKRAM.user_id)
    assert (note["whom"], note["from_address"], note["request_id"]) == (
        [learner.user_id],
        "127.0.0.1",
        f"r-{learner.user_id}",
    )


def test_an_act_that_is_refused_is_noted_as_refused(service: Running) -> None:
    learner, batch_id = known_learner(service), new_batch(service)
    path = f"/v1/course/batch/users/add/{batch_id}"
    assert service.call("POST", path, RAVI, {"userIds": [learner.user_id]}).status_code in (401, 403)
    (note,) = notes(service, about=batch_id)
    assert (note["outcome"], note["who"]) == ("refused", RAVI.user_id)


@pytest.mark.parametrize("act", ["add", "remove"])
def test_of_several_people_the_trail_tells_for_whom_an_act_was_refused(service: Running, act: str) -> None:
    learner, foreign, batch_id = known_learner(service), new_learner(), new_batch(service, enrollmentType="invite-only")
    if act == "remove":
        seeded(service, batch_id, learner)
    path = f"/v1/course/batch/users/{act}/{batch_id}"
    for people in ([learner, foreign], [foreign]):
        request = {"userIds": [person.user_id for person in people]}
        headers = {"X-Request-ID": f"{act}-{len(people)}-{learner.user_id}"}
        assert service.call("POST", path, VIKRAM, request, headers=headers).status_code == 200
        told = {(note["outcome"], *note["whom"]) for note in notes(service, request_id=headers["X-Request-ID"])}
        done = {("done", learner.user_id)} if learner in people else set()
        assert told == {("refused", foreign.user_id)} | done


def test_an_act_done_to_the_last_of_many_is_no_refusal(service: Running) -> None:
    learner, batch_id = known_learner(service), new_batch(service)
    user_ids = [f"unknown-{number}" for number in range(audit.MOST_PEOPLE)] + [learner.user_id]
    path = f"/v1/course/batch/users/add/{batch_id}"
    assert service.call("POST", path, VIKRAM, {"userIds": user_ids}).status_code == 200
    told = {note["outcome"]: note["whom"] for note in notes(service, about=batch_id)}
    assert told == {"done": [learner.user_id], "refused": user_ids[: audit.MOST_PEOPLE]}


@pytest.mark.parametrize(("edata", "what"), [({}, "account.delete"), ({"erase": True}, "account.erase")])
def test_ending_an_account_is_noted(service: Running, edata: dict[str, Any], what: str) -> None:
    learner = new_learner()
    sent = {"edata": {"userId": learner.user_id, **edata}}
    assert service.http.post("/private/v1/user/account/delete", json=sent).status_code == 200
    assert [note["what"] for note in notes(service, whom=[learner.user_id])] == [what]


def test_merging_accounts_is_noted(service: Running) -> None:
    old, new = new_learner(), known_learner(service)
    edata = {"fromAccountId": old.user_id, "toAccountId": new.user_id}
    assert service.http.post("/private/v1/user/account/merge", json={"edata": edata}).status_code == 200
    assert [note["what"] for note in notes(service, whom=[old.user_id, new.user_id])] == ["account.merge"]


def test_a_list_of_many_people_is_a_read_that_is_noted(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MANY_PEOPLE", 2)
    batch_id = new_batch(service)

    def read(person: Person) -> None:
        request = {"batch": {"batchId": batch_id, "active": True}}
        assert service.call("POST", "/v1/batch/participants/list", person, request).status_code == 200

    enrolled(service, batch_id)
    read(VIKRAM)
    assert notes(service, about=batch_id) == []
    enrolled(service, batch_id)
    read(VIKRAM)
    read(MEERA)  # who sees nobody but herself
    assert [note["what"] for note in notes(service, about=batch_id)] == ["batch.participants"]


def test_a_list_of_many_people_is_noted_in_whatever_pages_and_by_whatever_call_it_is_read(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "MANY_PEOPLE", 3)
    batch_id = new_batch(service, mentors=[MEERA.user_id])
    for _ in range(4):
        enrolled(service, batch_id)
    ids = {"batchId": batch_id}
    cursor = wire.show_cursor(Position(0, 0, ""), wire.read_learners(ids))  # of no page
    by_id = {"filters": ids, "fields": ["batchId"]}
    ends = {"courseId": COURSE, "id": batch_id, "startDate": service.clock.today().isoformat(), "leavePolicy": "never"}
    for what, path, request in (
        ("batch.participants", "/v1/batch/participants/list", {"batch": {**ids, "active": True, "limit": 1}}),
        ("batch.participants", "/v1/batch/participants/list", {"batch": {**ids, "active": True, "offset": 3}}),
        ("batch.participants", "/v1/course/batch/search?fields=participants", by_id),
        ("batch.learners", "/v1/course/batch/learners", {**ids, "limit": 1}),
        ("batch.learners", "/v1/course/batch/learners", {**ids, "limit": 1, "cursor": cursor}),
        ("batch.preview", "/v1/course/batch/preview", ends),
        ("bulk.plan", "/v1/batch/roster/plan", {**ids, "userIds": []}),
    ):
        service.sql("DELETE FROM audit WHERE about = $1", batch_id)
        answer = service.call("POST", path, VIKRAM, request)
        assert answer.status_code == 200, answer.text
        assert [note["what"] for note in notes(service, about=batch_id)] == [what], path
    # Of who does not manage the batch nobody reads.
    service.sql("DELETE FROM audit WHERE about = $1", batch_id)
    service.call("POST", "/v1/course/batch/search?fields=participants", RAVI, by_id)
    service.call("POST", "/v1/batch/participants/list", RAVI, {"batch": {**ids, "active": True}})
    assert notes(service, about=batch_id) == []


def test_a_learner_s_own_calls_leave_no_note(service: Running) -> None:
    batch_id, learner = new_batch(service), new_learner()
    before = count(service)
    enrol(service, learner, batch_id)
    complete(service, learner, batch_id)
    states(service, learner, batch_id)
    assert count(service) == before


def test_a_refused_user_is_noted_and_nobody_is_counted(alone: Running) -> None:
    path = "/v1/course/batch/create"
    assert alone.call("POST", path, new_learner(), {}).status_code == 403
    assert [note["what"] for note in notes(alone, outcome="refused")] == [f"POST {path}"]
    before = count(alone)
    for _ in range(30):
        assert alone.call("POST", path, None, {}).status_code == 401
        forged = alone.call("POST", path, None, {}, headers={"X-Authenticated-User-Token": "a.b.c"})
        assert forged.status_code == 401
    assert count(alone) == before
    alone.run(audit.note_counted(alone.services))
    assert [note["times"] for note in notes(alone, who=None, what=f"POST {path}")] == [60]


def test_a_wrong_machine_key_and_a_private_route_from_outside_are_counted(alone: Running) -> None:
    wrong = {"X-Authenticated-Client-Id": "portal", "X-Authenticated-Client-Token": "guessed"}
    assert alone.call("GET", "/v1/course/batch/read/1", None, headers=wrong).status_code == 401
    outside = {"X-Forwarded-For": "203.0.113.9"}
    assert alone.call("GET", "/private/v1/user/courses/list/u-1", None, headers=outside).status_code == 403
    alone.run(audit.note_counted(alone.services))
    told = {note["what"] for note in notes(alone, who=None)}
    assert {"GET /v1/course/batch/read/{batch_id}", "GET /private/v1/user/courses/list/{user_id}"} <= told


def test_behind_a_trusted_proxy_the_address_is_the_client_s(alone: Running) -> None:
    learner = new_learner()
    headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}
    alone.call("POST", "/v1/course/batch/create", learner, {}, headers=headers)
    assert [note["from_address"] for note in notes(alone, who=learner.user_id)] == ["203.0.113.7"]


def test_a_flood_of_refusals_writes_a_bounded_number_of_notes() -> None:
    refusals = Refusals()
    told = sum(refusals.is_told(f"GET /{place % 700}", is_known=True) for place in range(50_000))
    told += sum(refusals.is_told(f"POST /{place % 700}", is_known=False) for place in range(50_000))
    assert told <= audit.REFUSALS_PER_MINUTE
    assert len(refusals.counted) <= audit.REFUSALS_PER_MINUTE + 1
    assert refusals.counted.total() + told == 100_000


def test_texts_and_people_of_a_note_are_bounded(service: Running) -> None:
    batch_id = new_batch(service)
    ids = [f"{place}-{'x' * 200}" for place in range(150)]
    service.call("POST", f"/v1/course/batch/users/add/{batch_id}", VIKRAM, {"userIds": ids})
    (note,) = notes(service, about=batch_id)
    assert (len(note["whom"]), max(map(len, note["whom"]))) == (100, 200)


def test_old_notes_are_forgotten(alone: Running) -> None:
    alone.call("POST", "/v1/course/batch/create", new_learner(), {})
    assert count(alone)
    alone.clock.ahead = timedelta(days=alone.config.audit_days + 1)
    try:
        while alone.run(audit.forget_old(alone.services)):
            pass
    finally:
        alone.clock.ahead = timedelta()
    assert count(alone) == 0


def test_batches_handed_over_by_a_command_are_noted(alone: Running, installation: Installation) -> None:
    leaving, successor, batch_id = new_learner(), known_learner(alone), new_batch(alone)
    alone.sql("UPDATE batch SET created_by = $2 WHERE batch_id = $1", batch_id, leaving.user_id)
    done = installation.run("batch", "transfer", leaving.user_id, successor.user_id)
    assert "handed over: 1." in done.stdout, done.stderr
    (note,) = notes(alone, what="batch.transfer", who="operator")
    assert (note["outcome"], note["whom"]) == ("done", [leaving.user_id, successor.user_id])


def test_the_trail_is_read_by_a_command_with_filters(own_installation: Installation) -> None:
    installation = own_installation
    for user_id in ("u-one", "u-two"):
        assert installation.run("account", "delete", user_id).returncode == 0
    lines = installation.run("audit", "--json").stdout.splitlines()
    assert [json.loads(line)["whom"] for line in lines] == [["u-two"], ["u-one"]]
    shown = json.loads(installation.run("audit", "--json", "--whom", "u-one", "--who", "operator").stdout)
    assert (shown["what"], shown["outcome"], shown["times"]) == ("account.delete", "done", 1)
    assert datetime.fromisoformat(shown["at"]).utcoffset() == timedelta()
    assert "u-two" in installation.run("audit", "--what", "account", "--limit", "1").stdout
    for filters in (("--who", "nobody"), ("--what", "certificate"), ("--since", "2999-01-01")):
        assert installation.run("audit", *filters).stdout == ""
