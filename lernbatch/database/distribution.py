"""Where the rows of each table live on Citus: every learner's rows in one shard. See docs/citus.md."""

from __future__ import annotations

from enum import StrEnum


class Placement(StrEnum):
    """How a table is kept."""

    DISTRIBUTED = "distributed"  # by user_id: all rows of a learner, of whatever table, in shards of one node
    REFERENCE = "reference"  # whole on every node: joined with everything, written rarely
    LOCAL = "local"  # on the coordinator alone: queues, requests, what belongs to no learner or is asked for as a whole


DISTRIBUTION: dict[str, Placement] = {
    "course": Placement.REFERENCE,
    "batch": Placement.REFERENCE,
    "enrolment": Placement.DISTRIBUTED,  # the first: the others are placed as it is
    "attempt": Placement.DISTRIBUTED,
    "certificate": Placement.DISTRIBUTED,
    "imported_certificate": Placement.DISTRIBUTED,
    "learner_figures": Placement.DISTRIBUTED,
    "contact": Placement.DISTRIBUTED,
    "profile": Placement.DISTRIBUTED,
    "consent": Placement.DISTRIBUTED,
    "adoption": Placement.LOCAL,
    "audit": Placement.LOCAL,
    "batch_change": Placement.LOCAL,
    "batch_figures": Placement.LOCAL,
    "batch_listing": Placement.LOCAL,
    "bulk_person": Placement.LOCAL,
    "bulk_process": Placement.LOCAL,
    "bulk_row": Placement.LOCAL,
    "certificate_due": Placement.LOCAL,
    "certificate_file": Placement.LOCAL,
    "certificate_status_list": Placement.LOCAL,
    "console_session": Placement.LOCAL,
    "ended_account": Placement.LOCAL,
    "erasure": Placement.LOCAL,
    "exhaust_request": Placement.LOCAL,
    "exhaust_turn": Placement.LOCAL,
    "idempotency_key": Placement.LOCAL,
    "imported_key": Placement.LOCAL,
    "inbox": Placement.LOCAL,
    "job": Placement.LOCAL,
    "merged_account": Placement.LOCAL,
    "outbox": Placement.LOCAL,
    "people_due": Placement.LOCAL,
    "rate_count": Placement.LOCAL,
    "roster_change": Placement.LOCAL,
    "roster_draft": Placement.LOCAL,
    "saved_view": Placement.LOCAL,
    "takeover.chunk": Placement.LOCAL,
    "takeover.lease": Placement.LOCAL,
    "takeover.pass": Placement.LOCAL,
    "takeover.played": Placement.LOCAL,
    "takeover.problem": Placement.LOCAL,
    "takeover.quarantine": Placement.LOCAL,
    "takeover.set_aside": Placement.LOCAL,
    "takeover.slice": Placement.LOCAL,
    "takeover.stage": Placement.LOCAL,
    "template_recheck": Placement.LOCAL,
    "webhook": Placement.LOCAL,
    "webhook_delivery": Placement.LOCAL,
}


def tables(kind: Placement) -> list[str]:
    """The tables of this kind, in their order."""
    return [table for table, kept in DISTRIBUTION.items() if kept is kind]
