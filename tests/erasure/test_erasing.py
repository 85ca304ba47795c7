"""Erasing somebody: figures stay, the person goes, from every table; it goes on after a kill."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from lernbatch.credential import proof, status_list
from lernbatch.credential.keys import key_set
from lernbatch.erasure import actions
from lernbatch.ops import retention
from tests.certificate.cohort import Cohort, new_cohort
from tests.learning import ENROLMENT, known_learner, new_batch, new_learner, refusal, report
from tests.people import VIKRAM, Person
from tests.running import Running, running
from tests.seeds import COURSE, QUIZ, answer

DELETE = "/private/v1/user/account/delete"
KEPT_FOR_TOKENS = "ended_account"
OF_OTHERS = "sandbox_"


def erase(service: Running, person: Person) -> Any:
    sent = {"edata": {"action": "delete-user", "userId": person.user_id, "erase": True}}
    return service.http.post(DELETE, json=sent)


def finish(service: Running) -> None:
    while service.run(actions.erase_due(service.services)):
        pass


def traces(service: Running, user_id: str) -> dict[str, int]:
    """Table → how many of its rows have that id anywhere."""
    tables = service.sql(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    )
    counts = {
        table: service.sql(f"SELECT count(*) FROM {table} AS one WHERE one::text LIKE '%' || $1 || '%'", user_id)[0][0]
        for (table,) in tables
    }
    return {table: count for table, count in counts.items() if count and not table.startswith(OF_OTHERS)}


def plant(service: Running, person: Person, batch_id: str) -> None:
    """A row of that person in every table that may have one."""
    me, other = person.user_id, f"{person.user_id}0"  # an id that begins alike is somebody else's
    for statement in (
        'UPDATE enrolment SET added_by = $1, states_text = \'{"c": [2, 100, 1, 1, null, null, 5, [5, {"said": 1}]]}\','
        " states = NULL"
        " WHERE user_id = $1",
        f"INSERT INTO enrolment (user_id, batch_id, course_id, active, added_by, enrolled_at, updated_at)"
        f" VALUES ('{uuid4()}', '{batch_id}', 'c', true, $1, now(), now())",
        "INSERT INTO profile (user_id, status, fetched_at) VALUES ($1, 1, now())",
        "INSERT INTO consent (user_id, consumer_id, object_id, fetched_at) VALUES ($1, 'o', 'c', now())",
        f"INSERT INTO certificate_due (user_id, batch_id, due_at, reason) VALUES ($1, '{batch_id}', now(), 'asked')"
        f" ON CONFLICT DO NOTHING",
        f"UPDATE batch SET mentors = ARRAY[$1, 'x'] WHERE batch_id = '{batch_id}'",
        f"INSERT INTO bulk_process (process_id, kind, uploaded_by, uploaded_at, status, rows, people)"
        f" VALUES ('p-{me}x', 'batchLearnerEnrol', $1, now(), 3, 1, 1)".replace(f"p-{me}x", f"p{uuid4()}"),
        f"INSERT INTO bulk_row SELECT process_id, 1, 'b', $1 || ', {other}', $1 || ' is odd.' FROM bulk_process"
        f" WHERE uploaded_by = $1",
        "INSERT INTO bulk_person SELECT process_id, 1, 1, 'b', $1, 'No ' || $1 FROM bulk_process"
        " WHERE uploaded_by = $1",
        f"INSERT INTO roster_change (change_id, batch_id, applied_by, applied_at, added, returned, removed)"
        f" VALUES ('{uuid4()}', '{batch_id}', $1, now(), ARRAY[$1, 'y'], ARRAY[$1], ARRAY[$1])",
        f"INSERT INTO roster_draft VALUES ('{uuid4()}', '{batch_id}', $1, now(), '{{}}', ''),"
        f" ('{uuid4()}', '{batch_id}', 'x', now(), ARRAY['x', $1], '')",
        f"INSERT INTO idempotency_key VALUES ('/v1/x ' || $1, '{uuid4()}', 'h', '{{}}', now())",
        f"INSERT INTO idempotency_key VALUES ('/v1/x', '{uuid4()}', 'h', jsonb_build_object('id', $1::text), now())",
        "INSERT INTO outbox (destination, topic, key, payload, created_at, due_at, parked)"
        " VALUES ('mail', '', $1, '{}', now(), now(), false),"
        " ('kafka', 't', 'k', jsonb_build_object('id', $1::text), now(), now(), true)",
        "INSERT INTO inbox (digest, kind, topic, partition, position, subject, value, received_at, due_at, error,"
        " parked) VALUES (uuid_send(gen_random_uuid()), 'account-deletion', 't', 0, 0, $1,"
        " convert_to('\"' || $1 || '\"', 'UTF8'), now(), now(), $1 || ' is odd', true)",
        "WITH hook AS (INSERT INTO webhook (webhook_id, organisation_id, url, kinds, sealed, created_by, created_at)"
        " VALUES (gen_random_uuid()::text, 'o', 'https://lms.example/', '{}', '', $1, now()) RETURNING webhook_id)"
        " INSERT INTO webhook_delivery (delivery_id, webhook_id, kind, body, created_at)"
        " SELECT gen_random_uuid()::text, webhook_id, 'k', json_build_object('userId', $1::text)::text, now()"
        " FROM hook",
        "INSERT INTO adoption VALUES ('course ' || gen_random_uuid(), '1', $1, 'b', true)",
        f"INSERT INTO learner_figures (revision, enrolled_at, measure, certificates, standing, need, reached,"
        f" percentage, unit, attempts, active, user_id, batch_id, added_how, units)"
        f" VALUES (1, now(), 0, 0, 1, 4, 0, 0, 0, 0, true, $1, '{batch_id}', 'self', '{{}}')",
        f"INSERT INTO contact VALUES ($1, '{batch_id}', '{uuid4()}', 'phone', false, NULL, 'x', now()),"
        f" ('x', '{batch_id}', '{uuid4()}', 'phone', false, NULL, $1, now())",
        "INSERT INTO people_due VALUES ('batch ' || gen_random_uuid(), now(), $1)",
        "INSERT INTO exhaust_request (request_id, tag, dataset, requested_by, channel, config, output_format,"
        " requester_id, status, submitted_at, completed_at, expires_at) VALUES (gen_random_uuid()::text, 't',"
        " 'progress-exhaust', $1, 'c', jsonb_build_object('filters', jsonb_build_object('userIds', ARRAY[$1::text])),"
        " 'csv', $1, 'SUCCESS', now(), now(), now() + interval '7 days')",
        "INSERT INTO console_session (session_id, user_id, sealed, created_at, used_at, ends_at)"
        " VALUES (decode(md5($1), 'hex'), $1, '', now(), now(), now() + interval '1 hour')",
        "INSERT INTO batch_change VALUES (gen_random_uuid()::text, 2, now(), $1, '{}')",
        "INSERT INTO saved_view VALUES ($1, 'learners', 'mine', 'sort=need', now())",
        "INSERT INTO audit (noted_at, what, outcome, who, whom) VALUES (now(), 'x', 'done', $1, ARRAY[$1, 'z'])",
    ):
        service.sql(statement, *([me] if "$1" in statement else []))


@pytest.fixture
def cohort(service: Running) -> Cohort:
    service.sql("DELETE FROM certificate_due")
    return new_cohort(service)


@pytest.fixture
def asha(service: Running, cohort: Cohort) -> Person:
    """Somebody with a certificate, an attempt, and a row in every table."""
    person = known_learner(service)
    cohort.enrol(person)
    cohort.attach()
    cohort.work()
    sent = {"assessmentTs": 1_770_000_000_000, "courseId": COURSE, "contentId": QUIZ, "batchId": cohort.batch_id}
    attempt = {**sent, "userId": person.user_id, "attemptId": f"1-{person.user_id}", "events": [answer(1, 1.0)]}
    assert report(service, person, assessments=[attempt]).status_code == 200
    plant(service, person, cohort.batch_id)
    return person


def test_nobody_s_id_is_anywhere_afterwards(service: Running, asha: Person) -> None:
    before = traces(service, asha.user_id)
    assert len(before) > 14
    assert erase(service, asha).json()["result"] == {"response": "SUCCESS"}
    finish(service)
    # What is left is the one that begins alike, and what says that tokens of this one do not count.
    (line,) = service.sql("SELECT user_ids FROM bulk_row WHERE user_ids LIKE '%' || $1 || '0'", asha.user_id)
    service.sql("DELETE FROM bulk_row WHERE user_ids = $1", line[0])
    assert traces(service, asha.user_id) == {KEPT_FOR_TOKENS: 1}
    assert not service.sql("SELECT FROM erasure")


def test_figures_stay_under_a_pseudonym_without_what_was_said(service: Running, cohort: Cohort, asha: Person) -> None:
    learners = "SELECT count(*) FROM enrolment WHERE batch_id = $1 AND active"
    (before,) = service.sql(learners, cohort.batch_id)
    erase(service, asha)
    finish(service)
    assert service.sql(learners, cohort.batch_id) == [before]
    (row,) = service.sql(f"{ENROLMENT} WHERE batch_id = $1 AND user_id LIKE 'erased-%'", cohort.batch_id)
    assert (row["status"], row["states"]["c"][:4], row["states"]["c"][7]) == (2, [2, 100, 1, 1], None)
    (attempt,) = service.sql("SELECT * FROM attempt WHERE user_id = $1", row["user_id"])
    assert (attempt["score"], attempt["questions"]) == (1.0, [])


def test_a_certificate_becomes_a_tombstone_with_its_bit_set(service: Running, cohort: Cohort, asha: Person) -> None:
    (certificate,) = cohort.certificates(asha)
    number = certificate["certificate_id"]
    entry = next(one for one in certificate["credential"]["credentialStatus"] if one["statusPurpose"] == "revocation")
    erase(service, asha)
    finish(service)
    page = service.call("GET", f"/certs/{number}")
    assert page.status_code == 200
    assert "withdrawn at the wish of its holder" in page.text
    assert "Asha" not in page.text
    shown = service.call("GET", f"/certs/{number}", headers={"Accept": "application/json"}).json()
    assert (shown["standing"], shown["valid"], shown["reasonCode"]) == ("withdrawn", False, "erased")
    assert "recipientName" not in shown
    for form in ("svg", "pdf", "png", "json", "jwt"):
        assert service.call("GET", f"/certs/{number}.{form}").status_code == 404, form
    path = "/certs/status/" + entry["statusListCredential"].partition("/certs/status/")[2]
    listed = proof.verify(service.call("GET", path).content, key_set(service.config).keys)
    assert status_list.is_set(listed.credential, int(entry["statusListIndex"]))
    for method, door in (
        ("GET", f"/api/rc/certificate/v1/download/{number}"),
        ("GET", f"/certs/v1/registry/read/{number}"),
    ):
        assert service.call(method, door, VIKRAM).status_code == 404, door
    checked = service.call("POST", "/certs/v1/registry/verify", None, {"id": f"https://x/certs/{number}"}).json()
    assert checked["result"]["response"]["messages"] == ["ERROR: withdrawn"]
    change = {"identifier": number, "status": "active", "reason": "again"}
    assert service.call("PATCH", "/v1/course/batch/cert/status", VIKRAM, change).status_code == 400
    explained = service.call("GET", f"/v1/course/batch/cert/explain/{cohort.batch_id}", VIKRAM)
    assert explained.status_code == 200


def test_no_template_that_comes_later_awards_the_pseudonym(service: Running, cohort: Cohort, asha: Person) -> None:
    erase(service, asha)
    finish(service)
    count = len(cohort.certificates())
    cohort.attach(identifier="later", name="Later")
    cohort.work()
    assert [one for one in cohort.certificates() if one["name"] == "Later"] == []
    assert len(cohort.certificates()) == count


def test_an_erasure_goes_on_where_it_was_cut_off(
    service: Running, asha: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [new_batch(service) for _ in range(3)]
    for batch_id in others:
        service.sql(
            """INSERT INTO enrolment (user_id, batch_id, course_id, active, enrolled_at, updated_at)
               VALUES ($1, $2, 'c', true, now(), now())""",
            asha.user_id,
            batch_id,
        )
    erase(service, asha)
    monkeypatch.setattr(actions, "ROWS_PER_STEP", 1)
    service.run(actions.erase_due(service.services))  # and here the process dies
    assert service.sql("SELECT FROM enrolment WHERE user_id = $1", asha.user_id)
    finish(service)
    assert not service.sql("SELECT FROM enrolment WHERE user_id = $1", asha.user_id)
    names = service.sql("SELECT DISTINCT user_id FROM enrolment WHERE batch_id = ANY ($1)", others)
    assert len(names) == 1, "all of a person has one pseudonym"


def test_erasing_twice_or_nobody_known_ends_alike(service: Running, asha: Person) -> None:
    for person in (asha, asha, new_learner()):
        assert erase(service, person).status_code == 200
        finish(service)


def test_accounts_that_were_merged_into_it_are_erased_with_it(service: Running) -> None:
    old, new, batch_id = new_learner(), known_learner(service), new_batch(service)
    service.sql(
        """INSERT INTO enrolment (user_id, batch_id, course_id, active, enrolled_at, updated_at)
           VALUES ($1, $2, 'c', true, now(), now())""",
        old.user_id,
        batch_id,
    )
    edata = {"action": "merge-user-courses-and-cert", "fromAccountId": old.user_id, "toAccountId": new.user_id}
    assert service.http.post("/private/v1/user/account/merge", json={"edata": edata}).status_code == 200
    assert refusal(erase(service, old))[:2] == (400, "INVALID_REQUESTED_DATA")
    erase(service, new)
    finish(service)
    for person in (old, new):
        assert set(traces(service, person.user_id)) == {KEPT_FOR_TOKENS}


@pytest.mark.parametrize("flag", ["true", 1, None, []])
def test_a_flag_that_is_none_erases_nobody(service: Running, flag: object) -> None:
    learner = new_learner()
    answer = service.http.post(DELETE, json={"edata": {"userId": learner.user_id, "erase": flag}})
    assert refusal(answer)[:2] == (400, "DATA_TYPE_ERROR")
    assert traces(service, learner.user_id) == {}


def test_deleting_alone_ends_the_files_that_hold_the_person(service: Running, asha: Person) -> None:
    service.http.post(DELETE, json={"edata": {"userId": asha.user_id}})
    (request,) = service.sql("SELECT status FROM exhaust_request WHERE requested_by = $1", asha.user_id)
    assert request["status"] == "FAILED"
    assert service.sql("SELECT FROM attempt WHERE user_id = $1 AND questions <> '[]'", asha.user_id)


def test_the_rest_of_retention_forgets_what_is_over(service: Running) -> None:
    learner = new_learner()
    config = service.config
    service.sql("INSERT INTO ended_account VALUES ($1, true, now())", learner.user_id)
    service.sql(
        """INSERT INTO outbox (destination, topic, key, payload, created_at, due_at, parked)
           VALUES ('mail', '', $1, '{}', now(), now(), true)""",
        learner.user_id,
    )

    def forget() -> None:
        while service.run(retention.forget_old(service.services)):
            pass

    forget()
    assert set(traces(service, learner.user_id)) == {"ended_account", "outbox"}
    over = timedelta(days=max(config.parked_event_days, config.late_token_days + 30) + 1)
    service.clock.ahead = over
    forget()
    assert traces(service, learner.user_id) == {}


def test_answers_of_old_attempts_are_emptied_where_a_setting_says_so(
    new_dsn: Callable[[], str], tmp_path: Path
) -> None:
    with running(tmp_path, new_dsn(), answer_days=30) as service:
        for number, age in enumerate((40, 20)):
            service.sql(
                """INSERT INTO attempt (user_id, batch_id, content_id, attempt_id, course_id, attempted_ms, score,
                                        max_score, questions, created_at, updated_at)
                   VALUES ($1, 'b', 'c', 'a', 'c', 1, 1, 1, '[{"said": "yes"}]', now(),
                           now() - make_interval(days => $2))""",
                str(number),
                age,
            )
        while service.run(retention.forget_old(service.services)):
            pass
        rows = service.sql("SELECT questions, score FROM attempt ORDER BY user_id")
        assert [(row["questions"], row["score"]) for row in rows] == [([], 1.0), ([{"said": "yes"}], 1.0)]
