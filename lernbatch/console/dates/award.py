"""Who gets a certificate, as a form: the rule of a template in two fields, and what another rule would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lernbatch.certificate.explain import ChangeOfRule
from lernbatch.console import awards
from lernbatch.console.people import Names
from lernbatch.console.words import Words
from lernbatch.course.model import Course
from lernbatch.enrolment.model import Progress
from lernbatch.template.model import AssessmentCriterion, Criteria, Mode, ScoreBound, Template
from lernbatch.template.wire import read_template

MOST_CHECKED = 20_000  # learners of a batch who are evaluated while somebody waits
MOST_NAMED = 50
MOST_ATTEMPTS = 100


@dataclass(frozen=True, slots=True)
class RuleForm:
    """What the form asks of a learner beside completing the course; None: nothing."""

    percent: int | None
    attempts: int | None


def form_of(criteria: Criteria) -> RuleForm | None:
    """The rule as the form has it; None: it has parts that the form does not know."""
    if criteria.enrolment_status != Progress.COMPLETED or criteria.user or len(criteria.assessments) > 1:
        return None
    for part in criteria.assessments:
        bounds = (part.score or ScoreBound(">=", 0), part.attempts or ScoreBound("<=", 0))
        if part.mode is not Mode.ANY or part.contents or [bound.operator for bound in bounds] != [">=", "<="]:
            return None
        if any(bound.threshold != int(bound.threshold) for bound in bounds):
            return None
    part = criteria.assessments[0] if criteria.assessments else AssessmentCriterion(None)
    return RuleForm(
        None if part.score is None else int(part.score.threshold),
        None if part.attempts is None else int(part.attempts.threshold),
    )


def criteria_of(form: RuleForm) -> dict[str, Any]:
    """The rule as the API's call has it."""
    criteria: dict[str, Any] = {"enrollment": {"status": int(Progress.COMPLETED)}}
    score = {} if form.percent is None else {"score": {">=": form.percent}}
    if form.attempts is not None:
        criteria["assessments"] = {**score, "attempts": {"<=": form.attempts}}
    elif score:
        criteria["assessment"] = score
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
            "form": _shown(template),
            "can_be_met": awards.can_be_met(template, course),
        }
        for template_id, stored in templates.items()
        for template in [read_template(template_id, stored)]
    ]


def _shown(template: Template) -> dict[str, str] | None:
    form = form_of(template.criteria)
    if form is None:
        return None
    return {
        "percent": "" if form.percent is None else str(form.percent),
        "attempts": "" if form.attempts is None else str(form.attempts),
    }


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
