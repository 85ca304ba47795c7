"""What the page of operation says, the worst first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from lernbatch.charts.bars import spark
from lernbatch.ops.health import Check
from lernbatch.ops.operation import JobRun, ParkedGroup, Queue
from lernbatch.ops.recent import MINUTES, Minute
from lernbatch.wording.words import N_, Words

LATE_AFTER = timedelta(minutes=5)
FAILING_FROM = 3  # failures in a row
# The names under which clients of the reference know them, and what they are here.
_NEIGHBOURS = {
    "Cassandra service": N_("Database"),
    "Elastic search service": N_("Search in the database"),
    "Content service": N_("Content service"),
}
_QUEUES = {
    ("certificate_due", None): N_("Certificates due"),
    ("outbox", "kafka"): N_("Events for Kafka"),
    ("outbox", "content"): N_("Listings of courses"),
    ("outbox", "mail"): N_("Mails"),
    ("outbox", "notification"): N_("Notifications"),
    ("outbox", "feed"): N_("Learners' feeds"),
    ("outbox", "webhook"): N_("Events for webhooks"),
    ("inbox", None): N_("Messages from Kafka"),
}


def queue_name(kind: str, destination: str | None, words: Words) -> str:
    return words._(_QUEUES.get((kind, destination), destination or kind))


def neighbours(checks: Sequence[Check], words: Words) -> list[dict[str, Any]]:
    """Every neighbour that is asked, and whether it answers."""
    return [
        {"name": words._(_NEIGHBOURS[check.name]), "is_well": check.healthy, "error": check.error}
        for check in checks
        if check.name in _NEIGHBOURS
    ]


def queues(rows: Sequence[Queue], now: datetime, words: Words) -> list[dict[str, Any]]:
    """The queues, with those of which nothing waits: a queue that is empty is well."""
    by_key = {(row.kind, row.destination): row for row in rows}
    keys = [*_QUEUES, *(key for key in by_key if key not in _QUEUES)]
    shown = []
    for kind, destination in keys:
        row = by_key.get((kind, destination)) or Queue(kind, destination, 0, 0, None)
        is_late = row.oldest_at is not None and now - row.oldest_at > LATE_AFTER
        state = ("bad", N_("parked")) if row.parked else ("warn", N_("late")) if is_late else ("good", N_("well"))
        shown.append(
            {
                "name": queue_name(kind, destination, words),
                "waiting": row.waiting,
                "oldest": words.lasting(now - row.oldest_at) if row.oldest_at and row.oldest_at < now else "–",
                "parked": row.parked,
                "kind": state[0],
                "state": words._(state[1]),
            }
        )
    return shown


def parked(groups: Sequence[ParkedGroup], words: Words) -> list[dict[str, Any]]:
    """What was given up, by what it is and why; `again`: what the button sends."""
    return [
        {
            "name": queue_name(group.kind, group.destination, words),
            "why": group.why or words._("No reason was written down."),
            "count": group.length,
            "again": group.destination or group.kind,
        }
        for group in groups
    ]


def hour(minutes: Sequence[Minute], words: Words) -> list[dict[str, Any]]:
    """The last hour as lines, each with its newest figure and its highest in words."""
    lines = (
        ("l1", words._("Requests a minute"), [minute.requests for minute in minutes], words.number),
        ("l2", words._("99 of 100 answered within"), [minute.p99_seconds for minute in minutes], _milliseconds(words)),
        ("lm", words._("Answered with a failure (5xx)"), [minute.failures for minute in minutes], words.number),
    )
    return [
        {"text": text, "line": spark(values, MINUTES, kind), "now": shown(values[-1]), "most": shown(max(values))}
        for kind, text, values, shown in lines
        if values
    ]


def _milliseconds(words: Words) -> Callable[[float], str]:
    return lambda seconds: f"{words.number(round(seconds * 1000))}\N{NO-BREAK SPACE}ms"


def jobs(runs: Sequence[JobRun], words: Words) -> list[dict[str, Any]]:
    return [
        {
            "kind": run.kind,
            "ran": words._("running now") if run.running else words.ago(run.last_run_at),
            "did": run.last_count,
            "failures": run.failures,
            "error": run.last_error,
        }
        for run in runs
    ]


def worst(
    checks: Sequence[Check],
    groups: Sequence[ParkedGroup],
    rows: Sequence[Queue],
    runs: Sequence[JobRun],
    now: datetime,
    words: Words,
) -> tuple[str, str, str]:
    """The worst thing: its colour, what it is, and what it means for people."""
    for check in checks:
        if not check.healthy and check.name in _NEIGHBOURS:
            name = words._(_NEIGHBOURS[check.name])
            effect = words._("Learners notice nothing; what others must be told waits, and is told when it is back.")
            return "bad", words._("%(name)s does not answer.", name=name), effect
    if groups:
        count = sum(group.length for group in groups)
        text = words.ngettext("%(num)s thing was given up.", "%(num)s things were given up.", count)
        return "bad", text, words._("It stays until somebody sends it again.")
    failing = [run for run in runs if run.failures >= FAILING_FROM]
    if failing:
        text = words._("The job %(kind)s fails.", kind=failing[0].kind)
        return "warn", text, words._("It is tried again with growing pauses.")
    late = [row for row in rows if row.oldest_at is not None and now - row.oldest_at > LATE_AFTER]
    if late:
        name = queue_name(late[0].kind, late[0].destination, words)
        return "warn", words._("%(name)s: the first waits for longer than five minutes.", name=name), ""
    return "good", words._("Nothing is stuck."), ""
