"""Who gets a certificate, as a form: the rule of a template in four fields, and what another rule would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lernbatch.certificate.explain import ChangeOfRule
from lernbatch.console.people import Names
from lernbatch.course.model import Course
from lernbatch.enrolment.model import Progress
from lernbatch.template.model import AssessmentCriterion, Criteria, Mode, ScoreBound, Template
from lernbatch.template.wire import read_template
from lernbatch.wording import awards
from lernbatch.wording.words import Words

MOST_CHECKED = 20_000  # learners of a batch who are evaluated while somebody waits
MOST_NAMED = 50
MOST_ATTEMPTS = 100
ORGANISATION = "rootOrgId"  # the attribute of a person that the platform's portal asks for, too


@dataclass(frozen=True, slots=True)
class RuleForm:
    """What the form asks of a learner beside completing the course; None and empty: nothing.

    `which`: a Mode, or the id of the only assessment that counts.
    """

    percent: int | None
    attempts: int | None
    which: str = Mode.ANY
    organisation_id: str = ""


def form_of(criteria: Criteria) -> RuleForm | None:
    """The rule as the form has it; None: it has parts that the form does not know."""
    if criteria.enrolment_status != Progress.COMPLETED or len(criteria.assessments) > 1:
        return None
    if not criteria.user.keys() <= {ORGANISATION}:
        return None
    part = criteria.assessments[0] if criteria.assessments else AssessmentCriterion(None)
    scores = [(part.mode.value, part.score)] if part.score else []
    scores += part.contents.items()
    if len(scores) > 1:
        return None
    which, score = scores[0] if scores else (Mode.ANY.value, None)
    bounds = (score or ScoreBound(">=", 0), part.attempts or ScoreBound("<=", 0))
    if [bound.operator for bound in bounds] != [">=", "<="]:
        return None
    if any(bound.threshold != int(bound.threshold) for bound in bounds):
        return None
    return RuleForm(
        None if score is None else int(score.threshold),
        None if part.attempts is None else int(part.attempts.threshold),
        which,
        str(criteria.user.get(ORGANISATION, "")),
    )


def criteria_of(form: RuleForm) -> dict[str, Any]:
    """The rule as the API's call has it."""
    criteria: dict[str, Any] = {"enrollment": {"status": int(Progress.COMPLETED)}}
    scores: dict[str, Any] = {}
    if form.percent is not None and form.which in list(Mode):
        scores = {"score": {">=": form.percent}, **({} if form.which == Mode.ANY else {"mode": form.which})}
    elif form.percent is not None:
        scores = {"contents": {form.which: {">=": form.percent}}}
    if form.attempts is not None:
        scores["attempts"] = {"<=": form.attempts}
    if scores:
        criteria["assessment" if [*scores] == ["score"] else "assessments"] = scores
    if form.organisation_id:
        criteria["user"] = {ORGANISATION: form.organisation_id}
    return criteria


def attachment(course_id: str, batch_id: str, stored: Mapping[str, Any], criteria: Mapping[str, Any]) -> dict[str, Any]:
    """The template of a batch with another rule, as the API's call has it."""
    template = {key: value for key, value in stored.items() if key != "url"}
    return {"batch": {"courseId": course_id, "batchId": batch_id, "template": {**template, "criteria": criteria}}}


def read_number(text: str, most: int) -> int | None:
    """A number from 0 to `most`; None: nothing was typed. Raises: ValueError."""
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or int(text) > most:
        raise ValueError(text)
    return int(text)


def rules(templates: Mapping[str, Any], course: Course | None, words: Words) -> list[dict[str, Any]]:
    """Each template's rule as a sentence, and as the form has it."""
    return [
        {
            "template_id": template_id,
            "name": template.name,
            "parts": awards.rule(template, course, words),
            "form": form_of(template.criteria),
            "which": _which(template, course, words),
            "can_be_met": awards.can_be_met(template, course),
        }
        for template_id, stored in templates.items()
        for template in [read_template(template_id, stored)]
    ]


def _which(template: Template, course: Course | None, words: Words) -> list[tuple[str, str]]:
    """In which assessment the score may be asked for: how those of the course make one, or one of them by name."""
    modes = {
        Mode.ANY.value: words._("any assessment, the best one counts"),
        Mode.ALL.value: words._("every assessment"),
        Mode.AVERAGE.value: words._("all assessments, on average"),
    }
    named = {content_id: content_id for part in template.criteria.assessments for content_id in part.contents}
    named |= {leaf.content_id: leaf.name for leaf in course.assessments} if course else {}
    return [*modes.items(), *named.items()]


def outcome(change: ChangeOfRule | None, names: Names, warnings: Sequence[str]) -> dict[str, Any]:
    """What another rule would do: how many have earned it before and after, and who gains and who loses."""
    if change is None:
        return {"is_counted": False, "warnings": warnings}
    return {
        "is_counted": True,
        "warnings": warnings,
        "before": change.before,
        "after": change.after,
        "gaining": _people(change.gaining, names),
        "losing": _people(change.losing, names),
    }


def _people(user_ids: Sequence[str], names: Names) -> dict[str, Any]:
    shown = [{"user_id": user_id, "name": names.of(user_id)} for user_id in user_ids[:MOST_NAMED]]
    return {"count": len(user_ids), "people": shown, "more": len(user_ids) - len(shown)}
