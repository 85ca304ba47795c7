"""A batch as read and search show it (contract batches §2.2, §3.3)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from lernbatch.batch.model import Batch
from lernbatch.batch.rules import enrolment_end, status_now
from lernbatch.envelope import timestamp


def show_batch(batch: Batch, now: datetime, platform: ZoneInfo, *, iso: bool = False) -> dict[str, Any]:
    """The document of read and search (contract batches §2.2, §3.3): one shape, whoever wrote last (defects 8, 9).

    What was never set of our own fields, and the description, is left out. `iso`: dates as UTC instants.
    """
    zone = ZoneInfo(batch.time_zone) if batch.time_zone else platform

    def first(day: date | None) -> str | None:
        return show_date(day) if not iso or day is None else _instant(day, time.min, zone)

    def last(day: date | None) -> str | None:
        return show_date(day) if not iso or day is None else _instant(day, time(23, 59, 59, 999_000), zone)

    optional = {
        "description": batch.description,
        "enrollmentStartDate": first(batch.enrolment_start_date),
        "capacity": batch.capacity,
        "leavePolicy": batch.leave_policy,
        "timeZone": batch.time_zone,
    }
    return {
        "identifier": batch.batch_id,
        "id": batch.batch_id,
        "batchId": batch.batch_id,
        "courseId": batch.course_id,
        "collectionId": batch.course_id,
        "name": batch.name,
        "enrollmentType": batch.enrolment_type,
        "status": status_now(batch, now, platform),
        "startDate": first(batch.start_date),
        "endDate": last(batch.end_date),
        "enrollmentEndDate": last(batch.enrolment_end_date),
        "effectiveEnrollmentEndDate": last(enrolment_end(batch.end_date, batch.enrolment_end_date)),
        "createdBy": batch.created_by,
        "createdFor": batch.created_for,
        "mentors": batch.mentors,
        "createdDate": timestamp(batch.created_at.astimezone(platform)),
        "updatedDate": timestamp(batch.updated_at.astimezone(platform)) if batch.updated_at else None,
        "certTemplates": batch.templates,
        "cert_templates": batch.templates,
        **{key: value for key, value in optional.items() if value is not None},
    }


def show_etag(batch: Batch) -> str:
    """The revision as HTTP wants it: the text to send in `If-Match`."""
    return f'"{batch.revision}"'


def show_date(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _instant(day: date, at: time, zone: ZoneInfo) -> str:
    instant = datetime.combine(day, at, zone).astimezone(UTC)
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}Z"
