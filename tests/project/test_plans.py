"""No statement goes through a whole table of people: each one's generic plan, at a large number of rows."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from lernbatch.database import sql
from tests.project.modules import packages_with_statements

LEARNERS = 100_000
LARGE = {
    "enrolment",
    "attempt",
    "certificate",
    "certificate_due",
    "profile",
    "consent",
    "bulk_person",
    "outbox",
    "learner_figures",
}
# What may, and why.
MAY = {
    "ops.queue_lengths": "it stops at a bound",
    "ops.queues": "likewise",
    "ops.parked": "of what was given up, which is little; it stops at a bound",
    "certificate.retry_all_parked": "an operator's command, of the same",
    "erasure.erase_events": "an erasure, which is rare, goes through what waits, which is little",
    "jobs.outbox.replay_parked": "an operator's command",
    "jobs.outbox.due_events": "in the order of writing, which is the order in which they are due; it stops at a bound",
    "person.sealed_profiles": "an operator's command goes through everybody, a page at a time",
    "takeover.attempts_since": "the way back goes through everything once",
    "takeover.enrolments_since": "likewise",
    "takeover.learners_of_ours_alone": "a verification compares everything",
    "takeover.indexes_of_empty_tables": "whether there is a row at all; it stops at the first",
    "takeover.learners_drawn": "a sample is drawn of everybody, once",
    "takeover.losses": "the way back counts once what it loses",
    "progress.enrolments_to_recompute": "an operator's command goes through everybody, a page at a time",
}
MAY_OF_MANY = {
    "certificate.queue_recent_learners": "of a hundred batches at once, which is a fifth of them",
    "exhaust.summary_rows": "of as many",
    "figures.count_batches": "of as many, by a generic plan, which the action forbids",
    "mentoring.never_began": "likewise",
}
LEADING = """
SELECT i.relname AS index, regexp_replace(t.relname, '_part_\\d+$', '') AS table, a.attname AS column
  FROM pg_index x
  JOIN pg_class i ON i.oid = x.indexrelid
  JOIN pg_class t ON t.oid = x.indrelid
  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
"""
_PART = re.compile(r"_part_\d+$")  # of a table that is in parts
FILL = """
INSERT INTO batch (batch_id, course_id, name, enrolment_type, start_date, status, created_at)
SELECT 'batch-' || n, 'course-' || n % 50, 'June', 'open', '2026-06-01', 1, now()
  FROM generate_series(1, :batches) AS n;

INSERT INTO enrolment (user_id, batch_id, course_id, active, enrolled_at, updated_at)
SELECT 'user-' || n, 'batch-' || b, 'course-' || b % 50, n % 20 > 0, now() - n * interval '1 minute', now()
  FROM generate_series(1, :learners) AS n, LATERAL (SELECT 1 + n * 7 % :batches AS b) AS at;

INSERT INTO attempt (user_id, batch_id, content_id, attempt_id, course_id, attempted_ms, score, max_score, created_at,
                     updated_at)
SELECT 'user-' || n, 'batch-' || b, 'content', 'a', 'course-' || b % 50, n, 1, 2, now(), now()
  FROM generate_series(1, :learners) AS n, LATERAL (SELECT 1 + n * 7 % :batches AS b) AS at;

INSERT INTO certificate (user_id, batch_id, template_id, revision, certificate_id, course_id, name, status,
                         status_index, credential, template, decision, earned_at, issued_at, changed_at)
SELECT 'user-' || n, 'batch-' || b, 't', 1, 'certificate-' || n, 'course-' || b % 50, 'Completion',
       CASE WHEN n % 5 = 0 THEN 'superseded' ELSE 'active' END, n, '{}', '{}', '{}', now(),
       now() - n * interval '1 minute', now()
  FROM generate_series(1, :learners) AS n, LATERAL (SELECT 1 + n * 7 % :batches AS b) AS at;

INSERT INTO certificate_due (user_id, batch_id, due_at, reason)
SELECT 'user-' || n, 'batch-' || (1 + n * 7 % :batches), now() + n * interval '1 minute', 'completed'
  FROM generate_series(1, :learners) AS n;

INSERT INTO profile (user_id, status, root_org_id, fetched_at)
SELECT 'user-' || n, 1, 'org-' || n % 20, now() - n * interval '1 minute' FROM generate_series(1, :learners) AS n;

INSERT INTO learner_figures (revision, enrolled_at, measure, certificates, standing, need, reached, percentage, unit,
                             attempts, active, user_id, batch_id, added_how, units)
SELECT 1, now(), 1, 0, 1, 4, 0, 0, 1, 0, true, 'user-' || n, 'batch-' || (1 + n * 7 % :batches), 'self', '{0,0}'
  FROM generate_series(1, :learners) AS n;

INSERT INTO consent (user_id, consumer_id, object_id, status, fetched_at)
SELECT 'user-' || n, 'org-' || n % 20, 'course-' || n % 50, 'ACTIVE', now() FROM generate_series(1, :learners) AS n;

INSERT INTO bulk_process (process_id, kind, uploaded_at, rows, people)
SELECT 'process-' || n, 'batchLearnerEnrol', now(), 1, 200 FROM generate_series(1, :batches) AS n;

INSERT INTO bulk_person (process_id, place, row_number, batch_id, user_id, outcome)
SELECT 'process-' || (1 + n * 7 % :batches), n, 1, 'batch', 'user-' || n, CASE WHEN n % 9 > 0 THEN 'SUCCESS' END
  FROM generate_series(1, :learners) AS n;

INSERT INTO outbox (destination, topic, key, payload, created_at, due_at, parked)
SELECT 'kafka', 'topic', 'user-' || n, '{}', now(), now() + n * interval '1 second', n % 100 = 0
  FROM generate_series(1, :learners) AS n;
"""


def scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every node of a plan that reads a table or an index."""
    if "Scan" in plan["Node Type"]:
        yield plan
    for below in plan.get("Plans", ()):
        yield from scans(below)


def complaint(scan: dict[str, Any], leading: dict[str, tuple[str, str]]) -> str | None:
    """Why a node goes through a whole table of people; None: it does not. `leading`: index → table, first column.

    An index whose first column is not compared is read from end to end, and so is one by users within a bound alone.
    """
    relation = _PART.sub("", scan.get("Relation Name", ""))
    if scan["Node Type"] == "Seq Scan" and relation in LARGE:
        return f"reads all of {relation}"
    table, column = leading.get(scan.get("Index Name", ""), ("", ""))
    if table not in LARGE:
        return None
    condition = scan.get("Index Cond", "")
    compared = rf"\b{column} = " if column == "user_id" else rf"\b{column} (?:[<=>]|@>)"
    return None if re.search(compared, condition) else f"reads all of {scan['Index Name']} ({condition})"


async def plans(dsn: str, batches: int) -> tuple[dict[str, dict[str, Any]], dict[str, tuple[str, str]]]:
    """Statement → its generic plan, and index → its table and first column."""
    conn = await asyncpg.connect(dsn)
    found = {}
    try:
        await conn.execute(FILL.replace(":learners", str(LEARNERS)).replace(":batches", str(batches)))
        await conn.execute("ANALYZE")
        await conn.execute("SET plan_cache_mode = force_generic_plan; SET jit = off")
        for room in packages_with_statements():
            async with conn.transaction():
                for statement in sql.load(room).statements.values():
                    if statement.text.startswith("CREATE TEMP"):
                        await conn.execute(statement.text)
                        continue
                    kind = statement.text.lstrip().split(None, 1)[0].upper()
                    if kind not in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"):
                        continue
                    count = len((await conn.prepare(statement.text)).get_parameters())
                    await conn.execute(f"PREPARE looked_at AS {statement.text}")
                    values = f"({', '.join(['NULL'] * count)})" if count else ""
                    told = await conn.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE looked_at{values}")
                    await conn.execute("DEALLOCATE looked_at")
                    found[f"{room.removeprefix('lernbatch.')}.{statement.name}"] = json.loads(told)[0]["Plan"]
        rows = await conn.fetch(LEADING)
    finally:
        await conn.close()
    return found, {row["index"]: (row["table"], row["column"]) for row in rows}


async def complaints(dsn: str, batches: int) -> dict[str, str]:
    found, leading = await plans(dsn, batches)
    told = {
        name: [wrong for scan in scans(plan) if (wrong := complaint(scan, leading))] for name, plan in found.items()
    }
    return {name: "; ".join(wrong) for name, wrong in told.items() if wrong}


@pytest.mark.parametrize("batches", [500, pytest.param(5_000, marks=pytest.mark.real)])
def test_no_statement_reads_a_whole_table_of_people(dsn: str, batches: int) -> None:
    """In batches of 200 and of 20: what serves one of them may be wrong for the other."""
    found = asyncio.run(complaints(dsn, batches))
    may = MAY | (MAY_OF_MANY if batches == 500 else {})
    assert {name: why for name, why in found.items() if name not in may} == {}
    assert set(MAY) - set(found) == set(), "they no longer do"
