"""Why a learner has a certificate or has none: the same rules as issuing, with their evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from lernbatch.batch import actions as batches
from lernbatch.certificate import evaluation, pictures, rules, verification
from lernbatch.certificate.evaluation import DueLearner, EvaluationData
from lernbatch.certificate.model import Certificate
from lernbatch.database import db, sql
from lernbatch.enrolment.model import Progress
from lernbatch.errors import NotFound
from lernbatch.services import Services
from lernbatch.template import criteria
from lernbatch.template.model import CriteriaOutcome, CriteriaResult, Template
from lernbatch.template.wire import read_template, read_templates
from lernbatch.template.wire_criteria import show_result

Q = sql.load("lernbatch.certificate")
PAGE = 1000
_EARNED = frozenset({CriteriaOutcome.MET, CriteriaOutcome.ISSUED})
MAX_OF_LEARNER = 100


@dataclass(frozen=True, slots=True)
class ExplainedLearner:
    """A learner of a batch."""

    user_id: str


@dataclass(frozen=True, slots=True)
class DueState:
    """A learner's due row: when the next evaluation is, and what went wrong so far."""

    reason: str
    due_at: datetime
    attempts: int
    error: str | None
    parked: bool


@dataclass(frozen=True, slots=True)
class LearnerExplanation:
    """Everything about one learner's certificates in a batch."""

    results: list[tuple[Template, CriteriaResult]]
    waiting: DueState | None
    certificates: list[Certificate]
    undrawable: str  # characters of the name that no font draws


@dataclass(slots=True)
class TemplateTally:
    """The results of a batch's learners for one template; each learner is counted in one of `outcomes`."""

    template: Template
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)  # of those who have not earned it
    failures: Counter[str] = field(default_factory=Counter)  # why who may have earned it has none


@dataclass(frozen=True, slots=True)
class IssueFailure:
    """Why somebody's certificate could not be issued so far."""

    user_id: str
    error: str


@dataclass(frozen=True, slots=True)
class DueGroup:
    """The learners of a batch who are due, or parked, with one error."""

    learners: int
    parked: bool
    error: str | None
    due_at: datetime


@dataclass(slots=True)
class ChangeOfRule:
    """How many have earned a certificate by each of two rules, who gains one by the second, and who loses the prospect.

    What was issued counts for both: it stays.
    """

    before: int = 0
    after: int = 0
    gaining: list[str] = field(default_factory=list)
    losing: list[str] = field(default_factory=list)

    def count(self, user_id: str, before: CriteriaOutcome, after: CriteriaOutcome) -> None:
        """One learner more."""
        had, has = before in _EARNED, after in _EARNED
        self.before, self.after = self.before + had, self.after + has
        if has and not had:
            self.gaining.append(user_id)
        elif had and not has:
            self.losing.append(user_id)


@dataclass(frozen=True, slots=True)
class BatchExplanation:
    """The results of a batch: its learners, a tally of each template, and the due rows."""

    learners: int
    tallies: list[TemplateTally]
    queues: list[DueGroup]
    unread: Counter[str]


async def learner(services: Services, batch_id: str, user_id: str) -> LearnerExplanation:
    """Why this learner has or has not what the batch awards. Raises: NotFound, when not enrolled there."""
    row = DueLearner(user_id, batch_id, "explain", re_issue=False, named=False, attempts=0)
    data = await evaluation.load(services, [row])
    if row.key not in data.enrolments or batch_id not in data.batches:
        raise NotFound
    results = list(evaluation.results(row, data.batches[batch_id], data.enrolments[row.key], data))
    person = data.people.get(user_id)
    fonts = pictures.fonts(services.config.certificate_font_folder)
    certificates = await verification.of_learner(
        services, user_id, batch_id=batch_id, active_only=False, limit=MAX_OF_LEARNER
    )
    return LearnerExplanation(
        results=results,
        waiting=await db.one(services.pool, DueState, Q.due_of_learner, user_id=user_id, batch_id=batch_id),
        certificates=certificates,
        undrawable=fonts.lacks(person.name) if person else "",
    )


async def batch(services: Services, batch_id: str, templates: Mapping[str, Any] | None = None) -> BatchExplanation:
    """Evaluate all active learners of a batch. `templates`: those of a preview, instead of the batch's own."""
    tallies: dict[str, TemplateTally] = {}
    unread: Counter[str] = Counter()
    learners, after = 0, ""
    while rows := await db.all(
        services.pool, ExplainedLearner, Q.learners_of_batch, batch_id=batch_id, after=after, limit=PAGE
    ):
        page = [row.user_id for row in rows]
        due = [DueLearner(user_id, batch_id, "explain", re_issue=False, named=False, attempts=0) for user_id in page]
        data = await evaluation.load(services, due)
        if templates is not None:
            data = replace(data, templates={batch_id: read_templates(templates)})
        errors: dict[str, str] = {}
        if templates is None:
            failed = await db.all(services.pool, IssueFailure, Q.failures_of, batch_id=batch_id, user_ids=page)
            errors = {failure.user_id: failure.error for failure in failed}
        for row in due:
            _count(row, data, errors.get(row.user_id), tallies, unread)
        learners, after = learners + len(page), page[-1]
    return BatchExplanation(learners, list(tallies.values()), await due_groups(services, batch_id), unread)


async def change_of_rule(
    services: Services, batch_id: str, before: Mapping[str, Any], after: Mapping[str, Any], *, most: int
) -> ChangeOfRule | None:
    """What another rule for one template would do to the active learners of a batch, who are evaluated by both.

    `before`, `after`: the template as a batch keeps it. None: the batch has more learners than `most`.
    """
    if await batches.count_learners(services.pool, batch_id) > most:
        return None
    changed, last = ChangeOfRule(), ""
    versions = [[read_template("", stored)] for stored in (before, after)]
    while rows := await db.all(
        services.pool, ExplainedLearner, Q.learners_of_batch, batch_id=batch_id, after=last, limit=PAGE
    ):
        last = rows[-1].user_id
        due = [DueLearner(row.user_id, batch_id, "explain", re_issue=False, named=False, attempts=0) for row in rows]
        data = await evaluation.load(services, due)
        judged = [replace(data, templates={batch_id: templates}) for templates in versions]
        for row in due:
            enrolment, batch = data.enrolments.get(row.key), data.batches.get(batch_id)
            if enrolment is None or batch is None:
                continue
            outcomes = []
            for judged_by in judged:
                ((_template, result),) = evaluation.results(row, batch, enrolment, judged_by)
                outcomes.append(result.outcome)
            changed.count(row.user_id, *outcomes)
    return changed


async def due_groups(services: Services, batch_id: str) -> list[DueGroup]:
    """Who of a batch waits for a certificate, or failed, by reason; no learner is evaluated for it."""
    return await db.all(services.pool, DueGroup, Q.due_of_batch, batch_id=batch_id)


def _count(
    row: DueLearner, data: EvaluationData, error: str | None, tallies: dict[str, TemplateTally], unread: Counter[str]
) -> None:
    enrolment, batch = data.enrolments.get(row.key), data.batches.get(row.batch_id)
    if enrolment is None or batch is None:
        return
    failure = data.failures.get(row.user_id) or data.failures.get(row.batch_id)
    if failure:
        unread[failure] += 1
        for template in data.templates[row.batch_id]:
            open_yet = _needs_completion(template) and enrolment.status != Progress.COMPLETED
            _add(
                tallies,
                template,
                CriteriaOutcome.WAITING if open_yet else CriteriaOutcome.MET,
                criteria.NOT_COMPLETED,
                failure,
            )
        return
    for template, result in evaluation.results(row, batch, enrolment, data):
        _add(tallies, template, result.outcome, result.because, error)


def _add(
    tallies: dict[str, TemplateTally], template: Template, outcome: CriteriaOutcome, because: str, failure: str | None
) -> None:
    tally = tallies.setdefault(template.template_id, TemplateTally(template))
    if outcome is CriteriaOutcome.MET and failure:
        tally.outcomes["failed"] += 1
        tally.failures[failure] += 1
        return
    tally.outcomes[outcome.value] += 1
    if outcome not in _EARNED:
        tally.reasons[because] += 1


def _needs_completion(template: Template) -> bool:
    return template.criteria.enrolment_status == Progress.COMPLETED


def without_small_groups(summary: BatchExplanation) -> BatchExplanation:
    """The same without groups of so few that a count names a person, where a template asks who its learners are."""
    tallies = [
        TemplateTally(
            tally.template,
            rules.without_few(tally.outcomes),
            rules.without_few(tally.reasons),
            rules.without_few(tally.failures),
        )
        if tally.template.criteria.user
        else tally
        for tally in summary.tallies
    ]
    return replace(summary, tallies=tallies)


def in_one_line(tally: TemplateTally) -> str:
    """412 completed: 380 issued, 20 below 70 %, 9 waiting for a score, 3 failed: …; 88 not completed yet.

    Where completing is not asked for: 412 learners: …
    """
    learners, not_completed = tally.outcomes.total(), tally.reasons[criteria.NOT_COMPLETED]
    if tally.outcomes[rules.FEW]:
        least = rules.FEWEST_TOLD
        return f"{tally.template.name}: {learners} learners. What fewer than {least} share is not told apart."
    said = [f"{tally.outcomes[CriteriaOutcome.ISSUED]} issued"]
    reasons = sorted(tally.reasons.items(), key=lambda reason: (-reason[1], reason[0]))
    said += [f"{count} {why}" for why, count in reasons if why != criteria.NOT_COMPLETED]
    if met := tally.outcomes[CriteriaOutcome.MET]:
        said.append(f"{met} earned and not issued yet")
    said += [f"{count} failed: {why}" for why, count in tally.failures.most_common()]
    if not _needs_completion(tally.template):
        return f"{tally.template.name}: {learners} learners: {', '.join(said)}."
    completed = learners - not_completed
    return f"{tally.template.name}: {completed} completed: {', '.join(said)}; {not_completed} not completed yet."


def show_learner(explained: LearnerExplanation, *, manages: bool = False) -> dict[str, Any]:
    """The explanation of one learner as JSON. `manages`: for somebody who may read why a certificate was changed."""
    waiting = explained.waiting
    return {
        "templates": [
            {"identifier": template.template_id, "name": template.name, "decision": show_result(result)}
            for template, result in explained.results
        ],
        "certificates": [
            {
                "identifier": certificate.certificate_id,
                "name": certificate.name,
                "revision": certificate.revision,
                "status": certificate.status,
                "decision": certificate.decision,
                "reasonCode": certificate.change_code,
                **({"reason": certificate.change_reason, "changedBy": certificate.changed_by} if manages else {}),
            }
            for certificate in explained.certificates
        ],
        "due": None
        if waiting is None
        else {
            "reason": waiting.reason,
            "dueAt": waiting.due_at,
            "attempts": waiting.attempts,
            "error": waiting.error,
            "parked": waiting.parked,
        },
        "charactersNoFontCanDraw": explained.undrawable,
    }


def show_batch(summary: BatchExplanation) -> dict[str, Any]:
    """The explanation of a batch as JSON."""
    return {
        "learners": summary.learners,
        "templates": [
            {
                "identifier": tally.template.template_id,
                "name": tally.template.name,
                "outcomes": dict(tally.outcomes),
                "reasons": dict(tally.reasons),
                "failures": dict(tally.failures),
                "summary": in_one_line(tally),
            }
            for tally in summary.tallies
        ],
        "due": [
            {"learners": queue.learners, "parked": queue.parked, "error": queue.error, "dueAt": queue.due_at}
            for queue in summary.queues
        ],
        "unreadable": dict(summary.unread),
    }
