"""Judging: everything that decides whether learners have earned what their batches award, loaded set by set."""

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
    Decision,
    LearnerFacts,
    Template,
    Withdrawal,
)
from lernbatch.template.wire import read_templates

Q = sql.load("lernbatch.certificate")

EnrolmentKey: TypeAlias = tuple[str, str]  # learner and batch


@dataclass(frozen=True, slots=True)
class DueLearner:
    """A learner who is to be judged in a batch."""

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
    """What judging needs of a batch."""

    batch_id: str
    course_id: str
    course_version: str | None
    created_for: Sequence[str]
    templates: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EvaluatedEnrolment:
    """What judging needs of an enrolment."""

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
    """What was decided about a certificate of an account that was merged into a learner's."""

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
    finding: CriteriaResult
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
    """What came of a claimed set: what was earned, and why some learners could not be judged or served."""

    earned: list[Earned] = field(default_factory=list)
    failures: dict[EnrolmentKey, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EvaluationData:
    """Everything a set of due rows is judged by."""

    batches: Mapping[str, AwardingBatch]
    templates: Mapping[str, Sequence[Template]]  # batch id → what it awards
    courses: Mapping[str, Course | None]
    enrolments: Mapping[EnrolmentKey, EvaluatedEnrolment]
    held: Mapping[EnrolmentKey, Mapping[str, LatestCertificate]]
    former: Mapping[EnrolmentKey, Sequence[MergedDecision]]
    people: Mapping[str, Profile]
    failures: Mapping[str, str]  # user or batch id → why it could not be loaded


async def evaluate(services: Services, due: Sequence[DueLearner]) -> Evaluation:
    """What the learners of `due` have earned, and why some cannot be judged or served now."""
    known, judged, now = await load(services, due), Evaluation(), services.clock.now()
    for row in due:
        enrolment, batch = known.enrolments.get(row.key), known.batches.get(row.batch_id)
        failure = known.failures.get(row.user_id) or known.failures.get(row.batch_id)
        if failure:
            judged.failures[row.key] = failure
        elif enrolment is not None and batch is not None:
            try:
                judged.earned += _earned(judged, row, batch, enrolment, known, now)
            except Exception as broken:  # noqa: BLE001 - what one learner's data cannot bear harms him alone
                judged.failures[row.key] = describe_failure("judged", row, broken)
    return judged


def describe_failure(done: str, row: DueLearner, broken: Exception) -> str:
    """Why a learner is tried again later, as explain says it; what the data said is for the log alone."""
    log.exception(f"a learner cannot be {done}", broken, batch_id=row.batch_id)
    return f"This certificate cannot be {done} ({type(broken).__name__})."


async def load(services: Services, due: Sequence[DueLearner]) -> EvaluationData:
    """Everything that `due` is judged by, in as many round trips whatever their number."""
    keys = {"user_ids": [row.user_id for row in due], "batch_ids": [row.batch_id for row in due]}
    batch_ids = sorted({row.batch_id for row in due})
    batches = {
        row.batch_id: row for row in await db.all(services.pool, AwardingBatch, Q.batches_of, batch_ids=batch_ids)
    }
    failures: dict[str, str] = {}
    trees: dict[str, Course | None] = {}
    for batch in batches.values():
        try:
            trees[batch.batch_id] = await courses.course(services, batch.course_id, batch.course_version)
        except Upstream as failed:
            log.warning("a course cannot be read", course_id=batch.course_id, error=failed.detail)
            failures[batch.batch_id] = f"The course {batch.course_id} cannot be read."
    enrolments = await db.all(services.pool, EvaluatedEnrolment, Q.enrolments_of, **keys)
    held: dict[EnrolmentKey, dict[str, LatestCertificate]] = defaultdict(dict)
    for row in await db.all(services.pool, LatestCertificate, Q.newest_of, **keys):
        held[row.user_id, row.batch_id][row.template_id] = row
    former: dict[EnrolmentKey, list[MergedDecision]] = defaultdict(list)
    for decided in await db.all(services.pool, MergedDecision, Q.decided_before_merge, **keys):
        former[decided.user_id, decided.batch_id].append(decided)
    templates = {batch_id: read_templates(batch.templates) for batch_id, batch in batches.items()}
    people, unread = await services.sunbird.users.each(sorted({row.user_id for row in enrolments}))
    if unread:
        log.warning("people cannot be read", count=len(unread), error=next(iter(unread.values())))
    failures |= dict.fromkeys(unread, "The user service did not say who this is.")
    learners = {row.key: row for row in enrolments}
    return EvaluationData(batches, templates, trees, learners, held, former, people, failures)


def results(
    row: DueLearner, batch: AwardingBatch, enrolment: EvaluatedEnrolment, known: EvaluationData
) -> Iterator[tuple[Template, CriteriaResult]]:
    """Every template of the batch, judged on its own."""
    course = known.courses[batch.batch_id]
    assessments = [leaf.content_id for leaf in course.assessments] if course else []
    learner = learner_facts(enrolment, known)
    for template in known.templates[batch.batch_id]:
        yield template, criteria.evaluate(template, learner, assessments, again=row.re_issue, named=row.named)


def _earned(
    judged: Evaluation,
    row: DueLearner,
    batch: AwardingBatch,
    enrolment: EvaluatedEnrolment,
    known: EvaluationData,
    now: datetime,
) -> list[Earned]:
    """What one learner has earned; what he lacks is noted among the failures."""
    course, person = known.courses[batch.batch_id], known.people.get(row.user_id)
    held = known.held.get(row.key, {})
    earned: list[Earned] = []
    names: set[str] = set()  # a learner gets one certificate of a name (contract jobs §4.1)
    # Of two templates with one name a new issue goes to that which the learner has already.
    ordered = sorted(results(row, batch, enrolment, known), key=lambda found: not _holds(held, found[0]))
    for template, finding in ordered:
        if finding.outcome is not CriteriaOutcome.MET or person is None or person.status != ACTIVE:
            continue
        if template.name.lower() in names:
            continue
        lacking = criteria.lacking(template, person.name)
        if lacking:
            judged.failures[row.key] = lacking
            continue
        names.add(template.name.lower())
        last = held.get(template.template_id)
        name = course.name if course else batch.course_id
        related = criteria.related(template, learner_facts(enrolment, known), _places(person), name)
        earned.append(
            Earned(
                due=row,
                batch=batch,
                template=template,
                revision=last.revision + 1 if last else 1,
                course_name=name,
                person=person,
                finding=finding,
                related=related,
                earned_at=min(enrolment.completed_at or enrolment.updated_at, now),  # clocks of phones go ahead
            )
        )
    return earned


def _holds(held: Mapping[str, LatestCertificate], template: Template) -> bool:
    return template.template_id in held and held[template.template_id].status in (
        CertificateStatus.ACTIVE,
        CertificateStatus.SUSPENDED,
    )


def learner_facts(enrolment: EvaluatedEnrolment, known: EvaluationData) -> LearnerFacts:
    """What criteria are judged by."""
    person, held = known.people.get(enrolment.user_id), known.held.get(enrolment.key, {})
    issued = {str(entry.get("name", "")).lower(): str(entry.get("identifier", "")) for entry in enrolment.certificates}
    issued |= {one.name.lower(): one.certificate_id for one in held.values() if one.status in ("active", "suspended")}
    decided: list[LatestCertificate | MergedDecision] = [*held.values(), *known.former.get(enrolment.key, ())]
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
        decisions=[
            Decision(one.template_id, one.name, Withdrawal(one.status))
            for one in decided
            if one.status == CertificateStatus.SUSPENDED
            or (
                one.status == CertificateStatus.REVOKED and one.name.lower() not in issued
            )  # else a newer one stands for it
        ],
    )


def _places(person: Profile) -> dict[str, str]:
    return {"state": person.state, "district": person.district, "block": person.block, "cluster": person.cluster}
