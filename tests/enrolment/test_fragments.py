"""Pieces of answers that are kept encoded: of bounded size, whatever callers name."""

from __future__ import annotations

import msgspec

from lernbatch.web.fragments import Fragments
from tests.learning import enrolled, new_batch
from tests.running import Running


def test_the_least_recently_used_make_room() -> None:
    fragments = Fragments(most_bytes=10_000)
    for number in range(9):
        fragments.keep(("kind", number), "x" * 600)
    assert fragments.get(("kind", 0)) == msgspec.Raw(msgspec.json.encode("x" * 600))
    fragments.keep(("kind", 9), "x" * 600)
    assert [number for number in range(10) if fragments.get(("kind", number)) is None] == [1]
    fragments.keep(("kind", "large"), "x" * 20_000)
    assert fragments.get(("kind", "large")) is None


def test_what_is_kept_under_a_key_is_replaced() -> None:
    fragments = Fragments(most_bytes=2_000)
    for number in range(100):
        fragments.keep("key", number)
    fragments.keep("another", 1)
    assert (fragments.get("key"), fragments.get("another")) == (msgspec.Raw(b"99"), msgspec.Raw(b"1"))


def test_names_that_nobody_has_make_no_fragment_of_their_own(service: Running) -> None:
    learner, kept = enrolled(service, new_batch(service)), []
    for number in range(3):
        query = {"fields": f"pkgVersion,none{number}", "batchDetails": f"status,none{number}"}
        answer = service.call("GET", f"/v1/user/courses/list/{learner.user_id}", learner, params=query)
        (entry,) = answer.json()["result"]["courses"]
        assert (entry["content"]["pkgVersion"], entry["batch"]["status"]) == (1, 1)
        kept.append(len(service.services.fragments._kept))
    assert kept[-1] - kept[0] < 2  # one, where a quarter of an hour ended meanwhile
