"""A batch as read and search show it (contract batches §2.2, §3.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lernbatch.batch.model import Batch
from lernbatch.batch.rules import SHAREABLE, day_in, enrolment_end, may_leave, status_now
from lernbatch.config import Config
from lernbatch.web.envelope import timestamp
from lernbatch.web.schema import BatchId, CourseId, Day, Fields, UserId

# Of a certificate template, what those see who do not manage the batch: no texts of mails, nothing about people.
_PUBLIC_TEMPLATE = ("identifier", "name", "description", "url", "previewUrl", "issuer", "signatoryList", "criteria")
_PUBLIC_CRITERIA = ("enrollment", "assessment", "assessments", "user")


StatusNumber: TypeAlias = Annotated[int, Meta(description="0 upcoming, 1 ongoing, 2 ended.", ge=0, le=2)]
EnrolmentType: TypeAlias = Annotated[
    str, Meta(description="open or invite-only, in any letter case.", examples=["open"], pattern="^[A-Za-z-]+$")
]


class BatchDocument(Fields):
    """A batch as read and search show it. A search that names `fields` shows those alone."""

    batch_id: BatchId | UnsetType = UNSET
    course_id: CourseId | UnsetType = UNSET
    name: Annotated[str, Meta(examples=["June"])] | UnsetType = UNSET
    enrollment_type: EnrolmentType | UnsetType = UNSET
    status: StatusNumber | UnsetType = UNSET
    start_date: Day | UnsetType = UNSET
    end_date: Annotated[Day | None, Meta(description="The last day; null: open ended.")] | UnsetType = UNSET
    effective_enrollment_end_date: (
        Annotated[Day | None, Meta(description="The day after which nobody enrols.")] | UnsetType
    ) = UNSET
    created_by: UserId | UnsetType | None = UNSET
    created_for: list[str] | UnsetType = UNSET
    mentors: list[UserId] | UnsetType = UNSET
    created_date: str | UnsetType | None = UNSET
    updated_date: str | UnsetType | None = UNSET
    cert_templates: (
        Annotated[dict[str, dict[str, Any]], Meta(description="What is awarded, by template id.")] | UnsetType
    ) = msgspec.field(default=UNSET, name="cert_templates")


class BatchRead(Fields):
    """The answer of a read."""

    response: Annotated[BatchDocument, Meta(description="`{}` when there is no batch of that id.")]


@dataclass(slots=True)
class _ShownBatch:
    """A batch that is being shown, with what its dates depend on."""

    batch: Batch
    now: datetime
    platform: ZoneInfo
    iso: bool  # dates as UTC instants
    whole_templates: bool
    closes_days_before: int  # days between the end of enrolment and the batch's, where nothing else is said

    def first(self, day: date | None) -> str | None:
        return show_date(day) if not self.iso or day is None else _instant(day, time.min, self.zone)

    def last(self, day: date | None) -> str | None:
        return show_date(day) if not self.iso or day is None else _instant(day, time(23, 59, 59, 999_000), self.zone)

    @property
    def templates(self) -> Mapping[str, Any]:
        if self.whole_templates:
            return self.batch.templates
        return {
            name: public_template(template)
            for name, template in self.batch.templates.items()
            if isinstance(template, dict)
        }

    @property
    def may_leave(self) -> bool | None:
        """Whether learners may leave now; None where the batch has no policy."""
        if self.batch.leave_policy is None:
            return None
        today = day_in(self.batch.time_zone, self.now, self.platform)
        return may_leave(self.batch.leave_policy, today, self.batch.start_date)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.batch.time_zone) if self.batch.time_zone else self.platform


# The document of read and search (contract batches §2.2, §3.3), field by field: lists of enrolled courses show a few.
_FIELDS: dict[str, Callable[[_ShownBatch], Any]] = {
    "identifier": lambda it: it.batch.batch_id,
    "id": lambda it: it.batch.batch_id,
    "batchId": lambda it: it.batch.batch_id,
    "courseId": lambda it: it.batch.course_id,
    "collectionId": lambda it: it.batch.course_id,
    "name": lambda it: it.batch.name,
    "enrollmentType": lambda it: it.batch.enrolment_type,
    "status": lambda it: status_now(it.batch, it.now, it.platform),
    "startDate": lambda it: it.first(it.batch.start_date),
    "endDate": lambda it: it.last(it.batch.end_date),
    "enrollmentEndDate": lambda it: it.last(it.batch.enrolment_end_date),
    "effectiveEnrollmentEndDate": lambda it: it.last(
        enrolment_end(it.batch.end_date, it.batch.enrolment_end_date, it.closes_days_before)
    ),
    "createdBy": lambda it: it.batch.created_by,
    "createdFor": lambda it: it.batch.created_for,
    "mentors": lambda it: it.batch.mentors,
    "createdDate": lambda it: timestamp(it.batch.created_at.astimezone(it.platform)),
    "updatedDate": lambda it: timestamp(it.batch.updated_at.astimezone(it.platform)) if it.batch.updated_at else None,
    "certTemplates": lambda it: it.templates,
    "cert_templates": lambda it: it.templates,
}
# What is left out where it was never set: the description, and fields of our own.
_OPTIONAL: dict[str, Callable[[_ShownBatch], Any]] = {
    "description": lambda it: it.batch.description,
    "enrollmentStartDate": lambda it: it.first(it.batch.enrolment_start_date),
    "capacity": lambda it: it.batch.capacity,
    "leavePolicy": lambda it: it.batch.leave_policy,
    "isUnenrollmentAllowed": lambda it: it.may_leave,
    "timeZone": lambda it: it.batch.time_zone,
}

DOCUMENT_FIELDS = frozenset((*_FIELDS, *_OPTIONAL))


@dataclass(frozen=True, slots=True)
class BatchStyle:
    """How an installation shows batches. `iso`: dates as instants; `closes_days_before`: see rules.enrolment_end."""

    platform: ZoneInfo
    iso: bool = False
    closes_days_before: int = 1

    @classmethod
    def of(cls, config: Config) -> BatchStyle:
        return cls(config.time_zone, config.iso_dates, config.enrolment_closes_days_before_end)


def show_batch(
    batch: Batch,
    now: datetime,
    style: BatchStyle,
    *,
    fields: Iterable[str] | None = None,
    whole_templates: bool = False,
) -> dict[str, Any]:
    """The document of read and search: one shape, whoever wrote last (defects 8, 9).

    `fields`: which are shown, by default all; `whole_templates`: for those who manage the batch, others see of a
    certificate template what learners need.
    """
    showing = _ShownBatch(batch, now, style.platform, style.iso, whole_templates, style.closes_days_before)
    keys = (*_FIELDS, *_OPTIONAL) if fields is None else tuple(fields)
    document = {key: _FIELDS[key](showing) for key in keys if key in _FIELDS}
    optional = [(key, _OPTIONAL[key](showing)) for key in keys if key in _OPTIONAL]
    return document | {key: value for key, value in optional if value is not None}


def public_template(template: Mapping[str, Any]) -> dict[str, Any]:
    """A certificate template as somebody sees it who does not manage the batch."""
    shown = {key: template[key] for key in _PUBLIC_TEMPLATE if key in template}
    if isinstance(criteria := shown.get("criteria"), dict):
        criteria = {key: criteria[key] for key in _PUBLIC_CRITERIA if key in criteria}
        if isinstance(person := criteria.get("user"), dict):
            criteria["user"] = {key: person[key] for key in SHAREABLE if key in person}
        shown["criteria"] = criteria
    return shown


def show_etag(batch: Batch) -> str:
    """The revision as HTTP wants it: the text to send in `If-Match`."""
    return f'"{batch.revision}"'


def show_date(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _instant(day: date, at: time, zone: ZoneInfo) -> str:
    instant = datetime.combine(day, at, zone).astimezone(UTC)
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}Z"
