"""What the platform's topics say is done as by the calls of the same meaning: once, in order, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from lernbatch.config import Config
from lernbatch.errors import Unusable
from lernbatch.inbox import actions
from lernbatch.inbox.consumer import Consumer
from lernbatch.inbox.rules import ATTEMPTS_BEFORE_PARKING
from tests.cli.commands import Installation
from tests.inbox.topics import DELETION, LISTENING, MERGE, PUBLICATION, TRANSFER, Topics
from tests.learning import complete, enrolled, known_learner, new_batch, new_learner, row
from tests.people import Person
from tests.running import Running, running
from tests.seeds import COURSE, VIDEO


@pytest.fixture(scope="module")
def listening(module_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service that listens, shared by the tests of this file."""
    with running(tmp_path_factory.mktemp("home"), module_dsn, **LISTENING) as service:
        yield service


@pytest.fixture
def topics(listening: Running) -> Iterator[Topics]:
    yield Topics(listening)
    listening.sql("DELETE FROM inbox")
    listening.clock.ahead *= 0


def event(edata: Any, **more: Any) -> dict[str, Any]:
    """An event as the platform's services write it."""
    return {
        "eid": "BE_JOB_REQUEST",
        "ets": 1669196680963,
        "mid": f"LP.1669196680963.{uuid4()}",
        "actor": {"id": "a", "type": "System"},
        "context": {"pdata": {"ver": "1.0", "id": "org.sunbird.platform"}, "channel": "o", "env": "e"},
        "edata": edata,
        **more,
    }


def merge(source: Person, target: Person) -> dict[str, Any]:
    edata = {"action": "merge-user-courses-and-cert", "fromAccountId": source.user_id, "toAccountId": target.user_id}
    return event(edata)


def deletion(person: Person) -> dict[str, Any]:
    return event({"action": "delete-user", "iteration": 1, "userId": person.user_id, "organisationId": person.org_id})


def publication(course_id: str, **more: str) -> dict[str, Any]:
    mime_type = "application/vnd.ekstep.content-collection"
    edata = {"action": "post-publish-process", "iteration": 1.0, "identifier": course_id, "mimeType": mime_type}
    return event({**edata, "contentType": "Course", "pkgVersion": 7.0, "status": "Live", **more})


def notes(service: Running, person: Person) -> int:
    """How many acts on that person the audit trail has."""
    (counted,) = service.sql("SELECT count(*) FROM audit WHERE $1 = ANY (whom)", person.user_id)
    number: int = counted[0]
    return number


def waiting(service: Running) -> list[tuple[str, bool]]:
    """Kind of what is not handled, and whether it was given up."""
    rows = service.sql("SELECT kind, parked FROM inbox WHERE handled_at IS NULL ORDER BY message_id")
    return [(found["kind"], found["parked"]) for found in rows]


def test_a_merge_is_done_as_by_the_call(listening: Running, topics: Topics) -> None:
    batch_id, new = new_batch(listening), new_learner()
    old = enrolled(listening, batch_id)
    complete(listening, old, batch_id, VIDEO)
    topics.write(MERGE, merge(old, new))
    topics.listen()
    assert row(listening, new, batch_id)["progress"] == 1
    assert row(listening, old, batch_id)["active"] is False
    assert notes(listening, old) == 1
    (kept,) = listening.sql("SELECT value, subject, handled_at FROM inbox")
    assert (kept["value"], kept["subject"]) == (None, "")  # of what was handled nothing is kept
    assert kept["handled_at"] is not None


def test_a_deletion_is_done_as_by_the_call(listening: Running, topics: Topics) -> None:
    batch_id = new_batch(listening)
    asha = enrolled(listening, batch_id)
    listening.sql(
        "INSERT INTO profile (user_id, state, sealed, fetched_at) VALUES ($1, 'Goa', '\\x00', now())", asha.user_id
    )
    topics.write(DELETION, deletion(asha))
    topics.listen()
    assert listening.sql("SELECT sealed FROM profile WHERE user_id = $1", asha.user_id)[0]["sealed"] is None
    assert listening.sql("SELECT is_ended FROM ended_account WHERE user_id = $1", asha.user_id)[0]["is_ended"]


@pytest.mark.parametrize("shape", ["profiles", "ids"])
def test_a_transfer_is_done_in_both_shapes(listening: Running, topics: Topics, shape: str) -> None:
    leaving, successor = new_learner(), known_learner(listening)
    mine, mentored = (new_batch(listening, mentors=[]) for _ in range(2))
    listening.sql("UPDATE batch SET created_by = $2 WHERE batch_id = $1", mine, leaving.user_id)
    listening.sql("UPDATE batch SET mentors = ARRAY[$2] WHERE batch_id = $1", mentored, leaving.user_id)
    org: dict[str, Any] = {"organisationId": successor.org_id}
    shapes: dict[str, dict[str, Any]] = {
        "ids": {"fromUserId": leaving.user_id, "toUserId": successor.user_id, "asset": []},
        "profiles": {
            "fromUserProfile": {"userId": leaving.user_id, "userName": "x"},
            "toUserProfile": {"userId": successor.user_id, "roles": []},
        },
    }
    topics.write(TRANSFER, event({"action": "ownership-transfer", "iteration": 1, **org, **shapes[shape]}))
    topics.listen()
    assert listening.sql("SELECT created_by FROM batch WHERE batch_id = $1", mine)[0][0] == successor.user_id
    assert listening.sql("SELECT mentors FROM batch WHERE batch_id = $1", mentored)[0][0] == [successor.user_id]
    (note,) = listening.sql("SELECT what, outcome, who, whom FROM audit WHERE $1 = ANY (whom)", leaving.user_id)
    assert tuple(note) == ("batch.transfer", "done", TRANSFER, [leaving.user_id, successor.user_id])


def test_nothing_goes_to_a_successor_of_another_organisation(listening: Running, topics: Topics) -> None:
    leaving, successor, batch_id = new_learner(), known_learner(listening), new_batch(listening)
    listening.sql("UPDATE batch SET created_by = $2 WHERE batch_id = $1", batch_id, leaving.user_id)
    sent = {"organisationId": "elsewhere", "fromUserId": leaving.user_id, "toUserId": successor.user_id}
    topics.write(TRANSFER, event(sent))
    topics.listen()
    assert listening.sql("SELECT created_by FROM batch WHERE batch_id = $1", batch_id)[0][0] == leaving.user_id
    assert waiting(listening) == [("ownership-transfer", True)]
    assert notes(listening, leaving) == 0


def test_a_published_course_is_fetched_anew_and_what_is_none_of_ours_is_passed_over(
    listening: Running, topics: Topics
) -> None:
    new_batch(listening)
    listening.sql("UPDATE course SET name = 'old', fetched_at = fetched_at - interval '5 minutes'")
    topics.write(PUBLICATION, publication("do_somebody_elses"))
    topics.write(PUBLICATION, publication(COURSE, mimeType="video/mp4"))
    topics.write(PUBLICATION, publication(COURSE, action="publish"))
    topics.listen()
    assert listening.sql("SELECT DISTINCT name FROM course WHERE course_id = $1", COURSE)[0][0] == "old"
    topics.write(PUBLICATION, publication(COURSE))
    topics.listen()
    names = listening.sql("SELECT name FROM course WHERE course_id = $1 ORDER BY fetched_at DESC", COURSE)
    assert names[0]["name"] != "old"
    assert len(listening.sql("SELECT FROM inbox")) == 2  # what is no published collection leaves no row
    assert waiting(listening) == []


def test_a_message_that_comes_again_is_done_once(listening: Running, topics: Topics) -> None:
    old, new = new_learner(), new_learner()
    same = merge(old, new)
    for _ in range(2):
        topics.write(MERGE, same)  # sent again: the same text at another place
    topics.listen()
    topics.read = 0  # delivered again: the offsets were lost
    topics.listen()
    assert notes(listening, old) == 1
    nameless = {"edata": merge(old, new)["edata"]}  # without an id it is its place
    topics.write(MERGE, nameless)
    topics.write(MERGE, nameless)
    topics.listen()
    topics.read = 0
    topics.listen()
    assert notes(listening, old) == 3


def test_two_messages_of_one_id_are_two(listening: Running, topics: Topics) -> None:
    first, second, new = new_learner(), new_learner(), new_learner()
    for source in (first, second):
        topics.write(MERGE, {**merge(source, new), "mid": "LMS.1563788371969"})
    topics.listen()
    assert (notes(listening, first), notes(listening, second)) == (1, 1)


POISON: list[Any] = [
    b"",
    b"not json",
    b"\xff\xfe",
    b"[" * 100_000,
    b"7",
    {"edata": []},
    {"edata": {}},
    {"edata": {"fromAccountId": "", "toAccountId": ""}},
    {"edata": {"fromAccountId": 5, "toAccountId": "u"}},
    {"edata": {"fromAccountId": "u", "toAccountId": "u"}},
    {"edata": {"fromAccountId": "u\x00", "toAccountId": "v"}},
    {"edata": {"fromAccountId": "x" * 999_000, "toAccountId": "v"}},
    b'{"edata": "' + b"x" * 1_100_000 + b'"}',
]


def test_what_cannot_be_done_is_given_up_and_never_stops_what_follows(listening: Running, topics: Topics) -> None:
    batch_id = new_batch(listening)
    old, new = enrolled(listening, batch_id), new_learner()
    for poison in POISON:
        topics.write(MERGE, poison)
    topics.write(MERGE, merge(old, new))
    for _ in range(ATTEMPTS_BEFORE_PARKING):
        topics.listen()
        listening.clock.move(minutes=10)
    assert row(listening, new, batch_id)["active"]
    assert waiting(listening) == [("account-merge", True)] * len(POISON)
    listed = listening.run(actions.parked(listening.services))
    assert all(message.error for message in listed)
    assert [message.position for message in listed] == [*range(len(POISON))]
    metrics = listening.http.get("/metrics").text
    assert f'lernbatch_queue_length{{queue="inbox",state="parked"}} {len(POISON)}.0' in metrics


def test_what_was_given_up_is_listed_and_replayed_by_the_command(
    listening: Running, topics: Topics, module_dsn: str, tmp_path: Path
) -> None:
    leaving, successor, batch_id = new_learner(), known_learner(listening, status=0), new_batch(listening)
    listening.sql("UPDATE batch SET created_by = $2 WHERE batch_id = $1", batch_id, leaving.user_id)
    topics.write(TRANSFER, event({"fromUserId": leaving.user_id, "toUserId": successor.user_id}))
    topics.write(MERGE, b"nothing")
    topics.listen()
    installation = Installation(tmp_path, module_dsn, {})
    said = installation.run("inbox", "list").stdout
    assert f"ownership-transfer  {TRANSFER} 0:0" in said
    assert "2 messages were given up." in said
    listening.sql("UPDATE sandbox_person SET status = 1 WHERE user_id = $1", successor.user_id)
    assert "1 messages" in installation.run("inbox", "replay", "ownership-transfer").stdout
    topics.listen()
    assert listening.sql("SELECT created_by FROM batch WHERE batch_id = $1", batch_id)[0][0] == successor.user_id


def test_a_service_that_is_away_is_waited_for_in_each_subjects_order(
    listening: Running, topics: Topics, module_dsn: str, tmp_path: Path
) -> None:
    first, second, new, gone = new_learner(), new_learner(), new_learner(), new_learner()
    for message in (merge(first, new), merge(second, new)):
        topics.write(MERGE, message)
    topics.write(DELETION, deletion(gone))
    topics.receive()
    away = {"user_org_url": "http://127.0.0.1:1", "upstream_attempts": 1}
    with running(tmp_path, module_dsn, **LISTENING, **away) as cut_off:
        for _ in range(ATTEMPTS_BEFORE_PARKING + 3):
            while cut_off.run(actions.handle_due(cut_off.services)):
                pass
            cut_off.clock.move(minutes=10)
    assert waiting(listening) == [("account-merge", False)] * 2
    assert notes(listening, gone) == 1  # a deletion asks nobody
    assert listening.sql("SELECT attempts FROM inbox WHERE subject = $1 ORDER BY 1", new.user_id)[0][0] == 0
    listening.clock.move(hours=3)
    topics.listen()
    assert waiting(listening) == []
    assert (notes(listening, first), notes(listening, second)) == (1, 1)


def test_offsets_are_committed_after_the_messages_are_kept(listening: Running, topics: Topics) -> None:
    listening.sql("ALTER TABLE inbox ADD CONSTRAINT closed CHECK (false) NOT VALID")
    try:
        topics.write(DELETION, deletion(asha := new_learner()))
        with pytest.raises(asyncpg.CheckViolationError):
            topics.receive()
        assert (topics.committed, topics.read) == (0, 0)
    finally:
        listening.sql("ALTER TABLE inbox DROP CONSTRAINT closed")
    topics.listen()
    assert (topics.committed, notes(listening, asha)) == (1, 1)


@pytest.mark.parametrize("settings", [{"kafka_servers": "127.0.0.1:1"}, {**LISTENING, "takeover": "copy"}])
def test_nobody_listens_unless_told_so_nor_while_another_service_answers(
    new_dsn: Callable[[], str], tmp_path: Path, settings: dict[str, Any]
) -> None:
    with running(tmp_path, new_dsn(), **settings) as service:
        topics = Topics(service)
        topics.write(DELETION, deletion(new_learner()))
        topics.listen()
        assert (topics.read, topics.committed) == (0, 0)


def test_what_was_handled_is_known_for_a_month(listening: Running, topics: Topics) -> None:
    topics.write(DELETION, deletion(new_learner()))
    topics.listen()
    listening.clock.move(days=29)
    assert listening.run(actions.forget_old(listening.services)) == 0
    listening.clock.move(days=2)
    assert listening.run(actions.forget_old(listening.services)) == 1


def test_listening_to_no_broker_is_refused() -> None:
    with pytest.raises(Unusable, match="needs LERNBATCH_KAFKA_SERVERS"):
        Consumer(Config(kafka_listening=True))
