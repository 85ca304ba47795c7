"""What the pages of webhooks say."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from lernbatch.webhook.model import GIVEN_UP, TAKEN, TEST, WAITING, LoggedDelivery, Webhook
from lernbatch.wording.words import N_, Words

KIND_TEXTS = {
    "batch.created": N_("a batch was made"),
    "batch.updated": N_("a batch was changed"),
    "learner.enrolled": N_("a learner joined"),
    "learner.unenrolled": N_("a learner left"),
    "learner.completed": N_("a learner completed the course"),
    "certificate.issued": N_("a certificate was issued"),
}
_STATES = {
    TAKEN: ("good", N_("taken")),
    WAITING: ("info", N_("waits")),
    GIVEN_UP: ("bad", N_("given up")),
}


def kinds(chosen: Collection[str], words: Words) -> list[dict[str, Any]]:
    """What a webhook may hear of, to be ticked."""
    return [{"value": kind, "text": words._(text), "is_chosen": kind in chosen} for kind, text in KIND_TEXTS.items()]


def webhooks(rows: Sequence[Webhook], words: Words) -> list[dict[str, Any]]:
    return [webhook(row, words) for row in rows]


def webhook(row: Webhook, words: Words) -> dict[str, Any]:
    """Where it leads, what it hears, and whether it is told; `stopped`: why not, in the API's words."""
    heard = [words._(text) for kind, text in KIND_TEXTS.items() if kind in row.kinds]
    if row.active:
        state = ("good", words._("is told"))
    else:
        state = ("bad", words._("stopped")) if row.stopped else ("", words._("switched off"))
    return {
        "webhook_id": row.webhook_id,
        "url": row.url,
        "kinds": words.listed(heard) if heard else words._("everything"),
        "active": row.active,
        "stopped": row.stopped,
        "kind": state[0],
        "state": state[1],
        "worked_at": row.worked_at,
        "created_at": row.created_at,
    }


def deliveries(rows: Sequence[LoggedDelivery], words: Words) -> list[dict[str, Any]]:
    """The log, the newest first."""
    return [
        {
            "delivery_id": row.delivery_id,
            "what": words._("a test") if row.kind == TEST else words._(KIND_TEXTS[row.kind]),
            "created_at": row.created_at,
            "attempts": row.attempts,
            "kind": _STATES[row.state][0],
            "state": words._(_STATES[row.state][1]),
            "answer": row.error or row.status,
            "due_at": row.due_at if row.state == WAITING else None,
        }
        for row in rows
    ]
