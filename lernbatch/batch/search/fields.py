"""Which fields of a batch can be searched, sorted and counted (contract batches §2.2), and how each stands in SQL."""

from __future__ import annotations

from dataclasses import dataclass

from lernbatch.batch.search.model import Kind


@dataclass(frozen=True, slots=True)
class Field:
    kind: Kind
    column: str  # SQL over the table batch; written here, never taken from a request


_BATCH_ID = Field(Kind.TEXT, "batch_id")

FIELDS: dict[str, Field] = {
    "batchId": _BATCH_ID,
    "id": _BATCH_ID,
    "identifier": _BATCH_ID,
    "courseId": Field(Kind.TEXT, "course_id"),
    "name": Field(Kind.TEXT, "name"),
    "description": Field(Kind.TEXT, "description"),
    "enrollmentType": Field(Kind.TEXT, "enrolment_type"),
    "createdBy": Field(Kind.TEXT, "created_by"),
    "createdFor": Field(Kind.TEXTS, "created_for"),
    "mentors": Field(Kind.TEXTS, "mentors"),
    "status": Field(Kind.NUMBER, "status"),
    "startDate": Field(Kind.DAY, "start_date"),
    "endDate": Field(Kind.DAY, "end_date"),
    "enrollmentEndDate": Field(Kind.DAY, "enrolment_end_date"),
    "createdDate": Field(Kind.MOMENT, "created_at"),
    "updatedDate": Field(Kind.MOMENT, "updated_at"),
    # Other jobs of the reference wrote these into its index; here they are counted when they are asked for.
    "participantCount": Field(
        Kind.NUMBER, "(SELECT count(*) FROM enrolment WHERE enrolment.batch_id = batch.batch_id AND active)"
    ),
    "completedCount": Field(
        Kind.NUMBER,
        "(SELECT count(*) FROM enrolment WHERE enrolment.batch_id = batch.batch_id AND active AND status = 2)",
    ),
    # Ours: the reference does not have them.
    "enrollmentStartDate": Field(Kind.DAY, "enrolment_start_date"),
    "effectiveEnrollmentEndDate": Field(Kind.DAY, "enrolment_closes_on"),
    "capacity": Field(Kind.NUMBER, "capacity"),
}
