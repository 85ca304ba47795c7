"""The JSON of criteria, and of what became of them: the decision about a learner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lernbatch.errors import Missing, Refused, WrongType
from lernbatch.template.criteria import OPERATORS
from lernbatch.template.model import AssessmentCriterion, Criteria, CriteriaOutcome, CriteriaResult, Mode, ScoreBound
from lernbatch.template.rules import SHAREABLE
from lernbatch.web.schema import Fields

MAX_ATTRIBUTE = 200  # characters
_STATUSES: Mapping[Any, int] = {"0": 0, "1": 1, "2": 2}  # of an enrolment


class InvalidProperty(Refused):
    code = "INVALID_PROPERTY_ERROR"

    def __init__(self, block: str) -> None:
        super().__init__(f"Invalid property for {block}.")


Threshold: TypeAlias = Annotated[
    dict[str, float], Meta(description="An operator and its threshold: `>=`, `<=`, `eq`, …")
]


class EnrolmentCriterion(Fields):
    """How far an enrolment must be."""

    status: Annotated[int, Meta(description="0, 1 or 2.", examples=[2])]


class ScoreCriterion(Fields):
    """The score of any assessment of the course."""

    score: Threshold


class ScoresCriterion(Fields):
    """Scores of several assessments."""

    mode: Annotated[
        Literal["any", "all", "average"] | UnsetType, Meta(description="How several assessments make one score.")
    ] = UNSET
    score: Threshold | UnsetType = UNSET
    contents: Annotated[dict[str, Threshold] | UnsetType, Meta(description="Bounds of single contents.")] = UNSET
    attempts: Threshold | UnsetType = UNSET


class UserCriterion(Fields):
    """What a user must be."""

    root_org_id: str
    root_org_name: str | UnsetType = UNSET
    user_type: str | UnsetType = UNSET
    user_sub_type: str | UnsetType = UNSET


class TemplateCriteria(Fields):
    """To whom a template is awarded: every part that is given must hold."""

    enrollment: EnrolmentCriterion | UnsetType = UNSET
    assessment: ScoreCriterion | UnsetType = UNSET
    assessments: ScoresCriterion | UnsetType = UNSET
    user: UserCriterion | UnsetType = UNSET


class DecisionFields(Fields):
    """Why a learner has earned a template or has not."""

    rule: str
    outcome: Literal["met", "waiting", "unmet", "issued"]
    because: str
    evidence: dict[str, Any] | UnsetType = UNSET
    parts: list[dict[str, Any]] | UnsetType = UNSET


def check_criteria(criteria: Mapping[str, Any]) -> None:
    """A9 to A19, and our addition `assessments`."""
    if not any(key in criteria for key in ("enrollment", "assessment", "assessments", "user")):
        raise Missing("Enrollment or Status")
    if "enrollment" in criteria:
        enrolment = map_at(criteria, "enrollment")
        if "status" not in enrolment:
            raise Missing("status")
        if len(enrolment) > 1:
            raise InvalidProperty("Enrollment")
        if _read_status(enrolment["status"]) is None:
            raise InvalidProperty("Enrollment")
    if "assessment" in criteria:
        assessment = map_at(criteria, "assessment")
        if "score" not in assessment:
            raise Missing("score")
        if len(assessment) > 1:
            raise InvalidProperty("Assessment")
        if not any(operator in map_at(assessment, "score") for operator in (">=", "<=", "eq")):
            raise InvalidProperty("Score")
    if "assessments" in criteria:
        _check_assessments(map_at(criteria, "assessments"))
    if "user" in criteria and "rootOrgId" not in map_at(criteria, "user"):
        raise Missing("rootOrgId")
    for spelling in ("user", "users"):  # the second is the pipeline's
        attributes = criteria.get(spelling)
        for key, value in attributes.items() if isinstance(attributes, dict) else ():
            # Only what may be shared, or criteria would tell anything about anybody, one question at a time.
            if key not in SHAREABLE or not isinstance(value, str) or len(value) > MAX_ATTRIBUTE:
                raise InvalidProperty("User")


def _read_status(value: Any) -> int | None:
    """The status of an enrolment, as a number or its text; None: it is neither."""
    return _STATUSES.get(str(value)) if isinstance(value, str | int) else None


def _check_assessments(criterion: Mapping[str, Any]) -> None:
    """Our addition: {"mode": "all", "score": {">=": 70}, "contents": {"do_1": {">=": 50}}, "attempts": {"<=": 3}}"""
    if not criterion or set(criterion) - {"mode", "score", "contents", "attempts"}:
        raise InvalidProperty("Assessments")
    if criterion.get("mode", "any") not in list(Mode):
        raise InvalidProperty("Assessments")
    bounds = [criterion[key] for key in ("score", "attempts") if key in criterion]
    contents = criterion.get("contents", {})
    if not isinstance(contents, dict):
        raise WrongType("contents", "Map")
    if not bounds and not contents:
        raise InvalidProperty("Assessments")
    for value in (*bounds, *contents.values()):
        bound = _bound(value)
        if bound is None or bound.operator not in OPERATORS:
            raise InvalidProperty("Score")


def read_criteria(criteria: Mapping[str, Any]) -> Criteria:
    """{"enrollment": {"status": 2}, "assessment": {"score": {">=": 70}}, "user": {"rootOrgId": "1"}} (jobs §4.2)"""
    enrolment = criteria.get("enrollment")
    status = None
    if isinstance(enrolment, dict):
        readable = _read_status(enrolment.get("status"))
        status = 2 if readable is None else readable
    assessments = []
    if isinstance(criteria.get("assessment"), dict):
        assessments.append(AssessmentCriterion(_bound(criteria["assessment"].get("score"))))
    if isinstance(criteria.get("assessments"), dict):
        several = criteria["assessments"]
        contents = {key: _bound(bound) for key, bound in object_of(several.get("contents")).items()}
        assessments.append(
            AssessmentCriterion(
                score=_bound(several.get("score")),
                mode=Mode(several.get("mode", "any")) if several.get("mode", "any") in list(Mode) else Mode.ANY,
                contents={key: bound for key, bound in contents.items() if bound is not None},
                attempts=_bound(several.get("attempts")),
            )
        )
    user = criteria.get("user") or criteria.get("users")
    return Criteria(status, tuple(assessments), user if isinstance(user, dict) else {})


def _bound(value: Any) -> ScoreBound | None:
    """The first operator of an object; a bare number is an equality (contract jobs §4.2)."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return ScoreBound("=", float(value))
    if not isinstance(value, dict) or not value:
        return None
    operator, threshold = next(iter(value.items()))
    try:
        return ScoreBound(str(operator), float(threshold))
    except (TypeError, ValueError):
        return ScoreBound("unreadable", 0)


def map_at(fields: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = fields[key]
    if not isinstance(value, dict):
        raise WrongType(key, "Map")
    return value


def object_of(value: Any) -> dict[str, Any]:
    value = parsed(value)
    return value if isinstance(value, dict) else {}


def parsed(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return None
    return value


def show_result(result: CriteriaResult) -> dict[str, Any]:
    """A decision tree, as explain answers and as a certificate keeps it."""
    shown: dict[str, Any] = {"rule": result.rule, "outcome": result.outcome.value, "because": result.because}
    if result.evidence:
        shown["evidence"] = dict(result.evidence)
    if result.parts:
        shown["parts"] = [show_result(part) for part in result.parts]
    return shown


def read_result(shown: Mapping[str, Any]) -> CriteriaResult:
    """A decision tree as a certificate keeps it."""
    parts = tuple(read_result(part) for part in shown.get("parts", ()))
    return CriteriaResult(
        shown["rule"], CriteriaOutcome(shown["outcome"]), shown["because"], shown.get("evidence", {}), parts
    )
