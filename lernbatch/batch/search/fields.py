"""Which fields of a batch can be searched, sorted and counted (contract batches §2.2), and how each stands in SQL."""

from __future__ import annotations

from dataclasses import dataclass

from lernbatch.batch.search.model import FieldKind


@dataclass(frozen=True, slots=True)
class Field:
    kind: FieldKind
    column: str  # SQL over the table batch; written here, never taken from a request
    has_facet: bool = True


_BATCH_ID = Field(FieldKind.TEXT, "batch_id")

FIELDS: dict[str, Field] = {
    "batchId": _BATCH_ID,
    "id": _BATCH_ID,
    "identifier": _BATCH_ID,
    "courseId": Field(FieldKind.TEXT, "course_id"),
    "name": Field(FieldKind.TEXT, "name"),
    "description": Field(FieldKind.TEXT, "description"),
    "enrollmentType": Field(FieldKind.TEXT, "enrolment_type"),
    "createdBy": Field(FieldKind.TEXT, "created_by"),
    "createdFor": Field(FieldKind.TEXTS, "created_for"),
    "mentors": Field(FieldKind.TEXTS, "mentors"),
    "status": Field(FieldKind.NUMBER, "status"),
    "startDate": Field(FieldKind.DAY, "start_date"),
    "endDate": Field(FieldKind.DAY, "end_date"),
    "enrollmentEndDate": Field(FieldKind.DAY, "enrolment_end_date"),
    "createdDate": Field(FieldKind.MOMENT, "created_at"),
    "updatedDate": Field(FieldKind.MOMENT, "updated_at"),
    # Other jobs of the reference wrote these into its index; here they are counted when they are asked for. As facets
    # they have no values: anybody may search, and a facet would count the learners of every batch that matches.
    "participantCount": Field(
        FieldKind.NUMBER,
        "(SELECT count(*) FROM enrolment WHERE enrolment.batch_id = batch.batch_id AND active)",
        has_facet=False,
    ),
    "completedCount": Field(
        FieldKind.NUMBER,
        "(SELECT count(*) FROM enrolment WHERE enrolment.batch_id = batch.batch_id AND active AND status = 2)",
        has_facet=False,
    ),
    # Ours: the reference does not have them.
    "enrollmentStartDate": Field(FieldKind.DAY, "enrolment_start_date"),
    "effectiveEnrollmentEndDate": Field(FieldKind.DAY, "enrolment_closes_on"),
    "capacity": Field(FieldKind.NUMBER, "capacity"),
}
