"""Certificates in words: what a rule asks for, where a learner stands by it, and why. Pure: facts in, sentences out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lernbatch.course.model import Course
from lernbatch.enrolment.model import Progress
from lernbatch.progress import rules as progress
from lernbatch.summary.explain import Explanation
from lernbatch.template import criteria
from lernbatch.template.model import CriteriaOutcome, CriteriaResult, Mode, ScoreBound, Template
from lernbatch.wording.words import Words

_MARKS = {
    CriteriaOutcome.MET: "y",
    CriteriaOutcome.ISSUED: "y",
    CriteriaOutcome.WAITING: "h",
    CriteriaOutcome.UNMET: "n",
}


@dataclass(frozen=True, slots=True)
class CriterionStep:
    """One part of a rule and how a learner stands by it. `mark`: y met, h not yet, n not met."""

    mark: str
    state: str
    text: str
    detail: str


def rule(template: Template, course: Course | None, words: Words) -> list[str]:
    """What the rule asks for, a part each: complete the course; score 70 % or more in the final quiz."""
    required, _ = template.criteria, words._
    parts = []
    if required.enrolment_status is not None:
        parts.append(_status(required.enrolment_status, words))
    for criterion in required.assessments:
        if criterion.score is not None:
            parts.append(_score(criterion.score, criterion.mode, words))
        for content_id, bound in criterion.contents.items():
            name = _name(course, content_id)
            parts.append(_("score %(bound)s in %(name)s", bound=percent_bound(bound, words), name=name))
        if criterion.attempts is not None:
            parts.append(_("use %(bound)s attempts", bound=count_bound(criterion.attempts, words)))
    parts += [_attribute(attribute, words) for attribute in required.user]
    return parts or [_("are in the batch")]


def can_be_met(template: Template, course: Course | None) -> bool:
    """Whether anybody can ever meet the rule. A course that is not known now is given the benefit of the doubt."""
    if course is None:
        return True
    return not criteria.never_satisfied(template.criteria, course.leaf_node_ids, course.assessment_ids)


def percent_bound(bound: ScoreBound, words: Words) -> str:
    """>= 70 → 70 % or more"""
    return _bound(bound, words.percent(bound.threshold / 100), words)


def count_bound(bound: ScoreBound, words: Words) -> str:
    """<= 3 → at most 3"""
    return _bound(bound, words.number(bound.threshold), words)


def sentence(explanation: Explanation, words: Words, *, is_own: bool) -> str:
    """Where the learner stands in one sentence: what there is, or what is missing for the first certificate.

    `is_own`: it is said to the learner.
    """
    _, enrolment, results = words._, explanation.enrolment, explanation.certificates.results
    if not enrolment.active:
        return _("You have left this batch. What you did is kept.") if is_own else _("Has left this batch.")
    done, total = done_of(explanation.course, explanation)
    if not results:
        if enrolment.status == Progress.COMPLETED:
            if is_own:
                return _("You have completed the course. This batch gives no certificate.")
            return _("Has completed the course. This batch gives no certificate.")
        return _("%(done)s of %(total)s are done.", done=words.number(done), total=words.number(total))
    missing = [(template, result) for template, result in results if result.outcome is not CriteriaOutcome.ISSUED]
    if not missing:
        return _("You have your certificate.") if is_own else _("Has the certificate.")
    if all(result.outcome is CriteriaOutcome.MET for _template, result in missing):
        due = explanation.certificates.waiting
        if due is not None and due.parked:
            return _("A certificate is earned. Making it failed; who runs the batch can see why and have it made.")
        return _("A certificate is earned. It is being made: look again in a moment.")
    _template, result = next(pair for pair in missing if pair[1].outcome is not CriteriaOutcome.MET)
    part = next((part for part in result.parts if part.outcome is not CriteriaOutcome.MET), result)
    return _("No certificate yet: %(why)s.", why=_why(part, explanation, words))


def steps(result: CriteriaResult, explanation: Explanation, words: Words) -> list[CriterionStep]:
    """Each part of a rule, met or not, with what it was judged by."""
    states = {
        CriteriaOutcome.MET: words._("Met:"),
        CriteriaOutcome.ISSUED: words._("Met:"),
        CriteriaOutcome.WAITING: words._("Not yet:"),
        CriteriaOutcome.UNMET: words._("Not met:"),
    }
    parts: Sequence[CriteriaResult] = result.parts or (result,)
    return [
        CriterionStep(_MARKS[part.outcome], states[part.outcome], *_step(part, explanation, words)) for part in parts
    ]


def done_of(course: Course, explanation: Explanation) -> tuple[int, int]:
    """How many of the contents that count are completed, and how many there are."""
    return len(course.required_ids) - len(progress.missing(course, explanation.states)), len(course.required_ids)


def _step(part: CriteriaResult, explanation: Explanation, words: Words) -> tuple[str, str]:
    """A part of the rule, and what it was judged by."""
    _, evidence = words._, part.evidence
    if part.rule == "enrolment":
        done, total = done_of(explanation.course, explanation)
        text = _status(int(evidence["wanted"]), words)
        return _capital(text), _("%(done)s of %(total)s are done", done=words.number(done), total=words.number(total))
    if part.rule.startswith("assessment"):
        name, bound = (
            _assessed(part, explanation, words),
            percent_bound(read_bound(str(evidence.get("wanted"))), words),
        )
        return _("%(name)s: %(bound)s", name=name, bound=bound), _best(part, words)
    if part.rule == "attempts":
        used = max((int(count) for count in evidence["attempts"].values()), default=0)
        text = _("Use %(bound)s attempts", bound=count_bound(read_bound(str(evidence["wanted"])), words))
        return text, words.ngettext("%(num)s is used", "%(num)s are used", used)
    if part.rule == "user":
        return _capital(_attribute(evidence["attribute"], words)), ""
    return _capital(words._(part.because)), ""


def _why(part: CriteriaResult, explanation: Explanation, words: Words) -> str:
    """Why a part of the rule is not met, as the second half of a sentence."""
    _ = words._
    if part.rule == "enrolment":
        done, total = done_of(explanation.course, explanation)
        if explanation.enrolment.status == Progress.COMPLETED or done >= total:
            return _("the rule is for those who have not completed the course")
        return words.ngettext("%(num)s part is missing", "%(num)s parts are missing", total - done)
    if part.rule.startswith("assessment"):
        bound = percent_bound(read_bound(str(part.evidence.get("wanted", ""))), words)
        name = _assessed(part, explanation, words)
        if "percent" not in part.evidence:
            return _("%(name)s has no score yet, it needs %(bound)s", name=name, bound=bound)
        stands = words.percent(float(part.evidence["percent"]) / 100)
        return _("%(name)s stands at %(percent)s, it needs %(bound)s", name=name, percent=stands, bound=bound)
    if part.rule == "attempts":
        return _("more attempts were used than the rule allows")
    if part.rule == "user":
        if part.evidence["attribute"] == "rootOrgId":
            return _("it is for people of another organisation")
        return _("it is for people with another %(attribute)s", attribute=part.evidence["attribute"])
    return words._(part.because)


def _assessed(part: CriteriaResult, explanation: Explanation, words: Words) -> str:
    """The name of what was scored; where any may count, of the only assessment there is."""
    content_id = part.evidence.get("contentId")
    if content_id is None and len(explanation.course.assessments) == 1:
        content_id = explanation.course.assessments[0].content_id
    return words._("the score") if content_id is None else _name(explanation.course, str(content_id))


def _best(part: CriteriaResult, words: Words) -> str:
    if "percent" not in part.evidence:
        return words._("no score yet")
    return words._("best so far %(percent)s", percent=words.percent(float(part.evidence["percent"]) / 100))


def _status(status: int, words: Words) -> str:
    if status == Progress.COMPLETED:
        return words._("complete the course")
    return words._("begin the course") if status == Progress.STARTED else words._("are in the batch")


def _attribute(attribute: str, words: Words) -> str:
    if attribute == "rootOrgId":
        return words._("belong to the organisation that is asked for")
    return words._("have the %(attribute)s that is asked for", attribute=attribute)


def _score(bound: ScoreBound, mode: Mode, words: Words) -> str:
    text = percent_bound(bound, words)
    if mode is Mode.ALL:
        return words._("score %(bound)s in every assessment", bound=text)
    if mode is Mode.AVERAGE:
        return words._("score %(bound)s on average over all assessments", bound=text)
    return words._("score %(bound)s in an assessment", bound=text)


def _bound(bound: ScoreBound, figure: str, words: Words) -> str:
    _ = words._
    match bound.operator:
        case ">=":
            return _("%(figure)s or more", figure=figure)
        case ">":
            return _("more than %(figure)s", figure=figure)
        case "<=":
            return _("at most %(figure)s", figure=figure)
        case "<":
            return _("less than %(figure)s", figure=figure)
        case "ne" | "!=":
            return _("anything but %(figure)s", figure=figure)
        case _other:
            return _("exactly %(figure)s", figure=figure)


def read_bound(text: str) -> ScoreBound:
    """>= 70, as the evidence of a decision has it."""
    operator, _, threshold = text.partition(" ")
    return ScoreBound(operator, float(threshold or 0))


def _name(course: Course | None, content_id: str) -> str:
    leaf = course.leaf_node_by_id.get(content_id) if course else None
    return leaf.name or content_id if leaf else content_id


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
