"""Evaluation: which learners have earned what their batches award. Facts are loaded for many learners at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from lernbatch import log
from lernbatch.certificate import rules
from lernbatch.certificate.model import CertificateStatus
from lernbatch.course import actions as courses
from lernbatch.course.model import Course
from lernbatch.database import db, sql
from lernbatch.errors import Upstream
from lernbatch.services import Services
from lernbatch.sunbird.users import ACTIVE, Profile
from lernbatch.template import criteria
from lernbatch.template.model import (
    BestScore,
    CriteriaOutcome,
    CriteriaResult,
    DecidedCertificate,
    LearnerFacts,
    StatusDecision,
    Template,
)
from lernbatch.template.wire import read_templates

Q = sql.load("lernbatch.certificate")

EnrolmentKey: TypeAlias = tuple[str, str]  # learner and batch
_VALID = (CertificateStatus.ACTIVE, CertificateStatus.SUSPENDED)  # of certificates that a learner has


@dataclass(frozen=True, slots=True)
class DueLearner:
    """A learner who is to be evaluated in a batch. `named`: an issue call named this one; `attempts`: failed ones."""

    user_id: str
    batch_id: str
    reason: str
    re_issue: bool
    named: bool
    attempts: int

    @property
    def key(self) -> EnrolmentKey:
        return self.user_id, self.batch_id


@dataclass(frozen=True, slots=True)
class AwardingBatch:
    """What an evaluation needs of a batch. `templates`: as the batch stores them, by id."""

    batch_id: str
    course_id: str
    course_version: str | None
    created_for: Sequence[str]
    templates: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EvaluatedEnrolment:
    """What an evaluation needs of an enrolment."""

    user_id: str
    batch_id: str
    active: bool
    status: int
    completed_at: datetime | None
    updated_at: datetime
    scores: Mapping[str, Any]
    certificates: Sequence[Mapping[str, Any]]

    @property
    def key(self) -> EnrolmentKey:
        return self.user_id, self.batch_id


@dataclass(frozen=True, slots=True)
class LatestCertificate:
    """The latest certificate that a learner has of a template."""

    user_id: str
    batch_id: str
    template_id: str
    revision: int
    certificate_id: str
    name: str
    status: str


@dataclass(frozen=True, slots=True)
class MergedDecision:
    """A revoked or suspended certificate of an account that was merged into a learner's."""

    user_id: str
    batch_id: str
    template_id: str
    name: str
    status: str


@dataclass(frozen=True, slots=True)
class Earned:
    """A template that a learner has earned: what its certificate will say."""

    due: DueLearner
    batch: AwardingBatch
    template: Template
    revision: int
    course_name: str
    person: Profile
    result: CriteriaResult
    related: Mapping[str, Any]  # what the template wants copied beside the certificate
    earned_at: datetime

    def certificate_id(self, secret: bytes) -> str:
        """`secret`: see keys.secret."""
        template_id = self.template.template_id
        return rules.certificate_id(secret, self.due.batch_id, self.due.user_id, template_id, self.revision)


@dataclass(frozen=True, slots=True)
class UnsavedCertificate:
    """A certificate, signed and not yet written. `issuer`: the name of who vouches for it."""

    earned: Earned
    issuer: str
    certificate_id: str
    status_index: int
    credential: Mapping[str, Any]
    expires_at: datetime | None


@dataclass(slots=True)
class Evaluation:
    """The result for many learners: what they have earned, and why some cannot be evaluated or served now."""

    earned: list[Earned] = field(default_factory=list)
    failures: dict[EnrolmentKey, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EvaluationData:
    """Everything that many learners are evaluated by."""

    batches: Mapping[str, AwardingBatch]
    templates: Mapping[str, Sequence[Template]]  # batch id → what it awards
    courses: Mapping[str, Course | None]
    enrolments: Mapping[EnrolmentKey, EvaluatedEnrolment]
    latest: Mapping[EnrolmentKey, Mapping[str, LatestCertificate]]
    merged: Mapping[EnrolmentKey, Sequence[MergedDecision]]
    people: Mapping[str, Profile]
    failures: Mapping[str, str]  # user or batch id → why it could not be loaded


async def evaluate(services: Services, due: Sequence[DueLearner]) -> Evaluation:
    """Evaluate the learners of `due`; one whose facts cannot be read, or break a rule, is a failure of its own."""
    data, evaluation, now = await load(services, due), Evaluation(), services.clock.now()
    for row in due:
        enrolment, batch = data.enrolments.get(row.key), data.batches.get(row.batch_id)
        failure = data.failures.get(row.user_id) or data.failures.get(row.batch_id)
        if failure:
            evaluation.failures[row.key] = failure
        elif enrolment is not None and batch is not None:
            try:
                evaluation.earned += _earned(evaluation, row, batch, enrolment, data, now)
            except Exception as broken:  # noqa: BLE001 - bad data of one learner fails this learner alone
                evaluation.failures[row.key] = describe_failure("judged", row, broken)
    return evaluation


def describe_failure(done: str, row: DueLearner, broken: Exception) -> str:
    """The sentence that explain shows of a failure; the exception's text goes to the log alone."""
    log.exception(f"a learner cannot be {done}", broken, batch_id=row.batch_id)
    return f"This certificate cannot be {done} ({type(broken).__name__})."


async def load(services: Services, due: Sequence[DueLearner]) -> EvaluationData:
    """Read what the learners of `due` are evaluated by; the number of statements does not grow with theirs."""
    keys = {"user_ids": [row.user_id for row in due], "batch_ids": [row.batch_id for row in due]}
    batch_ids = sorted({row.batch_id for row in due})
    batches = {
        row.batch_id: row for row in await db.all(services.pool, AwardingBatch, Q.batches_of, batch_ids=batch_ids)
    }
    failures: dict[str, str] = {}
    course_trees: dict[str, Course | None] = {}
    for batch in batches.values():
        try:
            course_trees[batch.batch_id] = await courses.course(services, batch.course_id, batch.course_version)
        except Upstream as failed:
            log.warning("a course cannot be read", course_id=batch.course_id, error=failed.detail)
            failures[batch.batch_id] = f"The course {batch.course_id} cannot be read."
    enrolments = await db.all(services.pool, EvaluatedEnrolment, Q.enrolments_of, **keys)
    latest: dict[EnrolmentKey, dict[str, LatestCertificate]] = defaultdict(dict)
    for row in await db.all(services.pool, LatestCertificate, Q.newest_of, **keys):
        latest[row.user_id, row.batch_id][row.template_id] = row
    merged: dict[EnrolmentKey, list[MergedDecision]] = defaultdict(list)
    for decision in await db.all(services.pool, MergedDecision, Q.decided_before_merge, **keys):
        merged[decision.user_id, decision.batch_id].append(decision)
    templates = {batch_id: read_templates(batch.templates) for batch_id, batch in batches.items()}
    people, unread = await services.sunbird.users.each(sorted({row.user_id for row in enrolments}))
    if unread:
        log.warning("people cannot be read", count=len(unread), error=next(iter(unread.values())))
    failures |= dict.fromkeys(unread, "The user service did not say who this is.")
    learners = {row.key: row for row in enrolments}
    return EvaluationData(batches, templates, course_trees, learners, latest, merged, people, failures)


def results(
    row: DueLearner, batch: AwardingBatch, enrolment: EvaluatedEnrolment, data: EvaluationData
) -> Iterator[tuple[Template, CriteriaResult]]:
    """Every template of the batch with the learner's result, each evaluated on its own."""
    course = data.courses[batch.batch_id]
    assessments = course.assessment_ids if course else ()
    learner = learner_facts(enrolment, data)
    for template in data.templates[batch.batch_id]:
        yield template, criteria.evaluate(template, learner, assessments, again=row.re_issue, named=row.named)


def _earned(
    evaluation: Evaluation,
    row: DueLearner,
    batch: AwardingBatch,
    enrolment: EvaluatedEnrolment,
    data: EvaluationData,
    now: datetime,
) -> list[Earned]:
    """What one learner has earned; what is lacking is added to the failures."""
    course, person = data.courses[batch.batch_id], data.people.get(row.user_id)
    latest = data.latest.get(row.key, {})
    earned: list[Earned] = []
    names: set[str] = set()  # a learner gets one certificate of a name (contract jobs §4.1)
    # Of two templates with one name a new issue goes to that which the learner has already.
    held = {template_id for template_id, certificate in latest.items() if certificate.status in _VALID}
    ordered = sorted(results(row, batch, enrolment, data), key=lambda pair: pair[0].template_id not in held)
    for template, result in ordered:
        if result.outcome is not CriteriaOutcome.MET or person is None or person.status != ACTIVE:
            continue
        if template.name.lower() in names:
            continue
        lacking = criteria.lacking(template, person.name)
        if lacking:
            evaluation.failures[row.key] = lacking
            continue
        names.add(template.name.lower())
        previous = latest.get(template.template_id)
        name = course.name if course else batch.course_id
        places = {"state": person.state, "district": person.district, "block": person.block, "cluster": person.cluster}
        related = criteria.related(template, learner_facts(enrolment, data), places, name)
        earned.append(
            Earned(
                due=row,
                batch=batch,
                template=template,
                revision=previous.revision + 1 if previous else 1,
                course_name=name,
                person=person,
                result=result,
                related=related,
                earned_at=min(enrolment.completed_at or enrolment.updated_at, now),  # clocks of phones go ahead
            )
        )
    return earned


def learner_facts(enrolment: EvaluatedEnrolment, data: EvaluationData) -> LearnerFacts:
    """The facts about a learner that criteria are evaluated by."""
    person, latest = data.people.get(enrolment.user_id), data.latest.get(enrolment.key, {})
    issued = {str(entry.get("name", "")).lower(): str(entry.get("identifier", "")) for entry in enrolment.certificates}
    issued |= {
        certificate.name.lower(): certificate.certificate_id
        for certificate in latest.values()
        if certificate.status in _VALID
    }
    decided: list[LatestCertificate | MergedDecision] = [*latest.values(), *data.merged.get(enrolment.key, ())]
    attributes = None
    if person is not None and person.status == ACTIVE:
        names = {"rootOrgName": person.org_name, "userType": person.user_type, "userSubType": person.user_sub_type}
        attributes = {**{name: value for name, value in names.items() if value}, **person.fields}
        attributes["rootOrgId"] = person.root_org_id
    return LearnerFacts(
        user_id=enrolment.user_id,
        active=enrolment.active,
        status=enrolment.status,
        completed_at=enrolment.completed_at,
        updated_at=enrolment.updated_at,
        scores={content_id: BestScore(*score[:3]) for content_id, score in enrolment.scores.items()},
        issued=issued,
        attributes=attributes,
        decided=[
            DecidedCertificate(certificate.template_id, certificate.name, StatusDecision(certificate.status))
            for certificate in decided
            if certificate.status == CertificateStatus.SUSPENDED
            # A revoked one of whose name the learner has a newer one does not count any more.
            or (certificate.status == CertificateStatus.REVOKED and certificate.name.lower() not in issued)
        ],
    )
