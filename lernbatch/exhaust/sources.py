"""The source of a file: the statement that reads its rows, and the report that makes lines of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lernbatch.course.model import Course
from lernbatch.database import sql
from lernbatch.database.db import Connection
from lernbatch.person.model import Personal
from lernbatch.report.assessment import assessment
from lernbatch.report.course_progress import course_progress
from lernbatch.report.enrolments import enrolments
from lernbatch.report.model import Dataset, Filters, ReportBatch, ReportTable
from lernbatch.report.progress import ProgressOptions, progress
from lernbatch.report.response import response
from lernbatch.report.summary import summary
from lernbatch.report.summary_by_state import summary_by_state
from lernbatch.report.user_info import consent_records, user_info
from lernbatch.services import Services

Q = sql.load("lernbatch.exhaust")


@dataclass(frozen=True, slots=True)
class ReportScope:
    """What a file is about, and who asks.

    `batches`: one, or several where the dataset spans them. `courses`: by batch id. `channel`: the organisation that
    asks, which sees only its own learners of other organisations' courses. `consumer_id`: the organisation that
    consent must be given to, "" for none. `extras`: columns beside the contract's. `titles`: of question sets, by id.
    """

    dataset: Dataset
    batches: tuple[ReportBatch, ...]
    courses: Mapping[str, Course]
    channel: str
    consumer_id: str
    filters: Filters
    extras: tuple[str, ...]
    titles: Mapping[str, str]
    unseal: Callable[[str, bytes | None], Personal]

    @property
    def batch(self) -> ReportBatch:
        """The only batch, where the dataset does not span them."""
        return self.batches[0]

    @property
    def course(self) -> Course:
        """The course of the only batch."""
        return self.courses[self.batch.batch_id]

    @property
    def foreign_ids(self) -> list[str]:
        """The batches of other organisations' courses."""
        return [batch.batch_id for batch in self.batches if self.courses[batch.batch_id].channel != self.channel]

    @property
    def learners(self) -> dict[str, object]:
        """The parameters that choose learners; None: everybody."""
        return {
            "batch_id": self.batch.batch_id,
            "channel": self.channel if self.foreign_ids else None,
            "organisation_ids": self.filters.organisation_ids,
            "districts": self.filters.districts,
            "blocks": self.filters.blocks,
            "statuses": self.filters.statuses,
            "user_ids": self.filters.user_ids,
            "added_by": self.filters.added_by,
            "changed_since": self.filters.changed_since,
        }


@dataclass(frozen=True, slots=True)
class Source:
    """A report, and the statement with its parameters whose rows it expands."""

    report: ReportTable
    statement: sql.Statement
    parameters: dict[str, object]


async def source(conn: Connection, services: Services, scope: ReportScope) -> Source:
    """The source of a file; `conn` holds the snapshot from which it will be read."""
    if scope.dataset.spans_batches:
        return spanning_source(services, scope)
    config, clock, course = services.config, services.clock, scope.course
    zone: dict[str, object] = {"zone": clock.zone.key}
    consent: dict[str, object] = {"consumer_id": scope.consumer_id, "now": clock.now()}
    options = ProgressOptions(
        today=clock.today(),
        as_before=config.exhaust_progress_as_before,
        categories=config.exhaust_assessment_categories,
        extras=scope.extras,
    )
    match scope.dataset:
        case Dataset.COURSE_PROGRESS:
            report = course_progress(course, scope.unseal)
            return Source(report, Q.metric_rows, scope.learners | zone | consent)
        case Dataset.ASSESSMENT:
            report = assessment(course, scope.unseal, options)
            return Source(report, Q.metric_rows, scope.learners | zone | consent)
        case Dataset.PROGRESS:
            rows = await conn.fetch(Q.scored_contents.text, scope.batch.batch_id)
            report = progress(course, scope.batch, {row["content_id"] for row in rows}, options)
            return Source(report, Q.progress_rows, scope.learners | zone)
        case Dataset.RESPONSE:
            report = response(course, scope.batch, scope.titles, clock.zone)
            return Source(report, Q.response_rows, scope.learners)
    report = user_info(
        course,
        scope.batch,
        scope.unseal,
        with_status=config.exhaust_account_status,
        with_external_id="externalId" in scope.extras,
    )
    return Source(report, Q.user_info_rows, scope.learners | zone | consent)


def consent_source(services: Services, scope: ReportScope) -> Source:
    """The consent records of a user info exhaust: the same people, with the consent that each has given."""
    clock = services.clock
    consent = {"zone": clock.zone.key, "consumer_id": scope.consumer_id, "now": clock.now()}
    return Source(consent_records(), Q.user_info_rows, scope.learners | consent)


def spanning_source(services: Services, scope: ReportScope) -> Source:
    """A report whose rows are batches: enrolments, or the summary by state or district."""
    batches = {batch.batch_id: batch for batch in scope.batches}
    if scope.dataset is Dataset.ENROLMENTS:
        report = enrolments(batches, scope.courses, services.clock.today())
    elif scope.dataset is Dataset.SUMMARY_BY_STATE:
        report = summary_by_state(batches, scope.courses)
    else:
        report = summary(batches, scope.courses, services.clock.now())
    parameters: dict[str, object] = {
        "batch_ids": list(batches),
        "foreign_ids": scope.foreign_ids,
        "channel": scope.channel,
        "by_state": scope.dataset is not Dataset.ENROLMENTS,
        "by_district": scope.dataset is Dataset.SUMMARY,
        "with_empty": scope.dataset is Dataset.ENROLMENTS,
    }
    return Source(report, Q.summary_rows, parameters)
