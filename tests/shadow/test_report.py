"""M54, M58 and M59: the report by route, kind and path, and when the gate opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lernbatch.shadow import report
from lernbatch.shadow.model import AnswerDifference, Entry, Kind
from tests.shadow.test_journal import write

ROUTE = "GET /v1/course/batch/read/{batch_id}"
DAY = 86_400.0


def same(count: int) -> list[Entry]:
    return [Entry(at=DAY + n, route=ROUTE, outcome="same", is_read=True) for n in range(count)]


def differing(kind: Kind, path: str = "$.result.x", **fields: Any) -> Entry:
    difference = AnswerDifference(kind, path, fields.pop("primary", 1), fields.pop("candidate", 2), **fields)
    return Entry(at=DAY, route=ROUTE, outcome="differs", is_read=True, differences=[difference])


@pytest.mark.parametrize(
    ("lines", "gate", "opens"),
    [
        (same(1000), 1.0, True),
        ([*same(999), differing(Kind.VALUE)], 0.999, True),
        ([*same(998), differing(Kind.VALUE)], 0.999, False),
        ([*same(9999), differing(Kind.STATUS, "$status")], 0.999, False),
        ([*same(9999), differing(Kind.ERROR, "$.params.err")], 0.999, False),
        ([*same(1), differing(Kind.STATUS, "$status", late=True)], 0.999, True),
        ([*same(1), differing(Kind.VALUE, late=True)], 1.0, True),
        ([*same(1), differing(Kind.EXTRA, "$.result.response.leavePolicy")], 1.0, True),  # a known one
        ([], 0.0, False),
        ([Entry(at=DAY, route=ROUTE, outcome="failed", reason="it does not answer")], 0.0, False),
        ([*same(10), Entry(at=DAY, route=ROUTE, outcome="failed", reason="it does not answer")], 1.0, True),
        ([*same(10), Entry(at=DAY, skipped=1000)], 1.0, True),
    ],
)
def test_m59_the_gate_opens_by_the_share_and_without_unexplained_errors(
    tmp_path: Path, lines: list[Entry], gate: float, opens: bool
) -> None:
    write(tmp_path, lines or [Entry(at=DAY, skipped=1)])
    assert (report.summarise(tmp_path).obstacles(gate) == []) is opens


def test_m54_the_report_has_counts_share_times_and_an_example_without_texts(tmp_path: Path) -> None:
    lines = [*same(7), differing(Kind.VALUE, primary="Asha K", candidate="Usha"), differing(Kind.VALUE)]
    late = Entry(at=3 * DAY, route=ROUTE, outcome="differs", differences=lines[-1].differences)
    write(tmp_path, [*lines, late])
    document = report.document(report.summarise(tmp_path), 0.5)
    assert (document["compared"], document["agreed"], document["share"]) == (10, 7, 0.7)
    assert document["differences"] == [
        {
            "route": ROUTE,
            "kind": "value",
            "path": "$.result.x",
            "count": 3,
            "share": 0.3,
            "first": "1970-01-02T00:00:00+00:00",
            "last": "1970-01-04T00:00:00+00:00",
            "case": None,
            "example": {"primary": "text of 6 characters", "candidate": "text of 4 characters"},
        }
    ]
    assert document["gate"] == {"share": 0.5, "open": True, "obstacles": []}


def test_m58_what_may_differ_is_told_apart_and_does_not_count(tmp_path: Path) -> None:
    known = differing(Kind.VALUE, "$.result.response.status", primary=0, candidate=1)
    write(tmp_path, [differing(Kind.VALUE, late=True), known])
    document = report.document(report.summarise(tmp_path), None)
    assert {(each["kind"], each["case"]) for each in document["differences"]} == {
        ("late", None),
        ("known", "batch-status"),
    }
    assert document["share"] == 1.0


def test_m54_what_was_not_compared_is_counted_by_its_kind(tmp_path: Path) -> None:
    failed = Entry(at=DAY, route="POST /v1/course/enroll", outcome="failed", reason="it does not answer")
    write(tmp_path, [failed, Entry(at=DAY, skipped=5), Entry(at=DAY, lost=2), *same(1)])
    summary = report.summarise(tmp_path)
    document = report.document(summary, None)
    assert (document["failed"], document["failedWrites"], document["skipped"], document["lost"]) == (1, 1, 5, 2)
    assert {(each["kind"], each["count"]) for each in document["differences"]} == {("failed", 1), ("skipped", 5)}
    assert any("1 of them writes" in str(printable) for printable in report.tables(summary))


def test_m54_the_groups_of_a_report_have_a_bound(tmp_path: Path) -> None:
    lines = [
        Entry(
            at=DAY,
            route=ROUTE,
            outcome="differs",
            differences=[AnswerDifference(Kind.VALUE, f"$.result.x{n}.y{m}") for m in range(100)],
        )
        for n in range(120)
    ]
    write(tmp_path, [*lines])
    summary = report.summarise(tmp_path)
    assert len(summary.groups) == report.MOST_GROUPS + 1
    assert sum(group.count for group in summary.groups.values()) == 12_000
