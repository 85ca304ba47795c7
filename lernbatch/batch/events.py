"""Events about batches: the list that a course shows, audits, mails to mentors (contract batches §6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import msgspec

from lernbatch.batch.model import Batch, BatchStatus, ChangeRequester, ListedBatch, Transfer
from lernbatch.batch.rules import day_in, enrolment_end, status_on
from lernbatch.config import Config
from lernbatch.jobs.outbox.events import CONTENT, MAIL, Event
from lernbatch.jobs.outbox.telemetry import Origin, request_audit

INVITED = ("Course Invitation", "batchMentorEnrol")
REMOVED = ("Unenrolled from Training", "batchMentorUnenrol")
LISTED_BYTES = 2**20  # of one course's list: it becomes part of the course


def listing(
    course_id: str, batches: Sequence[ListedBatch], now: datetime, platform: ZoneInfo, closes_days_before: int
) -> Event:
    """The event with a course's list of batches that have not ended; without any, the list is null.

    `batches`: the oldest first. When they do not fit in LISTED_BYTES, the newest are listed. `closes_days_before`: see
    rules.enrolment_end. Source: contract batches §6.1, jobs §1.
    """
    statuses = [
        status_on(day_in(batch.time_zone, now, platform), batch.start_date, batch.end_date) for batch in batches
    ]
    entries = [
        {
            "batchId": batch.batch_id,
            "name": batch.name,
            "createdFor": batch.created_for,
            "startDate": batch.start_date.isoformat(),
            "endDate": _day(batch.end_date),
            "enrollmentType": batch.enrolment_type,
            "status": status,
            "enrollmentEndDate": _day(enrolment_end(batch.end_date, batch.enrolment_end_date, closes_days_before)),
        }
        for batch, status in zip(batches, statuses, strict=True)
        if status is not BatchStatus.ENDED
    ]
    left = LISTED_BYTES
    for place in range(len(entries) - 1, -1, -1):
        left -= len(msgspec.json.encode(entries[place]))
        if left < 0:
            entries = entries[place + 1 :]
            break
    return Event(CONTENT, "batches", course_id, {"batches": entries or None})


def created(config: Config, now_ms: int, requester: ChangeRequester, batch: Batch) -> Event:
    """The audit of a new batch."""
    return _audit(config, now_ms, requester, batch, "Create", [(batch.course_id, "Course")])


def updated(config: Config, now_ms: int, requester: ChangeRequester, batch: Batch) -> Event:
    """The audit of a changed batch."""
    return _audit(config, now_ms, requester, batch, "Update", [])


def _audit(
    config: Config, now_ms: int, requester: ChangeRequester, batch: Batch, state: str, cdata: Sequence[tuple[str, str]]
) -> Event:
    return request_audit(
        config,
        now_ms,
        requester.origin,
        actor_id=requester.caller.user_id or "internal",
        subject={"id": batch.batch_id, "type": "CourseBatch", "rollup": {"l1": batch.course_id}},
        cdata=cdata,
        edata={"state": state, "props": list(requester.props)},
    )


def transferred(config: Config, now_ms: int, transfer: Transfer, batch_id: str, course_id: str) -> Event:
    """The audit of a batch that went from one person to another."""
    return request_audit(
        config,
        now_ms,
        Origin(channel=config.default_channel),
        actor_id=transfer.asked_by,
        subject={"id": batch_id, "type": "CourseBatch", "rollup": {"l1": course_id}},
        cdata=[(transfer.from_user_id, "User"), (transfer.to_user_id, "User")],
        edata={"state": "Update", "type": "ownership-transfer", "props": ["createdBy", "mentors"]},
    )


class MailedBatch(Protocol):
    """What a mail says of a batch: the batch itself, or a learner's place in it."""

    @property
    def batch_id(self) -> str: ...
    @property
    def course_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def start_date(self) -> date: ...
    @property
    def end_date(self) -> date | None: ...
    @property
    def created_for(self) -> Sequence[str]: ...


def mails(batch: MailedBatch, user_ids: Sequence[str], kind: tuple[str, str]) -> list[Event]:
    """One mail event per affected user. The course's name is looked up when the mail is sent.

    `kind`: subject and template.
    """
    subject, template = kind
    return [
        Event(
            MAIL,
            "batch",
            user_id,
            {
                "subject": subject,
                "emailTemplateType": template,
                "startDate": batch.start_date.isoformat(),
                "endDate": _day(batch.end_date),
                "courseId": batch.course_id,
                "batchId": batch.batch_id,
                "batchName": batch.name,
                "createdFor": list(batch.created_for),
                "recipientUserIds": [user_id],
            },
        )
        for user_id in user_ids
    ]


def mail(
    config: Config, payload: Mapping[str, Any], course_name: str, logo_url: str, org_name: str | None
) -> dict[str, Any]:
    """The request to the notification service for an event of `mails` (contract batches §6.2)."""
    fields = {key: value for key, value in payload.items() if key not in ("batchId", "createdFor")}
    return {
        **fields,
        "body": "Notification mail Body",
        "orgName": org_name,  # the reference reads it from the course, which has none
        "courseLogoUrl": logo_url,
        "courseName": course_name,
        "courseBatchUrl": f"{config.web_url}/learn/course/{payload['courseId']}/batch/{payload['batchId']}",
        "signature": config.mail_signature,
    }


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
