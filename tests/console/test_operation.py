"""The pages of operation: who sees them, what they say first, what their buttons do, and what they never show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from lernbatch.console.operation import view
from lernbatch.ops.health import Check
from lernbatch.ops.operation import JobRun, ParkedGroup, Queue
from lernbatch.ops.recent import Minute
from lernbatch.wording.words import Words
from tests.console.conftest import Visits
from tests.people import ADMIN, ASHA, MEERA, PLATFORM, VIKRAM, Person
from tests.running import Running, lifespan, running, served

PATH = "/console/operation"
WELL = [Check("Cassandra service"), Check("Content service")]


def known_operator(service: Running) -> Person:
    service.sql(
        "INSERT INTO sandbox_person (user_id, first_name, last_name, roles) VALUES ($1, 'Prabha', 'Rao', $2)"
        " ON CONFLICT DO NOTHING",
        PLATFORM.user_id,
        list(PLATFORM.roles),
    )
    return PLATFORM


@pytest.fixture
def operator(service: Running) -> Person:
    return known_operator(service)


@pytest.fixture
def stuck(service: Running) -> Iterator[str]:
    """Three mails and a listing that were given up; the id of the person whom the mails are for."""
    user_id = "0b1e3c5a-0000-4000-8000-0000000077aa"
    for destination, key in (("mail", "1"), ("mail", "2"), ("mail", "3"), ("content", "do_31")):
        service.sql(
            "INSERT INTO outbox (destination, topic, key, payload, created_at, due_at, parked, error)"
            " VALUES ($1, '', $2, '{}', now(), now(), true, $3)",
            destination,
            key,
            f"503: no mailbox of {user_id}",
        )
    yield user_id
    service.sql("DELETE FROM outbox WHERE parked")


@pytest.mark.parametrize("path", [PATH, f"{PATH}/settings"])
def test_k07_operation_is_for_operators_alone(visits: Visits, operator: Person, path: str) -> None:
    for person, status in ((ASHA, 403), (MEERA, 403), (VIKRAM, 403), (ADMIN, 403), (operator, 200)):
        assert visits(person).get(path).status_code == status


@pytest.mark.parametrize(
    ("checks", "groups", "queues", "runs", "said"),
    [
        (WELL, [], [], [], "Nothing is stuck."),
        ([Check("Content service", "Connection error")], [ParkedGroup("outbox", "mail", "", 2)], [], [], "Content"),
        (WELL, [ParkedGroup("outbox", "mail", "", 2), ParkedGroup("outbox", "kafka", "", 1)], [], [], "3 things"),
        (WELL, [], [], [JobRun("batch.move_statuses", False, 3, None, None, "")], "batch.move_statuses fails"),
        (WELL, [], [], [JobRun("batch.move_statuses", False, 2, None, None, "")], "Nothing is stuck."),
    ],
)
def test_k76_the_worst_thing_comes_first(
    checks: list[Check], groups: list[ParkedGroup], queues: list[Queue], runs: list[JobRun], said: str, words: Words
) -> None:
    _, text, _ = view.worst(checks, groups, queues, runs, words.now, words)
    assert said in text


def test_the_last_hour_is_lines_with_their_figures_in_words(words: Words) -> None:
    requests, slow, failures = view.hour([Minute(1200, 0, 0.25), Minute(900, 3, 0.05)], words)
    assert (requests["now"], requests["most"]) == ("900", "1,200")
    assert (slow["now"], slow["most"]) == ("50\N{NO-BREAK SPACE}ms", "250\N{NO-BREAK SPACE}ms")
    assert (failures["now"], failures["most"]) == ("3", "3")
    assert 'd="M193.3 2.0L196.7 9.0"' in requests["line"]
    assert view.hour([], words) == []


def test_k76_a_service_that_stops_is_shown_at_the_next_refresh_and_cleared_when_it_is_back(
    new_dsn: Callable[[], str], tmp_path: Path, visits: Visits
) -> None:
    stopped: list[bool] = [False]

    async def search(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
        else:
            answer = Response(status_code=503) if stopped[-1] else JSONResponse({"result": {"count": 0}})
            await answer(scope, receive, send)

    with served(search) as url, running(tmp_path, new_dsn(), search_url=url, upstream_attempts=1) as service:
        visitor = visits(known_operator(service), at=service)
        for is_stopped in (False, True, False):
            stopped.append(is_stopped)
            html = visitor.get(PATH).text
            assert ("Content service does not answer." in html) == is_stopped
            assert 'id="now" data-live="10"' in html


def test_k77_again_on_a_group_sends_it_and_the_count_falls(
    visits: Visits, operator: Person, service: Running, stuck: str
) -> None:
    visitor = visits(operator)
    assert "4 things were given up" in visitor.get(PATH).text
    answer = visitor.send(PATH, "again", {"what": "mail"})
    assert answer.headers["location"] == f"{PATH}?sent=3"
    assert "1 thing was given up" in visitor.get(PATH).text
    assert visitor.send(PATH, "again", {}).headers["location"] == f"{PATH}?sent=1"
    assert "Nothing was given up" in visitor.get(PATH).text
    service.sql("DELETE FROM outbox")


def test_k77_messages_that_were_given_up_are_handled_again(visits: Visits, operator: Person, service: Running) -> None:
    service.sql(
        "INSERT INTO inbox (digest, kind, topic, partition, position, subject, value, received_at, due_at, error,"
        " parked) VALUES ('a', 'account-merge', 't', 0, 0, 'u', '{}', now(), now(), 'Nobody is named.', true)"
    )
    visitor = visits(operator)
    html = visitor.get(PATH).text
    assert "Messages from Kafka" in html
    assert "Nobody is named." in html
    assert visitor.send(PATH, "again", {"what": "inbox"}).headers["location"] == f"{PATH}?sent=1"
    assert service.sql("SELECT parked FROM inbox")[0]["parked"] is False
    service.sql("DELETE FROM inbox")


def test_k77_run_now_twice_makes_a_job_due_once(visits: Visits, operator: Person, service: Running) -> None:
    service.sql(
        "INSERT INTO job (kind, next_run_at) VALUES ('course.refresh', now() + interval '1 hour')"
        " ON CONFLICT (kind) DO UPDATE SET next_run_at = EXCLUDED.next_run_at"
    )
    visitor = visits(operator)
    due = "SELECT next_run_at FROM job WHERE kind = 'course.refresh'"
    assert visitor.send(PATH, "run", {"kind": "course.refresh"}).status_code == 303
    first = service.sql(due)
    assert visitor.send(PATH, "run", {"kind": "course.refresh"}).status_code == 303
    assert service.sql(due) == first
    service.sql("DELETE FROM job")


def test_k78_no_page_of_operation_names_a_person(visits: Visits, operator: Person, stuck: str) -> None:
    html = visits(operator).get(PATH).text
    assert "503: no mailbox of …" in html
    assert stuck not in html


def test_k78_secrets_are_dots_with_their_source(
    new_dsn: Callable[[], str], tmp_path: Path, visits: Visits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LERNBATCH_SERVICE_TOKEN", "a very secret token")
    secret = SecretStr("a very secret token")
    roles = ("ORG_ADMIN", "SYSTEM_ADMINISTRATION")
    with running(tmp_path, new_dsn(), operator_roles=roles, service_token=secret) as service:
        html = visits(known_operator(service), at=service).get(f"{PATH}/settings").text
        # The installation is everybody's: who has the role for one organisation does not operate it.
        for path in (PATH, f"{PATH}/settings"):
            assert visits(ADMIN, at=service).get(path).status_code == 403
    assert "a very secret token" not in html
    assert "<code>LERNBATCH_SERVICE_TOKEN</code><small>••••••••</small>" in html


def test_k79_pressing_again_leaves_a_line_in_the_audit_trail(
    visits: Visits, operator: Person, service: Running, stuck: str
) -> None:
    answer = visits(operator).send(PATH, "again", {"what": "mail"})
    (row,) = service.sql("SELECT * FROM audit WHERE request_id = $1", answer.headers["x-request-id"])
    assert (row["what"], row["who"], row["outcome"]) == ("operation.again", operator.user_id, "done")
    service.sql("DELETE FROM outbox")
