"""What a file is made of: the statement that reads its rows, and the report that makes lines of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lernbatch.course.model import Course
from lernbatch.database import sql
from lernbatch.database.db import Connection
from lernbatch.person import model
from lernbatch.report import metrics, progress, response, summary, user_info
from lernbatch.report.model import Dataset, Filters, Report, ReportBatch
from lernbatch.services import Services

Q = sql.load("lernbatch.exhaust")


@dataclass(frozen=True, slots=True)
class ReportScope:
    """What a file is about: one batch, or several in a report that spans them. `channel`: who asks, and sees of other
    organisations' courses their own learners only. `courses` by batch id. `consumer_id`: whom consent must be given
    to. `titles` of question sets by id."""

    dataset: Dataset
    batches: tuple[ReportBatch, ...]
    courses: Mapping[str, Course]
    channel: str
    consumer_id: str
    filters: Filters
    extras: tuple[str, ...]
    titles: Mapping[str, str]
    unseal: Callable[[str, bytes | None], model.Personal]

    @property
    def batch(self) -> ReportBatch:
        return self.batches[0]

    @property
    def course(self) -> Course:
        return self.courses[self.batch.batch_id]

    @property
    def foreign_ids(self) -> list[str]:
        """The batches of other organisations' courses."""
        return [one.batch_id for one in self.batches if self.courses[one.batch_id].channel != self.channel]


@dataclass(frozen=True, slots=True)
class Source:
    report: Report
    statement: sql.Statement
    parameters: dict[str, object]


async def source(conn: Connection, services: Services, subject: ReportScope) -> Source:
    """The source of a file; `conn` holds the snapshot that it will be read from."""
    zone = {"zone": services.clock.zone.key}
    if subject.dataset.spans_batches:
        return _spanning(services, subject)
    if subject.dataset in (Dataset.COURSE_PROGRESS, Dataset.ASSESSMENT):
        parameters = _who(subject) | zone | _consenting(services, subject)
        return Source(_metrics(services, subject), Q.metric_rows, parameters)
    if subject.dataset is Dataset.PROGRESS:
        return Source(await _progress(conn, services, subject), Q.progress_rows, _who(subject) | zone)
    if subject.dataset is Dataset.RESPONSE:
        report = response.response(subject.course, subject.batch, subject.titles, services.clock.zone)
        return Source(report, Q.response_rows, _who(subject))
    report = user_info.user_info(
        subject.course,
        subject.batch,
        subject.unseal,
        with_status=services.config.exhaust_account_status,
        with_external_id="externalId" in subject.extras,
    )
    return Source(report, Q.user_info_rows, _who(subject) | zone | _consenting(services, subject))


def basis(services: Services, subject: ReportScope) -> Source:
    """Why each person's data may be in a user info exhaust: the same people, with the consent that each has given."""
    parameters = _who(subject) | {"zone": services.clock.zone.key} | _consenting(services, subject)
    return Source(user_info.basis(), Q.user_info_rows, parameters)


async def _progress(conn: Connection, services: Services, subject: ReportScope) -> Report:
    scored = await conn.fetch(Q.scored_contents.text, subject.batch.batch_id)
    return progress.progress(subject.course, subject.batch, {row[0] for row in scored}, _options(services, subject))


def _options(services: Services, subject: ReportScope) -> progress.ProgressOptions:
    return progress.ProgressOptions(
        today=services.clock.today(),
        as_before=services.config.exhaust_progress_as_before,
        categories=services.config.exhaust_assessment_categories,
        extras=subject.extras,
    )


def _metrics(services: Services, subject: ReportScope) -> Report:
    if subject.dataset is Dataset.ASSESSMENT:
        return metrics.assessment(subject.course, subject.unseal, _options(services, subject))
    return metrics.course_progress(subject.course, subject.unseal)


def _spanning(services: Services, subject: ReportScope) -> Source:
    batches = {batch.batch_id: batch for batch in subject.batches}
    if subject.dataset is Dataset.ENROLMENTS:
        report = summary.enrolments(batches, subject.courses, services.clock.today())
    elif subject.dataset is Dataset.SUMMARY_BY_STATE:
        report = summary.summary_by_state(batches, subject.courses)
    else:
        report = summary.summary(batches, subject.courses, services.clock.now())
    parameters: dict[str, object] = {
        "batch_ids": list(batches),
        "foreign_ids": subject.foreign_ids,
        "channel": subject.channel,
        "by_state": subject.dataset is not Dataset.ENROLMENTS,
        "by_district": subject.dataset is Dataset.SUMMARY,
        "with_empty": subject.dataset is Dataset.ENROLMENTS,
    }
    return Source(report, Q.summary_rows, parameters)


def _consenting(services: Services, subject: ReportScope) -> dict[str, object]:
    return {"consumer_id": subject.consumer_id, "now": services.clock.now()}


def _who(subject: ReportScope) -> dict[str, object]:
    """The parameters that say which learners; None: whoever."""
    filters = subject.filters
    return {
        "batch_id": subject.batch.batch_id,
        "channel": subject.channel if subject.foreign_ids else None,
        "organisation_ids": filters.organisation_ids,
        "districts": filters.districts,
        "blocks": filters.blocks,
        "statuses": filters.statuses,
        "user_ids": filters.user_ids,
        "added_by": filters.added_by,
        "changed_since": filters.changed_since,
    }
