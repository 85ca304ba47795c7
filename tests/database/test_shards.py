"""Which shard holds a learner, reckoned as the server does."""

from __future__ import annotations

import asyncio
import random

import asyncpg

from lernbatch.database import citus, shards

SCRIPTS = (
    range(33, 127),
    range(0xC0, 0x250),
    range(0x900, 0x970),
    range(0xB85, 0xBFA),
    range(0x4E00, 0x4F00),
    [0x1F600],
)


def test_ten_thousand_ids_of_any_script_and_length_have_the_hash_of_the_server(server: str) -> None:
    chance = random.Random(20)
    ids = ["", *("x" * length for length in range(1, 40))]
    ids += [
        "".join(chr(chance.choice(chance.choice(SCRIPTS))) for _ in range(chance.randrange(1, 60)))
        for _ in range(10_000 - len(ids))
    ]

    async def hashes() -> list[int]:
        conn = await asyncpg.connect(server)
        try:
            rows = await conn.fetch(
                "SELECT hashtext(id) FROM unnest($1::text[]) WITH ORDINALITY AS learner (id, n) ORDER BY n", ids
            )
        finally:
            await conn.close()
        return [row[0] for row in rows]

    assert [shards.hashtext(user_id) for user_id in ids] == asyncio.run(hashes())


def test_a_learner_is_in_the_shard_whose_range_holds_the_hash_and_on_its_node() -> None:
    held = shards.Shards([-(2**31), -5, 0], [1, 2, 3], ["a:1", "b:1", "a:1"])
    by_shard = {held.of(f"learner-{number}") for number in range(50)}
    assert by_shard == {1, 3}
    user_id = "learner-1"
    hashed = shards.hashtext(user_id)
    narrow = shards.Shards([-(2**31), hashed, hashed + 1], [1, 2, 3], ["a:1", "b:1", "a:1"])
    assert narrow.of(user_id) == 2
    assert narrow.address_of(user_id) == "b:1"


def test_no_id_that_is_longer_than_ids_are_is_remembered() -> None:
    held = shards.Shards([-(2**31), 0], [1, 2], ["a:1", "b:1"])
    before = shards.hashtext.cache_info().currsize
    assert held.of("x" * (shards.LONGEST_CACHED + 1)) in (1, 2)
    assert shards.hashtext.cache_info().currsize == before


def test_plain_postgresql_has_no_shards(server: str) -> None:
    assert asyncio.run(citus.shards_of(server)) is None
