"""Every column that holds personal data: where it is sealed, who reads it, how long it stays, what erasing does.

A test holds each table of the database against this list, another erases somebody and looks for them in all tables;
docs/security.md prints it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Personal:
    """Columns of a table that are kept and erased alike."""

    table: str
    columns: tuple[str, ...]
    readers: str
    kept: str
    erasing: str
    sealed: str = "no"


_LEARNER = "the learner; who manages the batch; reports"
_FOR_EVER = "as long as the batch"
_BULK = "`LERNBATCH_BULK_DAYS` after the file is done"
_EXHAUST = "`LERNBATCH_EXHAUST_RETENTION_DAYS`, `LERNBATCH_EXHAUST_PERSONAL_RETENTION_DAYS`"
_AUDIT = "`LERNBATCH_AUDIT_DAYS`"
_MOVE = "until `lernbatch sunbird hand-over --clean`"
_SANDBOX = "the bundled sandbox's own, for trying out"
_THEIRS = "nothing: the user service erases it, the bundled one has no call for it"

PERSONAL = (
    Personal("batch", ("created_by", "mentors"), "anybody who searches batches", _FOR_EVER, "pseudonym"),
    Personal("enrolment", ("user_id",), _LEARNER, _FOR_EVER, "pseudonym; the figures stay"),
    Personal("enrolment", ("added_by",), "reports; analysts", _FOR_EVER, "pseudonym"),
    Personal(
        "enrolment", ("states", "states_text"), _LEARNER, _FOR_EVER, "what the player said goes; status and counts stay"
    ),
    Personal("enrolment", ("scores", "certificates"), _LEARNER, _FOR_EVER, "stays, under the pseudonym"),
    Personal(
        "attempt", ("user_id", "attempt_id", "score", "max_score"), _LEARNER, _FOR_EVER, "pseudonyms; the scores stay"
    ),
    Personal("attempt", ("questions",), _LEARNER, "`LERNBATCH_ANSWER_DAYS`; 0: as long as the batch", "emptied"),
    Personal("certificate", ("user_id",), "the holder; who manages the batch", "for ever", "pseudonym"),
    Personal(
        "certificate",
        ("credential", "template", "decision"),
        "who has the number: name and award; the rest who manages the batch",
        "for ever, so that it goes on verifying",
        "a tombstone: emptied, revoked, its bit set; the page says withdrawn, without a name",
    ),
    Personal(
        "certificate", ("changed_by", "change_reason"), "who manages the batch", "for ever", "pseudonym; reason emptied"
    ),
    Personal(
        "imported_certificate",
        ("user_id", "token"),
        "who has the number and code; the learner; who manages the batch",
        "for ever",
        "pseudonym; the code is emptied",
    ),
    Personal(
        "imported_certificate",
        ("sealed_record",),
        "who has the number: name and award",
        "for ever, so that it can be shown",
        "emptied; its page says withdrawn",
        "yes",
    ),
    Personal(
        "imported_certificate",
        ("changed_by", "change_reason"),
        "who manages the batch",
        "for ever",
        "pseudonym; reason emptied",
    ),
    Personal("certificate_due", ("user_id", "error"), "who manages the batch", "until judged", "deleted"),
    Personal(
        "profile",
        ("user_id", "root_org_id"),
        "reports; analysts",
        "as long as the enrolments; read anew for reports",
        "deleted",
    ),
    Personal(
        "profile",
        (
            "org_name",
            "state",
            "district",
            "block",
            "cluster",
            "school_id",
            "school_name",
            "board",
            "user_type",
            "user_sub_type",
        ),
        "reports; analysts; summaries, from `LERNBATCH_SMALLEST_GROUP` people on",
        "as above",
        "deleted",
        "no: reports filter by it",
    ),
    Personal(
        "profile",
        ("sealed",),
        "reports on people, where they consent",
        "as above",
        "deleted",
        "AES-GCM, bound to the person",
    ),
    Personal(
        "profile", ("name_marks",), "nobody", "as above", "deleted", "no, but by a key: of beginnings of the name"
    ),
    Personal("consent", ("user_id",), "reports", "while enrolled", "deleted"),
    Personal("bulk_process", ("uploaded_by",), "the uploader; administrators", _BULK, "pseudonym"),
    Personal("bulk_row", ("user_ids", "error"), "the uploader; administrators", _BULK, "pseudonym in the line"),
    Personal("bulk_person", ("user_id", "outcome"), "the uploader; administrators", _BULK, "pseudonym"),
    Personal(
        "roster_change",
        ("applied_by", "added", "returned", "removed"),
        "who manages the batch",
        _BULK,
        "taken out, so that no undo brings the person back; `applied_by` a pseudonym",
    ),
    Personal(
        "roster_draft",
        ("made_by", "user_ids", "sealed"),
        "who made it",
        "a week",
        "deleted",
        "AES-GCM, but for the ids",
    ),
    Personal("idempotency_key", ("scope", "answer"), "the caller", "a day", "deleted"),
    Personal(
        "outbox",
        ("key", "payload", "error"),
        "whom it is for",
        "seconds; given up: `LERNBATCH_PARKED_EVENT_DAYS`",
        "mails, notices and given-up events deleted; what waits for Kafka leaves",
    ),
    Personal(
        "inbox",
        ("subject", "value", "error"),
        "nobody",
        "seconds; given up: `LERNBATCH_PARKED_EVENT_DAYS`",
        "given-up messages deleted; what waits is handled, and then emptied",
    ),
    Personal("webhook", ("created_by",), "who administers the organisation", "until it is deleted", "pseudonym"),
    Personal(
        "webhook",
        ("sealed",),
        "nobody",
        "until it is deleted",
        "stays: its secrets are nobody's own",
        "AES-GCM, bound to the webhook",
    ),
    Personal(
        "webhook_delivery",
        ("body",),
        "who administers the organisation: what was sent, ids alone",
        "`LERNBATCH_WEBHOOK_LOG_DAYS`",
        "deleted; what was sent is out of reach",
    ),
    Personal("merged_account", ("user_id", "into_id"), "nobody", "for ever: a merge is done once", "pseudonyms"),
    Personal(
        "ended_account",
        ("user_id",),
        "nobody",
        "until no token can count: `LERNBATCH_LATE_TOKEN_DAYS` and 30 days",
        "stays so long, or tokens of the person would count",
    ),
    Personal("erasure", ("user_id",), "nobody", "until the last trace is gone", "deleted at the end"),
    Personal("adoption", ("after_user_id",), "nobody", "until the next person is reckoned", "emptied"),
    Personal("learner_figures", ("user_id", "step"), "who manages the batch", _FOR_EVER, "deleted"),
    Personal("contact", ("user_id", "how"), "who manages the batch", _FOR_EVER, "deleted"),
    Personal("contact", ("sealed",), "who manages the batch", _FOR_EVER, "deleted", "AES-GCM, bound to the contact"),
    Personal("contact", ("contacted_by",), "who manages the batch", _FOR_EVER, "pseudonym"),
    Personal("people_due", ("after_user_id",), "nobody", "until the next set of people is read", "emptied"),
    Personal(
        "exhaust_request",
        ("requested_by", "requester_id", "config"),
        "the requester",
        _EXHAUST,
        "pseudonym; requests and files that hold the person are deleted, running ones too",
    ),
    Personal(
        "console_session",
        ("user_id", "sealed"),
        "nobody",
        "12 hours, or 2 without a request",
        "deleted",
        "AES-GCM, bound to the session",
    ),
    Personal("console_session", ("kept",), "who typed it", "10 minutes", "deleted", "AES-GCM, bound to the session"),
    Personal("batch_change", ("changed_by",), "who manages the batch", _FOR_EVER, "pseudonym"),
    Personal("saved_view", ("user_id", "name", "query"), "who kept it", "for ever", "deleted"),
    Personal("audit", ("who", "whom", "about", "from_address"), "operators", _AUDIT, "pseudonym"),
    Personal("takeover.stage", ("user_id", "body"), "nobody", _MOVE, "deleted"),
    Personal(
        "takeover.problem",
        ("key", "said"),
        "operators: the report of a move",
        _MOVE,
        "pseudonym; what was odd stays counted",
    ),
    Personal(
        "takeover.quarantine",
        ("key", "sealed_row"),
        "operators: rows that wait for a decision",
        _MOVE,
        "deleted",
        "AES-GCM, but for the key",
    ),
    Personal("rate_count", ("caller_hash",), "nobody", "two minutes", "nothing: it is over", "a hash with the minute"),
    Personal("sandbox_person", ("user_id", "managed_by"), _SANDBOX, "for ever", _THEIRS),
    Personal("sandbox_consent", ("user_id",), _SANDBOX, "for ever", _THEIRS),
    Personal("sandbox_group", ("members",), _SANDBOX, "for ever", _THEIRS),
    Personal("sandbox_message", ("request",), _SANDBOX, "for ever", _THEIRS),
)

# Tables that tell of nobody, and why.
OF_NOBODY = {
    "course": "published content",
    "batch_listing": "courses",
    "batch_figures": "counts of a batch",
    "job": "kinds of work",
    "certificate_status_list": "keys of lists",
    "certificate_file": "templates and pictures of signatures, which their owners publish",
    "exhaust_turn": "organisations",
    "template_recheck": "batches",
    "imported_key": "public keys",
    "takeover.pass": "runs of commands",
    "takeover.played": "digests",
    "takeover.set_aside": "indexes",
    "takeover.lease": "processes",
    "takeover.chunk": "parts of files",
    "takeover.slice": "counts",
    "sandbox_content": "published content",
    "sandbox_organisation": "organisations",
    "sandbox_template": "templates",
    "migration": "our own",
    "sandbox_migration": "the sandbox's own",
}


def rows() -> list[str]:
    """The rows of the table in docs/security.md."""
    return [
        f"| `{one.table}` | {', '.join(f'`{column}`' for column in one.columns)} | {one.sealed} | {one.readers} |"
        f" {one.kept} | {one.erasing} |"
        for one in PERSONAL
    ]
