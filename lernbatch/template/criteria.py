"""Criteria: who meets them, and what is missing."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from lernbatch.enrolment.model import Progress
from lernbatch.template.model import (
    AssessmentCriterion,
    BestScore,
    Criteria,
    CriteriaOutcome,
    CriteriaResult,
    LearnerFacts,
    Mode,
    ScoreBound,
    Template,
)
from lernbatch.template.rules import DAYS, SHAREABLE, passed_over

OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "EQ": operator.eq,
    "eq": operator.eq,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "ne": operator.ne,
    "!=": operator.ne,
}


NOT_COMPLETED = "not completed yet"


def evaluate(
    template: Template, learner: LearnerFacts, assessments: Sequence[str], *, again: bool = False, named: bool = False
) -> CriteriaResult:
    """Whether `learner` has earned `template`, as a tree of results.

    `assessments`: ids of the course's contents that have scores. `again`: an issued certificate does not count.
    `named`: an issue call named this learner, so a revoked or suspended certificate may be replaced.
    Source: contract jobs §4.2.
    """
    issued = learner.issued.get(template.name.lower())
    if issued is not None and not again:
        return CriteriaResult("certificate", CriteriaOutcome.ISSUED, "issued", {"identifier": issued})
    reason = passed_over(template, learner, again=again, named=named)
    if reason is not None:
        return CriteriaResult("certificate", CriteriaOutcome.UNMET, reason)
    if not learner.active:
        return CriteriaResult("certificate", CriteriaOutcome.UNMET, "not enrolled any more")
    criteria = template.criteria
    parts = (
        *enrolment_results(criteria, learner),
        *(result for part in criteria.assessments for result in assessment_results(part, learner, assessments)),
        *(attribute_result(key, required, learner) for key, required in criteria.user.items()),
    )
    for part in parts:  # every part must be met; the first that is not says why
        if part.outcome is not CriteriaOutcome.MET:
            return CriteriaResult("certificate", part.outcome, part.because, parts=parts)
    return CriteriaResult("certificate", CriteriaOutcome.MET, "all criteria met", parts=parts)


def awards_early(template: Template) -> bool:
    """Whether enrolling, or starting, may suffice: then neither a completion nor a score makes a learner due."""
    criteria = template.criteria
    beginner = LearnerFacts(
        user_id="",
        active=True,
        status=criteria.enrolment_status or 0,
        completed_at=None,
        updated_at=datetime.min.replace(tzinfo=UTC),
        scores={},
        issued={},
        attributes=criteria.user,
    )
    early = criteria.enrolment_status != Progress.COMPLETED
    return early and evaluate(template, beginner, ("an assessment",)).outcome is CriteriaOutcome.MET


def enrolment_results(criteria: Criteria, learner: LearnerFacts) -> Iterable[CriteriaResult]:
    """Whether the learner's enrolment has exactly the status asked for; nothing when none is asked for."""
    required = criteria.enrolment_status
    if required is None:
        return
    evidence = {"status": learner.status, "wanted": required}
    if learner.status == required:
        yield CriteriaResult("enrolment", CriteriaOutcome.MET, "enrolment status reached", evidence)
    elif learner.status < required:
        because = NOT_COMPLETED if required == Progress.COMPLETED else f"enrolment status {required} not reached yet"
        yield CriteriaResult("enrolment", CriteriaOutcome.WAITING, because, evidence)
    else:
        yield CriteriaResult("enrolment", CriteriaOutcome.UNMET, f"enrolment status is past {required}", evidence)


def assessment_results(
    criterion: AssessmentCriterion, learner: LearnerFacts, assessments: Sequence[str]
) -> Iterable[CriteriaResult]:
    """A result each for the criterion's score, its contents and its attempts, as far as it has them.

    `assessments`: as in evaluate.
    """
    if criterion.score is not None:
        yield score_result(criterion.mode, criterion.score, learner, assessments)
    for content_id, bound in criterion.contents.items():
        score = learner.scores.get(content_id)
        if score is None:
            evidence = {"contentId": content_id, "wanted": str(bound)}
            because = "waiting for a score"
            yield CriteriaResult("assessment of a content", CriteriaOutcome.WAITING, because, evidence)
        else:
            yield _bounded(bound, score.percent, {"contentId": content_id}, each=(score.percent,))
    if criterion.attempts is not None:
        yield attempts_result(criterion.attempts, learner, tuple(criterion.contents) or assessments)


def score_result(mode: Mode, bound: ScoreBound, learner: LearnerFacts, assessments: Sequence[str]) -> CriteriaResult:
    """Whether the scores meet the bound: any of them, all of them, or their average, in percent.

    Of ANY and AVERAGE a missing score counts as 0; ALL waits for each.
    """
    percents = {
        content_id: learner.scores[content_id].percent for content_id in assessments if content_id in learner.scores
    }
    evidence = {"percents": percents, "mode": mode.value, "wanted": str(bound)}
    if mode is Mode.ALL:
        missing = [content_id for content_id in assessments if content_id not in percents]
        if missing:
            return CriteriaResult(
                "assessment", CriteriaOutcome.WAITING, "waiting for a score", {**evidence, "missing": missing}
            )
        return _bounded(bound, min(percents.values(), default=0.0), evidence, each=tuple(percents.values()))
    if mode is Mode.AVERAGE:
        score = sum(percents.values()) / len(assessments) if assessments else 0.0
    else:
        score = max(percents.values(), default=0.0)
    if not percents and not holds(bound, score):
        return CriteriaResult("assessment", CriteriaOutcome.WAITING, "waiting for a score", evidence)
    return _bounded(bound, score, evidence, each=(score,))


def _bounded(bound: ScoreBound, score: float, evidence: Mapping[str, object], each: Sequence[float]) -> CriteriaResult:
    evidence = {**evidence, "percent": score, "wanted": str(bound)}
    if all(holds(bound, value) for value in each):
        return CriteriaResult("assessment", CriteriaOutcome.MET, f"score {bound} %", evidence)
    return CriteriaResult("assessment", CriteriaOutcome.UNMET, missed(bound), evidence)


def attempts_result(bound: ScoreBound, learner: LearnerFacts, contents: Sequence[str]) -> CriteriaResult:
    """Whether the number of attempts at each of `contents` that was tried meets the bound."""
    attempts = {
        content_id: learner.scores[content_id].attempts for content_id in contents if content_id in learner.scores
    }
    evidence = {"attempts": attempts, "wanted": str(bound)}
    if all(holds(bound, count) for count in attempts.values()):
        return CriteriaResult("attempts", CriteriaOutcome.MET, f"attempts {bound}", evidence)
    return CriteriaResult("attempts", CriteriaOutcome.UNMET, f"attempts are not {bound}", evidence)


def attribute_result(key: str, required: object, learner: LearnerFacts) -> CriteriaResult:
    """Whether an attribute of the user equals what is required; the evidence tells values only of SHAREABLE ones."""
    if learner.attributes is None:
        return CriteriaResult("user", CriteriaOutcome.UNMET, "the user is unknown or blocked", {"attribute": key})
    evidence: dict[str, object] = {"attribute": key}
    if key in SHAREABLE:
        evidence |= {"is": learner.attributes.get(key), "wanted": required}
    if key in learner.attributes and learner.attributes[key] == required:
        return CriteriaResult("user", CriteriaOutcome.MET, f"{key} is as asked", evidence)
    return CriteriaResult("user", CriteriaOutcome.UNMET, f"{key} is another", evidence)


def holds(bound: ScoreBound, value: float) -> bool:
    """Whether the value meets the bound; an operator nobody knows is never met (contract jobs §4.2)."""
    compare = OPERATORS.get(bound.operator)
    return compare is not None and compare(value, bound.threshold)


def missed(bound: ScoreBound) -> str:
    """Why a score does not suffice, in the words of a report."""
    if bound.operator in (">=", ">"):
        return f"below {bound.threshold:g} %"
    return f"score is not {bound} %"


def lacking(template: Template, recipient_name: str) -> str | None:
    """Why a certificate that is earned cannot be issued, as a sentence (contract jobs §4.5)."""
    if not template.name:
        return f"The template {template.template_id} has no name."
    if not template.issuer.name:
        return f"The template {template.template_id} has no issuer."
    if not template.signatories:
        return f"The template {template.template_id} has no signatory."
    if template.valid_days is not None and template.valid_days not in DAYS:
        return f"The template {template.template_id} is not valid for 1 to {DAYS[-1]} days."
    return None if recipient_name else "The user service knows no name of this learner."


def percent_of(result: CriteriaResult) -> float | None:
    """The score that counted; None where none was asked for."""
    for part in result.parts:
        percent = part.evidence.get("percent")
        if isinstance(percent, int | float):
            return float(percent)
    return None


def related(template: Template, learner: LearnerFacts, places: Mapping[str, str], course_name: str) -> dict[str, Any]:
    """What a template's additionalProps have copied beside the certificate: the user's flat, others under their block.

    Of the user only what is SHAREABLE. Source: contract jobs §4.1, §4.4.
    """
    attributes = learner.attributes or {}
    blocks: dict[str, Mapping[str, Any]] = {
        "enrollment": {"status": learner.status},
        "assessment": {"score": {content_id: score.percent for content_id, score in learner.scores.items()}},
        "location": places,
        "course": {"name": course_name},
    }
    out: dict[str, Any] = {}
    for block, names in template.extras.items():
        texts = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
        if block == "user":
            out |= {name: attributes[name] for name in texts if name in SHAREABLE and name in attributes}
        elif values := {name: blocks[block][name] for name in texts if name in blocks.get(block, {})}:
            out[block] = values
    return out


def needs_scores(criteria: Criteria) -> bool:
    return bool(criteria.assessments)


def never_satisfied(criteria: Criteria, leaf_nodes: Iterable[str], assessments: Sequence[str]) -> list[str]:
    """Why nobody can ever earn a template on this course, as sentences; empty: somebody can."""
    reasons, content_ids = [], frozenset(leaf_nodes)
    nobody = BestScore(0, 1, 0)
    for criterion in criteria.assessments:
        if criterion.score is not None and not assessments and not holds(criterion.score, nobody.percent):
            reasons.append(f"It asks for a score {criterion.score} %, and the course has no assessment.")
        for content_id in criterion.contents:
            if content_id not in content_ids:
                reasons.append(f"It asks for a score in {content_id}, which is not in the course.")
            elif content_id not in assessments:
                reasons.append(f"It asks for a score in {content_id}, which is no assessment.")
        for bound in filter(None, (criterion.score, *criterion.contents.values())):
            if bound.operator not in OPERATORS:
                reasons.append(f"It compares by {bound.operator}, which is never true.")
            elif not any(holds(bound, percent) for percent in (0, 100, bound.threshold)) or is_out_of_reach(bound):
                reasons.append(f"No score is {bound} %.")
    return reasons


def is_out_of_reach(bound: ScoreBound) -> bool:
    """Whether a bound asks for a percentage below 0 or above 100."""
    least, most = bound.threshold < 0, bound.threshold > 100
    return (bound.operator in (">=", ">", "EQ", "eq", "=") and most) or (
        bound.operator in ("<=", "<", "EQ", "eq", "=") and least
    )


def narrative(template: Template) -> str:
    """The criteria in words, for people who look at a certificate."""
    said = []
    if template.criteria.enrolment_status == Progress.COMPLETED:
        said.append("completed the course")
    for criterion in template.criteria.assessments:
        if criterion.score is not None:
            said.append(f"scored {in_words(criterion.score)} % {_MODES[criterion.mode]}")
        said.extend(f"scored {in_words(bound)} % in {content_id}" for content_id, bound in criterion.contents.items())
        if criterion.attempts is not None:
            said.append(f"needed {in_words(criterion.attempts)} attempts")
    for key, value in template.criteria.user.items():
        said.append(f"has the {key} {value}" if key in SHAREABLE else f"has the {key} that was asked for")
    if not said:
        return "Enrolled in the course."
    *before, last = said
    sentence = f"{', '.join(before)} and {last}" if before else last
    return f"{sentence[0].upper()}{sentence[1:]}."


def in_words(bound: ScoreBound) -> str:
    """>= 70 → at least 70"""
    return f"{_WORDS.get(bound.operator, bound.operator)} {bound.threshold:g}"


_MODES = {
    Mode.ANY: "in an assessment",
    Mode.ALL: "in every assessment",
    Mode.AVERAGE: "on average over all assessments",
}


_WORDS = {
    ">=": "at least",
    ">": "more than",
    "<=": "at most",
    "<": "less than",
    "EQ": "exactly",
    "eq": "exactly",
    "=": "exactly",
    "ne": "other than",
    "!=": "other than",
}
