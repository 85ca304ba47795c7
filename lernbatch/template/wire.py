"""Templates in JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lernbatch.errors import Malformed, Missing, Refused, Unmappable, WrongType
from lernbatch.template.criteria import OPERATORS
from lernbatch.template.model import (
    DEFAULT_TEMPLATE,
    AssessmentCriterion,
    Criteria,
    CriteriaOutcome,
    CriteriaResult,
    Mode,
    ScoreBound,
    Signatory,
    Template,
    TemplateIssuer,
)
from lernbatch.template.rules import DAYS, SHAREABLE
from lernbatch.web.fields import blank, mandatory
from lernbatch.web.schema import BatchId, CourseId, Done, Fields

MAX_TEMPLATE_BYTES = 64 * 1024


MAX_ATTRIBUTE = 200  # characters


_STATUSES: Mapping[Any, int] = {"0": 0, "1": 1, "2": 2}  # of an enrolment


_TEXT_KEYS_OF_SIGNATORY = ("name", "id", "designation", "image")
_OBJECTS = frozenset(("criteria", "issuer", "signatoryList", "notifyTemplate", "additionalProps", "validity"))


class InvalidProperty(Refused):
    code = "INVALID_PROPERTY_ERROR"

    def __init__(self, block: str) -> None:
        super().__init__(f"Invalid property for {block}.")


class IncompleteSignatory(Refused):
    code = "INVALID_DATA"
    message = "Signatory list missing attribute"


class NotText(Unmappable):
    """Another attribute of a template is no text, or an object it may have is empty: 500 without words (A34)."""


class UnreadableFields(Refused):
    code = "INVALID_DATA"
    message = "Error in parsing certificate template data, Please check fields data and dataTypes"


@dataclass(frozen=True, slots=True)
class Attachment:
    """What template/add and template/remove ask for. `template`: the request's object."""

    course_id: str
    batch_id: str
    template_id: str
    template: Mapping[str, Any]


TemplateId: TypeAlias = Annotated[
    str,
    Meta(
        description="The template's asset, or `default` for the one that comes with the service.", examples=["default"]
    ),
]
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


class IssuerFields(Fields):
    """Who awards."""

    name: str
    url: str


class SignatoryFields(Fields):
    """Who signs; `image` is the address of the signature's picture."""

    name: str
    id: str
    designation: str
    image: str


class MailFields(Fields):
    """The texts and the picture of the mail that a learner gets."""

    subject: str | UnsetType = UNSET
    email_template_type: str | UnsetType = UNSET
    regards: str | UnsetType = UNSET
    regardsperson: str | UnsetType = UNSET
    state_img_url: str | UnsetType = UNSET


class ValidityFields(Fields):
    """For how long a certificate is valid."""

    days: Annotated[
        int, Meta(description="Days after which it expires; none: never.", ge=DAYS[0], le=DAYS[-1], examples=[365])
    ]


class TemplateFields(Fields):
    """A template as it is attached to a batch."""

    identifier: TemplateId
    criteria: Annotated[TemplateCriteria, Meta(examples=[{"enrollment": {"status": 2}}])]
    name: Annotated[
        str | UnsetType, Meta(description="The certificate's title, for `default`; else the asset's counts.")
    ] = UNSET
    issuer: IssuerFields | UnsetType = UNSET
    signatory_list: list[SignatoryFields] | UnsetType = UNSET
    notify_template: MailFields | UnsetType = UNSET
    additional_props: dict[str, Any] | UnsetType = UNSET
    preview_url: str | UnsetType = UNSET
    validity: ValidityFields | UnsetType = UNSET


class TemplateOfBatch(Fields):
    """A batch, and the template that it is to award."""

    course_id: CourseId
    batch_id: BatchId
    template: TemplateFields


class TemplateAttachment(Fields):
    """Puts a template on a batch."""

    batch: TemplateOfBatch


class TemplateName(Fields):
    """A template by its id."""

    identifier: TemplateId


class DetachedTemplate(Fields):
    """A batch, and the template that it awards no more."""

    course_id: CourseId
    batch_id: BatchId
    template: TemplateName


class TemplateDetachment(Fields):
    """Takes a template off a batch."""

    batch: DetachedTemplate


class AttachedTemplate(Done, kw_only=True):
    """The template is attached."""

    warnings: Annotated[list[str] | UnsetType, Meta(description="What its owner should know.")] = UNSET


class DecisionFields(Fields):
    """Why a learner has earned a template or has not."""

    rule: str
    outcome: Literal["met", "waiting", "unmet", "issued"]
    because: str
    evidence: dict[str, Any] | UnsetType = UNSET
    parts: list[dict[str, Any]] | UnsetType = UNSET


def read_detachment(request: dict[str, Any]) -> Attachment:
    """{"batch": {"courseId": …, "batchId": …, "template": {"identifier": …}}}; complains as R1 to R6."""
    batch = request.get("batch")
    if batch is None:
        raise Missing("batch")  # the reference answers 500 (defect 26)
    if not isinstance(batch, dict):
        raise WrongType("batch", "Map")
    course, batch_id = mandatory(batch, "courseId"), mandatory(batch, "batchId")
    if "template" not in batch:
        raise Missing("template")
    template = batch["template"]
    if not isinstance(template, dict):
        raise WrongType("template", "Map")
    return Attachment(course, batch_id, mandatory(template, "identifier"), template)


def read_attachment(request: dict[str, Any]) -> Attachment:
    """{"batch": {…, "template": {"identifier": …, "criteria": {…}, "issuer": {…}, "signatoryList": […]}}}

    Complains in the order of contract batches §4.1, A1 to A23.
    """
    attachment = read_detachment(request)
    template = attachment.template
    if "criteria" not in template:
        raise Missing("criteria")
    _check_criteria(_map(template, "criteria"))
    _optional_map(template, "issuer")
    # Our own template needs a name and no more; the contract's need all that their pictures show.
    keys = ("name",) if attachment.template_id == DEFAULT_TEMPLATE else _TEXT_KEYS_OF_SIGNATORY
    _check_signatories(template.get("signatoryList"), keys)
    _optional_map(template, "additionalProps")
    if template.get("validity"):  # our addition: {"days": 365}
        days = _map(template, "validity").get("days")
        if not isinstance(days, int) or isinstance(days, bool) or days not in DAYS:
            raise InvalidProperty("Validity")
    if not isinstance(template.get("notifyTemplate", {}), dict):
        raise Malformed
    for key, value in template.items():
        if key not in _OBJECTS and value is not None and not isinstance(value, str):
            raise NotText
    if any(template.get(key) == {} for key in ("notifyTemplate", "additionalProps")):
        raise NotText
    if len(msgspec.json.encode(template)) > MAX_TEMPLATE_BYTES:
        raise UnreadableFields
    return attachment


def _check_criteria(criteria: Mapping[str, Any]) -> None:
    """A9 to A19, and our addition `assessments`."""
    if not any(key in criteria for key in ("enrollment", "assessment", "assessments", "user")):
        raise Missing("Enrollment or Status")
    if "enrollment" in criteria:
        enrolment = _map(criteria, "enrollment")
        if "status" not in enrolment:
            raise Missing("status")
        if len(enrolment) > 1:
            raise InvalidProperty("Enrollment")
        if read_status(enrolment["status"]) is None:
            raise InvalidProperty("Enrollment")
    if "assessment" in criteria:
        assessment = _map(criteria, "assessment")
        if "score" not in assessment:
            raise Missing("score")
        if len(assessment) > 1:
            raise InvalidProperty("Assessment")
        if not any(operator in _map(assessment, "score") for operator in (">=", "<=", "eq")):
            raise InvalidProperty("Score")
    if "assessments" in criteria:
        _check_assessments(_map(criteria, "assessments"))
    if "user" in criteria and "rootOrgId" not in _map(criteria, "user"):
        raise Missing("rootOrgId")
    for spelling in ("user", "users"):  # the second is the pipeline's
        attributes = criteria.get(spelling)
        for key, value in attributes.items() if isinstance(attributes, dict) else ():
            # Only what may be shared, or criteria would tell anything about anybody, one question at a time.
            if key not in SHAREABLE or not isinstance(value, str) or len(value) > MAX_ATTRIBUTE:
                raise InvalidProperty("User")


def read_status(value: Any) -> int | None:
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


def _check_signatories(signatories: Any, keys: Sequence[str]) -> None:
    if signatories is None:
        return
    if not isinstance(signatories, list):
        raise WrongType("signatoryList", "List")
    for signatory in signatories:
        if not isinstance(signatory, dict):
            raise Malformed
        if signatory and any(blank(signatory.get(key)) for key in keys):
            raise IncompleteSignatory


def stored_template(
    attachment: Attachment, *, name: str, url: str, issuer: Mapping[str, Any], signatories: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """What a batch keeps of a template (contract batches §4.1, jobs §4.1), as its read and search show it."""
    kept = {key: value for key, value in attachment.template.items() if value not in (None, {}, [])}
    return {
        **kept,
        "identifier": attachment.template_id,
        "name": name,
        "url": url,
        "issuer": dict(issuer),
        "signatoryList": [dict(signatory) for signatory in signatories if signatory],
    }


def read_template(template_id: str, stored: Mapping[str, Any]) -> Template:
    """A template as a batch keeps it: objects, or (from the reference's tables) JSON texts of them.

    What cannot be read counts as not given; criteria that ask for nothing are met by everybody enrolled.
    """
    issuer = _object(stored.get("issuer"))
    public_keys = issuer.get("publicKey")
    entries = _parsed(stored.get("signatoryList"))
    notify, extras = _object(stored.get("notifyTemplate")), _object(stored.get("additionalProps"))
    valid_days = _object(stored.get("validity")).get("days")
    return Template(
        template_id=str(stored.get("identifier") or template_id),
        name=str(stored.get("name") or ""),
        url=str(stored.get("url") or ""),
        criteria=read_criteria(_object(stored.get("criteria"))),
        issuer=TemplateIssuer(
            str(issuer.get("name") or ""),
            str(issuer.get("url") or ""),
            tuple(str(key) for key in public_keys) if isinstance(public_keys, list) else (),
        ),
        signatories=tuple(
            Signatory(*(str(entry.get(key) or "") for key in _TEXT_KEYS_OF_SIGNATORY))
            for entry in (entries if isinstance(entries, list) else ())
            if isinstance(entry, dict) and entry
        ),
        notify=notify,
        extras=extras,
        valid_days=valid_days if isinstance(valid_days, int) else None,
    )


def read_templates(stored: Mapping[str, Any]) -> list[Template]:
    """All templates of a batch."""
    return [read_template(template_id, _object(template)) for template_id, template in stored.items()]


def read_criteria(criteria: Mapping[str, Any]) -> Criteria:
    """{"enrollment": {"status": 2}, "assessment": {"score": {">=": 70}}, "user": {"rootOrgId": "1"}} (jobs §4.2)"""
    enrolment = criteria.get("enrollment")
    status = None
    if isinstance(enrolment, dict):
        readable = read_status(enrolment.get("status"))
        status = 2 if readable is None else readable
    assessments = []
    if isinstance(criteria.get("assessment"), dict):
        assessments.append(AssessmentCriterion(_bound(criteria["assessment"].get("score"))))
    if isinstance(criteria.get("assessments"), dict):
        several = criteria["assessments"]
        contents = {key: _bound(bound) for key, bound in _object(several.get("contents")).items()}
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


def _map(fields: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = fields[key]
    if not isinstance(value, dict):
        raise WrongType(key, "Map")
    return value


def _optional_map(fields: Mapping[str, Any], key: str) -> None:
    if fields.get(key) is not None:
        _map(fields, key)


def _object(value: Any) -> dict[str, Any]:
    value = _parsed(value)
    return value if isinstance(value, dict) else {}


def _parsed(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return None
    return value


def pictures_of(signatories: Sequence[Any]) -> list[str]:
    """The addresses of the signatories' pictures."""
    return [str(entry["image"]) for entry in signatories if isinstance(entry, dict) and entry.get("image")]


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
