"""M53 and M54: what counts as a difference, of which kind, and where."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lernbatch.shadow.compare import DEEPEST, MOST_DIFFERENCES, Terms, compare
from lernbatch.shadow.model import Answer, Kind

WRITTEN = 1_790_000_000.0  # 2026-09-21T14:13:20Z


def envelope(result: Any, code: str = "OK", err: Any = None, errmsg: Any = None, **more: Any) -> dict[str, Any]:
    params = {"resmsgid": None, "msgid": "1", "err": err, "status": "success", "errmsg": errmsg}
    return {"id": "api.x", "ver": "v1", "ts": "1", "params": params, "responseCode": code, "result": result, **more}


def differences(here: Any, there: Any, statuses: tuple[int, int] = (200, 200), **terms: Any) -> list[tuple[str, str]]:
    primary, candidate = (
        Answer(status, json.dumps(body).encode()) for status, body in zip(statuses, (here, there), strict=True)
    )
    return [(str(one.kind), one.path) for one in compare(primary, candidate, Terms(**terms)).differences]


def of_results(here: Any, there: Any, **terms: Any) -> list[tuple[str, str]]:
    return differences(envelope(here), envelope(there), **terms)


def test_m53_the_status_comes_first_and_alone() -> None:
    assert differences(envelope({"a": 1}), envelope({"a": 2}, "CLIENT_ERROR"), (200, 400)) == [("status", "$status")]


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"code": "CLIENT_ERROR"}, "$.responseCode"),
        ({"err": "X"}, "$.params.err"),
        ({"errmsg": "No."}, "$.params.errmsg"),
    ],
)
def test_m53_then_the_error_and_the_result_is_not_looked_at(changed: dict[str, Any], path: str) -> None:
    assert differences(envelope({"a": 1}), envelope({}, **changed)) == [("error", path)]


def test_m53_ids_and_times_of_the_envelope_are_each_service_s_own() -> None:
    other = envelope({"a": 1}, id="api.y", ts="2030-01-01 00:00:00:000+0000", ver="v2")
    other["params"] = {"msgid": "2", "resmsgid": "3", "err": None, "errmsg": None, "status": "successful"}
    assert differences(envelope({"a": 1}), other) == []


@pytest.mark.parametrize(
    ("here", "there", "told"),
    [
        ({"a": 1}, {}, [("missing", "$.result.a")]),
        ({}, {"a": 1}, [("extra", "$.result.a")]),
        ({"a": 1}, {"a": 2}, [("value", "$.result.a")]),
        ({"a": None}, {}, [("missing", "$.result.a")]),
        ({"a": None}, {"a": 0}, [("value", "$.result.a")]),
        ({"a": 1}, {"a": "1"}, [("value", "$.result.a")]),
        ({"a": True}, {"a": 1}, [("value", "$.result.a")]),
        ({"a": {}}, {"a": []}, [("value", "$.result.a")]),
        ({"a": [1, 2]}, {"a": [2, 1]}, [("order", "$.result.a")]),
        ({"a": [1, 1, 2]}, {"a": [1, 2]}, [("missing", "$.result.a[]")]),
        ({"a": [1]}, {"a": [1, True]}, [("extra", "$.result.a[]")]),
        ({"a": [[1], [2]]}, {"a": [[1]]}, [("missing", "$.result.a[]")]),
        ({"a": [{"x": 1}]}, {"a": [{"x": 2}]}, [("value", "$.result.a[].x")]),
        ({"s": {"do_31": 1}}, {"s": {"do_31": 2}}, [("value", "$.result.s.*")]),
        ({"s": {"0140000000000": 1}}, {"s": {}}, [("missing", "$.result.s.*")]),
        ({"s": {"5f1c7a3e-5b5c-4d6e-8f00-1a2b3c4d5e6f": 1}}, {"s": {}}, [("missing", "$.result.s.*")]),
    ],
)
def test_m54_each_kind_is_told_with_its_path(here: Any, there: Any, told: list[tuple[str, str]]) -> None:
    assert of_results(here, there) == told


@pytest.mark.parametrize(("here", "there"), [(1, 1.0), (33.5, 33.50), (0, -0.0), (10**15, 1e15)])
def test_m53_numbers_count_by_value(here: float, there: float) -> None:
    assert of_results({"a": here, "b": [here]}, {"a": there, "b": [there]}) == []


def test_m54_elements_are_matched_by_what_tells_them_apart() -> None:
    here = {"courses": [{"batchId": "1", "status": 1}, {"batchId": "2", "status": 2}, {"batchId": "3", "status": 0}]}
    there = {"courses": [{"batchId": "2", "status": 2}, {"batchId": "1", "status": 0}]}
    told = [("order", "$.result.courses"), ("value", "$.result.courses[].status"), ("missing", "$.result.courses[]")]
    assert of_results(here, there) == told
    assert of_results(here, there, unordered=frozenset({"$.result.courses"})) == told[1:]


def test_m53_an_order_that_means_nothing_is_no_difference() -> None:
    assert of_results({"ids": ["a", "b", "b"]}, {"ids": ["b", "a", "b"]}, unordered=frozenset({"$.result.ids"})) == []
    here, there = {"groups": [{"n": 1}, {"n": 2}]}, {"groups": [{"n": 2}, {"n": 1}]}
    assert of_results(here, there, unordered=frozenset({"$.result.groups"})) == []


def test_m53_generated_ids_are_paired_and_equal_from_then_on() -> None:
    primary, candidate = (Answer(200, json.dumps(envelope({"processId": each})).encode()) for each in ("p-1", "c-1"))
    comparison = compare(primary, candidate, Terms(generated=frozenset({"$.result.processId"})))
    assert (comparison.differences, comparison.pairs) == ([], {"p-1": "c-1"})
    here, there = {"id": "p-1", "all": ["p-1"], "by": {"p-1": 1}}, {"id": "c-1", "all": ["c-1"], "by": {"c-1": 1}}
    assert of_results(here, there, pairs=comparison.pairs) == []
    assert of_results({"id": "p-1"}, {"id": "c-2"}, pairs=comparison.pairs) == [("value", "$.result.id")]


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("2026-09-21 14:13:20:100+0000", "2026-09-21 14:13:20:900+0000"),
        ("2026-09-21T14:13:20.100Z", "2026-09-21T14:13:20.900Z"),
        ("2026-09-21T19:43:20.100+05:30", "2026-09-21T19:43:21.000+05:30"),
        (1_790_000_000_100, 1_790_000_000_900),
    ],
)
def test_m53_moments_within_a_second_of_a_write_that_both_saw_are_one(here: Any, there: Any) -> None:
    assert of_results({"at": here}, {"at": there}, writes=[0.0, WRITTEN]) == []
    assert of_results({"at": here}, {"at": there}, writes=[WRITTEN - 60, WRITTEN + 60]) == [("value", "$.result.at")]


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("2026-09-21 14:13:20:100+0000", "2026-09-21 14:13:21:900+0000"),  # more than a second
        ("2026-09-21 14:13:20:100+0000", "2026-09-21T14:13:20.100Z"),  # another spelling is another answer
        ("2026-09-21", "2026-09-22"),
        (1_790_000_000, 1_790_000_001),  # no milliseconds: a number
        ("2026-13-41 14:13:20:100+0000", "2026-13-41 14:13:20:200+0000"),
    ],
)
def test_m53_other_moments_are_differences(here: Any, there: Any) -> None:
    assert of_results({"at": here}, {"at": there}, writes=[WRITTEN]) == [("value", "$.result.at")]


@pytest.mark.parametrize(
    ("here", "there", "told"),
    [
        (b"a,b\n1,2\n", b"a,b\n1,2\n", []),
        (b"a,b\n1,2\n", b"a,b\n1,3\n", [("value", "$body")]),
        (b"{", b"{}", [("value", "$body")]),
        (b"", b"{}", [("value", "$body")]),
        (b"[" * 100_000, b"[" * 100_000, []),
        (b"\xff", b"\xfe", [("value", "$body")]),
    ],
)
def test_m53_what_is_no_json_is_compared_as_it_is(here: bytes, there: bytes, told: list[tuple[str, str]]) -> None:
    found = compare(Answer(200, here), Answer(200, there), Terms()).differences
    assert [(str(one.kind), one.path) for one in found] == told


def test_m53_a_document_without_an_envelope_is_compared_whole() -> None:
    assert differences({"did": "a", "ts": 1}, {"did": "a", "ts": 2}) == [("value", "$.ts")]


def test_m54_the_differences_of_one_answer_have_a_bound() -> None:
    assert len(of_results({f"key{'x' * n}": n for n in range(300)}, {})) == MOST_DIFFERENCES


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=25,
)


@given(JSON)
def test_m53_an_answer_never_differs_from_itself(document: Any) -> None:
    assert of_results(document, document) == []
    assert differences(document, document) == []


@given(JSON, JSON)
def test_m53_any_two_answers_can_be_compared_and_each_way_finds_as_much(here: Any, there: Any) -> None:
    forth, back = of_results(here, there), of_results(there, here)
    assert len(forth) == len(back)
    mirrored = {"missing": "extra", "extra": "missing"}
    assert sorted((mirrored.get(kind, kind), path) for kind, path in back) == sorted(forth)
    assert (forth == []) == _equal(here, there)


def _equal(here: Any, there: Any) -> bool:
    """Equality as JSON has it: True is not 1, 1.0 is."""
    if isinstance(here, bool) or isinstance(there, bool):
        return here is there
    if isinstance(here, dict) and isinstance(there, dict):
        return here.keys() == there.keys() and all(_equal(here[key], there[key]) for key in here)
    if isinstance(here, list) and isinstance(there, list):
        return len(here) == len(there) and all(map(_equal, here, there))
    return bool(type(here) is type(there) or (isinstance(here, int | float) and isinstance(there, int | float))) and (
        here == there
    )


@given(JSON.filter(lambda value: isinstance(value, dict) and value), st.data())
def test_m54_one_planted_difference_is_found_and_no_other(document: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(document)))
    changed = copy.deepcopy(document)
    kind = data.draw(st.sampled_from([Kind.MISSING, Kind.EXTRA, Kind.VALUE]))
    if kind is Kind.MISSING:
        del changed[key]
    elif kind is Kind.EXTRA:
        changed[key + "-new"] = 1
        if key + "-new" in document:
            return
    else:
        changed[key] = {"planted": 1} if not isinstance(document[key], dict) else "planted"
    (found,) = of_results(document, changed)
    assert found[0] == str(kind)


def test_m53_what_lies_deeper_than_anything_is_walked_is_still_compared() -> None:
    def nested(value: int) -> Any:
        document: Any = value
        for _ in range(DEEPEST + 20):
            document = [[document]]
        return document

    assert of_results(nested(1), nested(1)) == []
    assert [kind for kind, _ in of_results(nested(1), nested(2))] == ["value"]
