"""The JSON of certificates: requests about them, explanations, entries of learners; see also wire_verification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lernbatch.certificate.model import Certificate, CertificateStatus, ChangeCode
from lernbatch.certificate.rules import on_behalf_of
from lernbatch.errors import Malformed, Refused
from lernbatch.template.model import (
    Signatory,
    Template,
)
from lernbatch.template.wire import TemplateId
from lernbatch.template.wire_criteria import DecisionFields
from lernbatch.web.fields import course_id, mandatory, text
from lernbatch.web.schema import BatchId, CourseId, Done, Fields, UserId

MAX_USERS = 10_000
CertificateId: TypeAlias = Annotated[
    str, Meta(description="The certificate's number.", examples=["351cf1ef-5c07-5b7f-a881-0e71c2e92bf1"])
]
_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(9999, 12, 30)  # in every zone these have an instant and a day after
CODES_BY_HAND = tuple(
    code.value
    for code in ChangeCode
    if code not in (ChangeCode.RE_ISSUED, ChangeCode.ACCOUNTS_MERGED, ChangeCode.ERASED)
)


class InvalidParameter(Refused):
    code = "INVALID_PARAMETER_VALUE"

    def __init__(self, parameter: str, value: str) -> None:
        super().__init__(f"Invalid value {value} for parameter {parameter}. Please provide a valid value.")


class TooManyUsers(Refused):
    code = "INVALID_DATA"
    message = f"At most {MAX_USERS} userIds in one call."


@dataclass(frozen=True, slots=True)
class IssueRequest:
    """Whom to evaluate; no users: all who completed."""

    course_id: str
    batch_id: str
    user_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StatusChange:
    """What a certificate becomes. `reason`: for those who manage the batch; `code`: for everybody."""

    certificate_id: str
    status: CertificateStatus
    reason: str
    code: str | None = None


class CertificateIssue(Fields):
    """Queues learners of a batch for certificates."""

    course_id: CourseId
    batch_id: BatchId
    user_ids: Annotated[list[UserId] | UnsetType, Meta(description="None: all who completed.")] = UNSET


class IssueQuery(Fields):
    """What may stand behind the path of an issue call."""

    re_issue: Annotated[str | UnsetType, Meta(description="`true`: replace what was issued.")] = UNSET


class LearnersPassedOver(Fields):
    """How many learners are left out, because a certificate of theirs was revoked or suspended."""

    revoked: int
    suspended: int


class QueuedCertificates(Fields):
    """The learners are queued."""

    status: str
    batch_id: BatchId
    course_id: CourseId
    collection_id: CourseId
    passed_over: LearnersPassedOver | UnsetType = UNSET


class IssueAnswer(Fields):
    """The answer of an issue call."""

    result: QueuedCertificates


class TemplateSummary(Fields):
    """The results of a batch's learners for one template."""

    identifier: TemplateId
    name: str
    outcomes: Annotated[
        dict[str, int],
        Meta(
            description="met, waiting, unmet, issued, failed: each learner is counted once. In a preview of criteria "
            "on the user, what fewer than five share is `fewerThanFive`."
        ),
    ]
    reasons: Annotated[dict[str, int], Meta(description="Why not yet, or not at all.")]
    failures: Annotated[dict[str, int], Meta(description="Why who may have earned it has none.")]
    summary: Annotated[str, Meta(description="The same as one sentence.")]


class DueLearners(Fields):
    """The learners of a batch whose certificates are waited for, or given up, with one error."""

    learners: int
    parked: bool
    error: str | None
    due_at: datetime


class BatchSummary(Fields):
    """The results of a batch's learners for its templates."""

    learners: int
    templates: list[TemplateSummary]
    due: list[DueLearners]
    unreadable: Annotated[dict[str, int], Meta(description="Why the facts about some learners cannot be read.")]


class BatchSummaryAnswer(Fields):
    """The answer of a batch's explanation."""

    response: BatchSummary


class TemplatePreview(Fields):
    """The answer of a preview."""

    response: BatchSummary
    warnings: list[str]


class ExplainedTemplate(Fields):
    """A learner's result for one template."""

    identifier: TemplateId
    name: str
    decision: DecisionFields


class ExplainedCertificate(Fields):
    """A certificate of a learner."""

    identifier: str
    name: str
    revision: int
    status: Literal["active", "suspended", "revoked", "superseded"]
    decision: dict[str, Any]
    reason_code: Annotated[str | None, Meta(description="Why it is what it is, as anybody may know it.")]
    reason: Annotated[
        str | UnsetType | None, Meta(description="The words of who changed it; for those who manage the batch.")
    ] = UNSET
    changed_by: Annotated[str | UnsetType | None, Meta(description="For those who manage the batch.")] = UNSET


class DueExplanation(Fields):
    """When it is looked at again what a learner has earned, and what went wrong so far."""

    reason: str
    due_at: datetime
    attempts: int
    error: str | None
    parked: bool


class LearnerSummary(Fields):
    """A learner's results and certificates, and what is still waited for."""

    templates: list[ExplainedTemplate]
    certificates: list[ExplainedCertificate]
    due: DueExplanation | None
    characters_no_font_can_draw: str


class LearnerSummaryAnswer(Fields):
    """The answer of a learner's explanation."""

    response: LearnerSummary


class CertificateRetry(Fields):
    """Queues the learners of a batch whose certificates were given up, or one of them."""

    batch_id: BatchId
    user_id: UserId | UnsetType = UNSET


class RetriedCertificates(Done, kw_only=True):
    """The learners are queued again."""

    count: int


class CertificateStatusChange(Fields):
    """Revokes, suspends or reinstates a certificate."""

    identifier: CertificateId
    status: Literal["revoked", "suspended", "active"]
    reason: Annotated[str, Meta(description="Why, for those who manage the batch.")]
    code: Annotated[
        str | UnsetType,
        Meta(description="Why, for everybody: said on its page.", extra_json_schema={"enum": list(CODES_BY_HAND)}),
    ] = UNSET


class BundleQuery(Fields):
    """Which certificates of a batch are downloaded, and how."""

    since: Annotated[str | UnsetType, Meta(description="Issued on this day or later.", examples=["2026-06-01"])] = (
        msgspec.field(name="from", default=UNSET)
    )
    until: Annotated[str | UnsetType, Meta(description="Issued on this day or earlier.", examples=["2026-06-30"])] = (
        msgspec.field(name="to", default=UNSET)
    )
    form: Literal["pdf", "png", "svg", "json"] | UnsetType = UNSET


class PageQuery(Fields):
    """How a certificate is shown."""

    download: str | UnsetType = UNSET
    qr: Literal["URL", "URL-W3C-VC", "W3C-VC"] | UnsetType = UNSET


def read_issue(request: dict[str, Any]) -> IssueRequest:
    """{"courseId": …, "batchId": …, "userIds": […]}; complains as I1 to I3."""
    course, batch_id = course_id(request), mandatory(request, "batchId")
    user_ids = request.get("userIds")
    if user_ids is None:
        user_ids = []
    if not isinstance(user_ids, list) or not all(isinstance(user_id, str) for user_id in user_ids):
        raise Malformed
    if len(user_ids) > MAX_USERS:
        raise TooManyUsers
    return IssueRequest(course, batch_id, tuple(dict.fromkeys(user_ids)))


def show_passed_over(revoked: int, suspended: int) -> dict[str, Any]:
    """{"passedOver": {"revoked": 1, "suspended": 2}}; nothing when nobody is."""
    return {"passedOver": {"revoked": revoked, "suspended": suspended}} if revoked or suspended else {}


def read_retry(request: dict[str, Any]) -> tuple[str, str | None]:
    """{"batchId": …, "userId": …}: the batch, and the learner or None for all."""
    return mandatory(request, "batchId"), text(request, "userId") or None


def read_change(request: dict[str, Any]) -> StatusChange:
    """{"identifier": …, "status": "revoked", "reason": "…", "code": "issued-in-error"}; the code may be left out."""
    certificate_id, status = mandatory(request, "identifier"), mandatory(request, "status")
    if status not in (CertificateStatus.ACTIVE, CertificateStatus.SUSPENDED, CertificateStatus.REVOKED):
        raise InvalidParameter("status", status)
    reason = mandatory(request, "reason")[:500]
    return StatusChange(
        certificate_id, CertificateStatus(status), reason, read_code(text(request, "code"), CertificateStatus(status))
    )


def read_code(code: str | None, status: CertificateStatus) -> str | None:
    """Why it changes, for everybody. A suspension without a code is under review. Raises: InvalidParameter."""
    if not code:
        return ChangeCode.UNDER_REVIEW if status is CertificateStatus.SUSPENDED else None
    if code not in CODES_BY_HAND:
        raise InvalidParameter("code", code)
    return code


def read_span(query: Mapping[str, str], zone: tzinfo) -> tuple[datetime, datetime, str]:
    """?from=2026-06-01&to=2026-06-30&form=pdf: from the start of one day to the end of another, both optional."""
    form = query.get("form", "pdf")
    if form not in ("pdf", "png", "svg", "json"):
        raise InvalidParameter("form", form)
    first = read_day("from", query.get("from", "1970-01-01"))
    last = read_day("to", query.get("to", "9999-12-30"))
    until = datetime.combine(last, time(), zone) + timedelta(days=1)
    return datetime.combine(first, time(), zone), until, form


def read_day(name: str, value: str) -> date:
    """A day; one before or after all certificates is the first or the last there can be. Raises: InvalidParameter."""
    try:
        return min(max(date.fromisoformat(value), _FIRST_DAY), _LAST_DAY)
    except ValueError as wrong:
        raise InvalidParameter(name, value) from wrong


def show_appearance(template: Template, course_name: str, related: Mapping[str, Any]) -> dict[str, Any]:
    """What a certificate keeps of its template: all that its picture and its older credential need."""
    return {
        "url": template.url,
        "courseName": course_name,
        "issuer": {
            "name": template.issuer.name,
            "url": template.issuer.url,
            "publicKey": list(template.issuer.public_keys),
        },
        "signatoryList": [show_signatory(signatory) for signatory in template.signatories],
        "related": dict(related),
    }


def show_signatory(signatory: Signatory) -> dict[str, str]:
    return {
        "name": signatory.name,
        "id": signatory.identifier,
        "designation": signatory.designation,
        "image": signatory.image,
    }


def show_entry(name: str, identifier: str, issued_at: datetime, url: str) -> dict[str, str]:
    """An entry of issued_certificates, all values texts (contract jobs §4.9)."""
    return {
        "name": name,
        "identifier": identifier,
        "token": "",
        "lastIssuedOn": f"{issued_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{issued_at.microsecond // 1000:03d}+0000",
        "templateUrl": url,
        "type": "TrainingCertificate",
    }


def recipient_name(certificate: Certificate) -> str:
    """The name as it was signed."""
    identifiers = certificate.credential["credentialSubject"]["identifier"]
    return next((str(identity["identityHash"]) for identity in identifiers if identity["identityType"] == "name"), "")


def vouching_name(certificate: Certificate) -> str:
    """Who vouches for it, as it was signed."""
    return str(certificate.credential["issuer"]["name"])


def claimed_issuer(certificate: Certificate) -> str | None:
    """On whose behalf it says it was issued; None: on that of who vouches for it."""
    return on_behalf_of(vouching_name(certificate), certificate.template["issuer"]["name"])


def issuer_in_words(certificate: Certificate) -> str:
    """State Board, on behalf of University of Madras"""
    claimed = claimed_issuer(certificate)
    return vouching_name(certificate) + (f", on behalf of {claimed}" if claimed else "")


def imported_name(record: Mapping[str, Any]) -> str:
    """The learner's name in a record of either registry; '' where it has none."""
    name = object_of(record.get("recipient")).get("name")
    return name if isinstance(name, str) else ""


def object_of(value: Any) -> Mapping[str, Any]:
    """An object, or a text that is one in JSON, as the older registry kept them; else an empty one."""
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError:
            return {}
    return value if isinstance(value, dict) else {}


def iso_millis(at: datetime) -> str:
    """2026-07-01T10:00:00.000Z"""
    at = at.astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
