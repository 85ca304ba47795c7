"""On a Citus of several nodes: where rows lie, how many shards a call touches, whom a node that is away harms."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lernbatch.config import Config
from lernbatch.database import citus as cluster
from lernbatch.database import sql
from lernbatch.database.distribution import DISTRIBUTION
from lernbatch.database.migrate import migrate
from lernbatch.database.shards import read as read_shards
from lernbatch.erasure import actions as erasure
from lernbatch.errors import Unusable
from lernbatch.ops import checkup
from tests import citus
from tests.learning import complete, enrol, enrolled, new_batch, new_learner, row, states, unenrol
from tests.people import Person
from tests.running import PATIENCE_SECONDS, Running, named, running
from tests.seeds import BOOK, COURSE, PAGE, QUIZ, VIDEO

# The statements of the hot path, with arguments of learners of one shard.
HOT = {
    "lernbatch.progress": ("learners", "attempts_of", "save", "drop_attempts", "states_of"),
    "lernbatch.enrolment": ("eligibilities", "enrol_one", "re_enrol", "unenrol", "enrolments_of"),
}
LEARNERS = 64
VALUES: dict[str, Any] = {
    "text": "x",
    "int2": 1,
    "int4": 1,
    "int8": 1,
    "bool": True,
    "float8": 1.0,
    "jsonb": {},
    "timestamptz": datetime.now(UTC),
}


@pytest.fixture(scope="module")
def coordinator(server: str, template: str) -> Iterator[str]:
    """The coordinator's DSN of a database that the tests of this file share."""
    name = f"{template}_of_nodes"
    citus.clone(server, template, name)
    yield named(server, name)
    citus.drop(server, name)


@pytest.fixture(scope="module")
def service(coordinator: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service that publishes its events, to a broker that is never asked: the jobs do not run."""
    home = tmp_path_factory.mktemp("home")
    with running(home, coordinator, kafka_servers="127.0.0.1:1", telemetry="kafka", pool_wait_seconds=1) as service:
        yield service


def of_each_node(service: Running, batch_id: str, count: int) -> dict[str, list[Person]]:
    """`count` new learners of each node who are in the batch, by its address."""
    by_node: dict[str, list[Person]] = {address: [] for address in citus.workers(str(citus.URL))}
    assert len(by_node) > 1
    while any(len(people) < count for people in by_node.values()):
        person = new_learner()
        people = by_node[shards(service).address_of(person.user_id)]
        if len(people) < count:
            assert enrol(service, person, batch_id).status_code == 200
            people.append(person)
    return by_node


def shards(service: Running) -> Any:
    return service.services.nodes._shards  # type: ignore[union-attr]


def test_every_table_is_kept_as_listed_and_distributing_again_changes_nothing(coordinator: str) -> None:
    async def kinds() -> dict[str, str]:
        return dict(await citus.fetch(coordinator, cluster._TABLES))

    before = asyncio.run(kinds())
    assert before == {table: kind for table, kind in DISTRIBUTION.items() if kind != "local"}
    assert asyncio.run(cluster.distribute(coordinator)) == []
    assert asyncio.run(kinds()) == before


def test_nothing_is_migrated_or_distributed_through_a_worker(coordinator: str) -> None:
    worker = citus.at(coordinator, citus.workers(str(citus.URL))[0])
    for work in (migrate(worker), cluster.distribute(worker)):
        with pytest.raises(Unusable, match="worker of Citus"):
            asyncio.run(work)


def test_a_table_of_another_kind_is_told_and_not_changed(dsn: str) -> None:
    asyncio.run(citus.execute(dsn, "SELECT create_reference_table('audit')"))
    with pytest.raises(Unusable, match="audit is reference instead of local"):
        asyncio.run(cluster.distribute(dsn))


def test_check_names_the_nodes_their_shards_and_what_is_not_distributed(dsn: str, tmp_path: Path) -> None:
    async def finding() -> checkup.CheckResult:
        results = [result async for result in checkup.check_database(Config(home=tmp_path), dsn)]
        return next(result for result in results if result.name == "citus")

    found = asyncio.run(finding())
    assert found.ok
    assert all(f"{address} {citus.SHARDS // 2}" in found.sentence for address in citus.workers(str(citus.URL)))
    asyncio.run(citus.execute(dsn, "SELECT undistribute_table('consent')"))
    found = asyncio.run(finding())
    assert not found.ok
    assert "consent is local instead of distributed: run `lernbatch migrate --citus`" in found.sentence


@pytest.mark.parametrize(("room", "name"), [(room, name) for room, names in HOT.items() for name in names])
def test_a_hot_statement_for_many_learners_of_one_shard_is_one_task(service: Running, room: str, name: str) -> None:
    statement = sql.load(room).statements[name]
    shard = shards(service).of("learner-0")
    learners = [f"learner-{n}" for n in range(LEARNERS * 8) if shards(service).of(f"learner-{n}") == shard][:LEARNERS]

    async def explained() -> str:
        async with service.services.pool.acquire() as conn:
            prepared = await conn.prepare(sql.sharded(statement.text))
            types = dict(zip(statement.parameters, prepared.get_parameters(), strict=True))
            arguments = [
                (learners if parameter == "user_ids" else [VALUES[kind.name.removesuffix("[]")]] * len(learners))
                if kind.kind == "array"
                else learners[0]
                if parameter == "user_id"
                else VALUES[kind.name]
                for parameter, kind in types.items()
            ]
            return "\n".join(line[0] for line in await conn.fetch(f"EXPLAIN {sql.sharded(statement.text)}", *arguments))

    assert re.findall(r"Task Count: (\d+)", service.run(explained())) == ["1"]


def test_a_learner_goes_through_a_course_leaves_and_comes_back(service: Running) -> None:
    batch_id = new_batch(service)
    for people in of_each_node(service, batch_id, 2).values():
        for person in people:
            for content_id in (VIDEO, BOOK, QUIZ, PAGE):
                assert complete(service, person, batch_id, content_id).status_code == 200
            assert {state["status"] for state in states(service, person, batch_id).values()} == {2}
            assert row(service, person, batch_id)["status"] == 2
            listed = service.call("GET", f"/v1/user/courses/list/{person.user_id}", person).json()["result"]["courses"]
            assert [course["batchId"] for course in listed] == [batch_id]
    leaving = enrolled(service, batch_id)
    assert unenrol(service, leaving, batch_id).status_code == 200
    assert not row(service, leaving, batch_id)["active"]
    assert enrol(service, leaving, batch_id).status_code == 200
    assert row(service, leaving, batch_id)["active"]


def test_many_wishes_for_few_seats_give_each_once(service: Running) -> None:
    batch_id = new_batch(service, capacity=5)
    with ThreadPoolExecutor(8) as threads:
        answers = [*threads.map(lambda person: enrol(service, person, batch_id), [new_learner() for _ in range(20)])]
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [400] * 15


def test_of_who_is_erased_no_row_has_the_id_any_more(service: Running) -> None:
    batch_id = new_batch(service)
    person = enrolled(service, batch_id)
    complete(service, person, batch_id, VIDEO)

    async def erase() -> None:
        async with service.services.pool.acquire() as conn, conn.transaction():
            await erasure.ask(conn, service.services, person.user_id)
        while await erasure.erase_due(service.services):
            pass

    service.run(erase())
    assert service.sql("SELECT FROM enrolment WHERE user_id = $1", person.user_id) == []
    (kept,) = service.sql(
        "SELECT status, coalesce(states_text::jsonb, states) AS states FROM enrolment WHERE batch_id = $1", batch_id
    )
    assert (kept["status"], *kept["states"]) == (1, VIDEO)


def test_learners_are_moved_to_another_node_while_they_write(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    batch_id = new_batch(service)
    (here, people), (there, _), *_ = of_each_node(service, batch_id, 3).items()
    shard = shards(service).of(people[0].user_id)
    host, _, port = here.rpartition(":")
    other_host, _, other_port = there.rpartition(":")
    move = "SELECT citus_move_shard_placement($1::bigint, $2, $3::int, $4, $5::int, 'block_writes')"

    def write(person: Person) -> list[int]:
        return [complete(service, person, batch_id, content_id).status_code for content_id in (VIDEO, BOOK, PAGE) * 3]

    with ThreadPoolExecutor(4) as threads:
        writing = [threads.submit(write, person) for person in people]
        service.sql(move, shard, host, int(port), other_host, int(other_port))
        codes = [code for each in writing for code in each.result(PATIENCE_SECONDS)]
    assert set(codes) == {200}
    assert all(set(states(service, person, batch_id)) == {VIDEO, BOOK, PAGE} for person in people)
    held = service.run(_read_again(service))
    assert held.address_of(people[0].user_id) == there
    service.sql(move, shard, other_host, int(other_port), host, int(port))
    service.run(_read_again(service))


async def _read_again(service: Running) -> Any:
    held = await read_shards(service.services.pool)
    assert held is not None
    assert service.services.nodes is not None
    await service.services.nodes.use(held)
    return held


def test_a_node_that_is_away_harms_its_own_learners_alone(service: Running, coordinator: str) -> None:
    batch_id = new_batch(service)
    by_node = of_each_node(service, batch_id, 3)
    away, *_ = by_node
    new = {address: next(_new_learners(service, address)) for address in by_node}
    name = coordinator.rpartition("/")[2]
    citus.close(str(citus.URL), name, away)
    try:
        answers = {address: [*_calls(service, batch_id, people, new[address])] for address, people in by_node.items()}
        health = service.call("GET", "/health").json()["result"]["response"]
    finally:
        citus.reopen(str(citus.URL), name, away)
    assert {code for code, _ in answers.pop(away)} == {503}
    assert {code for learners in answers.values() for code, _ in learners} == {200}
    assert [check["name"] for check in health["checks"] if not check["healthy"]] == [f"Database node {away}"]
    # And nobody has to restart anything.
    assert {code for code, _ in _calls(service, batch_id, by_node[away], new[away])} == {200}


def _new_learners(service: Running, address: str) -> Iterator[Person]:
    while True:
        person = new_learner()
        if shards(service).address_of(person.user_id) == address:
            yield person


def _calls(service: Running, batch_id: str, people: list[Person], new: Person) -> Iterator[tuple[int, str | None]]:
    """Status and Retry-After of everything a learner does."""
    answers = [enrol(service, new, batch_id)]
    for person in people:
        answers.append(complete(service, person, batch_id, BOOK))
        answers.append(
            service.call("POST", "/v1/content/state/read", person, {"courseId": COURSE, "batchId": batch_id})
        )
        answers.append(service.call("GET", f"/v1/user/courses/list/{person.user_id}", person))
    for answer in answers:
        assert answer.status_code == 200 or answer.headers["retry-after"], answer.text
        yield answer.status_code, answer.headers.get("retry-after")
