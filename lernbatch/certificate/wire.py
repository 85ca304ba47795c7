"""The JSON of certificates: templates as requests bring them and batches keep them, entries, older credentials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

import msgspec

from lernbatch.certificate.model import (
    DEFAULT_TEMPLATE,
    AssessmentCriterion,
    Bound,
    Certificate,
    ChangeCode,
    Criteria,
    Finding,
    Issuer,
    Mode,
    Outcome,
    Revision,
    Signatory,
    Standing,
    Template,
)
from lernbatch.certificate.rules import DAYS, OPERATORS, SHAREABLE, on_behalf_of
from lernbatch.credential.proof import Proof
from lernbatch.errors import Malformed, Missing, Refused, Unmappable, WrongType
from lernbatch.web.fields import blank, course_id, text

MAX_TEMPLATE_BYTES = 64 * 1024
MAX_USERS = 10_000
MAX_ATTRIBUTE = 200  # characters
_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(9999, 12, 30)  # in every zone these have an instant and a day after
_STATUSES: Mapping[Any, int] = {"0": 0, "1": 1, "2": 2}  # of an enrolment
CODES_BY_HAND = tuple(
    code.value for code in ChangeCode if code not in (ChangeCode.RE_ISSUED, ChangeCode.ACCOUNTS_MERGED)
)
_TEXT_KEYS_OF_SIGNATORY = ("name", "id", "designation", "image")


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


class InvalidValue(Refused):
    code = "INVALID_PARAMETER_VALUE"

    def __init__(self, parameter: str, value: str) -> None:
        super().__init__(f"Invalid value {value} for parameter {parameter}. Please provide a valid value.")


class TooManyUsers(Refused):
    code = "INVALID_DATA"
    message = f"At most {MAX_USERS} userIds in one call."


@dataclass(frozen=True, slots=True)
class Attachment:
    """What template/add and template/remove ask for. `template`: the request's object."""

    course_id: str
    batch_id: str
    template_id: str
    template: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class IssueRequest:
    """Whom to judge; no users: all who completed."""

    course_id: str
    batch_id: str
    user_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What a certificate becomes. `reason`: for those who manage the batch; `code`: for everybody."""

    certificate_id: str
    standing: Standing
    reason: str
    code: str | None = None


def read_detachment(request: dict[str, Any]) -> Attachment:
    """{"batch": {"courseId": …, "batchId": …, "template": {"identifier": …}}}; complains as R1 to R6."""
    batch = request.get("batch")
    if batch is None:
        raise Missing("batch")  # the reference answers 500 (defect 26)
    if not isinstance(batch, dict):
        raise WrongType("batch", "Map")
    course, batch_id = _mandatory(batch, "courseId"), _mandatory(batch, "batchId")
    if "template" not in batch:
        raise Missing("template")
    template = batch["template"]
    if not isinstance(template, dict):
        raise WrongType("template", "Map")
    return Attachment(course, batch_id, _mandatory(template, "identifier"), template)


def read_attachment(request: dict[str, Any]) -> Attachment:
    """{"batch": {…, "template": {"identifier": …, "criteria": {…}, "issuer": {…}, "signatoryList": […]}}}

    Complains in the order of contract batches §4.1, A1 to A23.
    """
    asked = read_detachment(request)
    template = asked.template
    if "criteria" not in template:
        raise Missing("criteria")
    _check_criteria(_map(template, "criteria"))
    _optional_map(template, "issuer")
    # Our own template needs a name and no more; the contract's need all that their pictures show.
    wanted = ("name",) if asked.template_id == DEFAULT_TEMPLATE else _TEXT_KEYS_OF_SIGNATORY
    _check_signatories(template.get("signatoryList"), wanted)
    _optional_map(template, "additionalProps")
    _check_validity(template)
    if not isinstance(template.get("notifyTemplate", {}), dict):
        raise Malformed
    _check_other_keys(template)
    return asked


def _check_criteria(criteria: Mapping[str, Any]) -> None:
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
    for key in ("user", "users"):  # the pipeline's spelling
        _check_attributes(criteria.get(key))


def _check_attributes(asked: Any) -> None:
    """Only of what may be shared, or criteria would tell anything about anybody, one question at a time."""
    if isinstance(asked, dict) and not all(
        key in SHAREABLE and isinstance(value, str) and len(value) <= MAX_ATTRIBUTE for key, value in asked.items()
    ):
        raise InvalidProperty("User")


def read_status(value: Any) -> int | None:
    """The status of an enrolment, as a number or its text; None: it is neither."""
    return _STATUSES.get(str(value)) if isinstance(value, str | int) else None


def _check_validity(template: Mapping[str, Any]) -> None:
    """Our addition: {"days": 365}"""
    if template.get("validity"):
        days = _map(template, "validity").get("days")
        if not isinstance(days, int) or isinstance(days, bool) or days not in DAYS:
            raise InvalidProperty("Validity")


def _check_assessments(asked: Mapping[str, Any]) -> None:
    """Our addition: {"mode": "all", "score": {">=": 70}, "contents": {"do_1": {">=": 50}}, "attempts": {"<=": 3}}"""
    if not asked or set(asked) - {"mode", "score", "contents", "attempts"}:
        raise InvalidProperty("Assessments")
    if asked.get("mode", "any") not in list(Mode):
        raise InvalidProperty("Assessments")
    bounds = [asked[key] for key in ("score", "attempts") if key in asked]
    contents = asked.get("contents", {})
    if not isinstance(contents, dict):
        raise WrongType("contents", "Map")
    if not bounds and not contents:
        raise InvalidProperty("Assessments")
    for bound in (*bounds, *contents.values()):
        known = _bound(bound)
        if known is None or known.operator not in OPERATORS:
            raise InvalidProperty("Score")


def _check_signatories(signatories: Any, wanted: Sequence[str]) -> None:
    if signatories is None:
        return
    if not isinstance(signatories, list):
        raise WrongType("signatoryList", "List")
    for signatory in signatories:
        if not isinstance(signatory, dict):
            raise Malformed
        if signatory and any(blank(signatory.get(key)) for key in wanted):
            raise IncompleteSignatory


_OBJECTS = frozenset(("criteria", "issuer", "signatoryList", "notifyTemplate", "additionalProps", "validity"))


def _check_other_keys(template: Mapping[str, Any]) -> None:
    for key, value in template.items():
        if key not in _OBJECTS and value is not None and not isinstance(value, str):
            raise NotText
    if any(template.get(key) == {} for key in ("notifyTemplate", "additionalProps")):
        raise NotText
    if len(msgspec.json.encode(template)) > MAX_TEMPLATE_BYTES:
        raise UnreadableFields


def read_issue(request: dict[str, Any]) -> IssueRequest:
    """{"courseId": …, "batchId": …, "userIds": […]}; complains as I1 to I3."""
    course, batch_id = course_id(request), _mandatory(request, "batchId")
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
    return _mandatory(request, "batchId"), text(request, "userId") or None


def read_change(request: dict[str, Any]) -> Change:
    """{"identifier": …, "status": "revoked", "reason": "…", "code": "issued-in-error"}; the code may be left out."""
    certificate_id, status = _mandatory(request, "identifier"), _mandatory(request, "status")
    if status not in (Standing.ACTIVE, Standing.SUSPENDED, Standing.REVOKED):
        raise InvalidValue("status", status)
    reason = _mandatory(request, "reason")[:500]
    return Change(certificate_id, Standing(status), reason, read_code(text(request, "code"), Standing(status)))


def read_code(code: str | None, standing: Standing) -> str | None:
    """Why a certificate changes, for everybody; a suspension without a code is under review. Raises: InvalidValue."""
    if not code:
        return ChangeCode.UNDER_REVIEW if standing is Standing.SUSPENDED else None
    if code not in CODES_BY_HAND:
        raise InvalidValue("code", code)
    return code


def read_span(query: Mapping[str, str], zone: tzinfo) -> tuple[datetime, datetime, str]:
    """?from=2026-06-01&to=2026-06-30&form=pdf: from the start of one day to the end of another, both optional."""
    form = query.get("form", "pdf")
    if form not in ("pdf", "png", "svg", "json"):
        raise InvalidValue("form", form)
    first = read_day("from", query.get("from", "1970-01-01"))
    last = read_day("to", query.get("to", "9999-12-30"))
    until = datetime.combine(last, time(), zone) + timedelta(days=1)
    return datetime.combine(first, time(), zone), until, form


def read_day(name: str, value: str) -> date:
    """A day; one before or after all certificates is the first or the last there can be. Raises: InvalidValue."""
    try:
        return min(max(date.fromisoformat(value), _FIRST_DAY), _LAST_DAY)
    except ValueError as wrong:
        raise InvalidValue(name, value) from wrong


def stored_template(
    asked: Attachment, *, name: str, url: str, issuer: Mapping[str, Any], signatories: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """What a batch keeps of a template (contract batches §4.1, jobs §4.1), as its read and search show it."""
    kept = {key: value for key, value in asked.template.items() if value not in (None, {}, [])}
    return {
        **kept,
        "identifier": asked.template_id,
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
    notify, extras = _object(stored.get("notifyTemplate")), _object(stored.get("additionalProps"))
    valid_days = _object(stored.get("validity")).get("days")
    return Template(
        template_id=str(stored.get("identifier") or template_id),
        name=str(stored.get("name") or ""),
        url=str(stored.get("url") or ""),
        criteria=read_criteria(_object(stored.get("criteria"))),
        issuer=Issuer(str(issuer.get("name") or ""), str(issuer.get("url") or ""), _texts(issuer.get("publicKey"))),
        signatories=tuple(_signatories(_list(stored.get("signatoryList")))),
        notify=notify,
        extras=extras,
        valid_days=valid_days if isinstance(valid_days, int) else None,
    )


def read_templates(stored: Mapping[str, Any]) -> list[Template]:
    """All templates of a batch."""
    return [read_template(template_id, _object(one)) for template_id, one in stored.items()]


def read_criteria(criteria: Mapping[str, Any]) -> Criteria:
    """{"enrollment": {"status": 2}, "assessment": {"score": {">=": 70}}, "user": {"rootOrgId": "1"}} (contract §4.2)"""
    enrolment = criteria.get("enrollment")
    status = None
    if isinstance(enrolment, dict):
        known = read_status(enrolment.get("status"))
        status = 2 if known is None else known
    asked = []
    if isinstance(criteria.get("assessment"), dict):
        asked.append(AssessmentCriterion(_bound(criteria["assessment"].get("score"))))
    if isinstance(criteria.get("assessments"), dict):
        more = criteria["assessments"]
        contents = {key: _bound(bound) for key, bound in _object(more.get("contents")).items()}
        asked.append(
            AssessmentCriterion(
                score=_bound(more.get("score")),
                mode=Mode(more.get("mode", "any")) if more.get("mode", "any") in list(Mode) else Mode.ANY,
                contents={key: bound for key, bound in contents.items() if bound is not None},
                attempts=_bound(more.get("attempts")),
            )
        )
    user = criteria.get("user") or criteria.get("users")
    return Criteria(status, tuple(asked), user if isinstance(user, dict) else {})


def _bound(value: Any) -> Bound | None:
    """The first operator of an object; a bare number is an equality (contract jobs §4.2)."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Bound("=", float(value))
    if not isinstance(value, dict) or not value:
        return None
    operator, threshold = next(iter(value.items()))
    try:
        return Bound(str(operator), float(threshold))
    except (TypeError, ValueError):
        return Bound("unreadable", 0)


def show_criteria_met(finding: Finding) -> dict[str, Any]:
    """A decision tree, as explain answers and as a certificate keeps it."""
    shown: dict[str, Any] = {"rule": finding.rule, "outcome": finding.outcome.value, "because": finding.because}
    if finding.evidence:
        shown["evidence"] = dict(finding.evidence)
    if finding.parts:
        shown["parts"] = [show_criteria_met(part) for part in finding.parts]
    return shown


def read_decision(shown: Mapping[str, Any]) -> Finding:
    """A decision tree as a certificate keeps it."""
    parts = tuple(read_decision(part) for part in shown.get("parts", ()))
    return Finding(shown["rule"], Outcome(shown["outcome"]), shown["because"], shown.get("evidence", {}), parts)


def show_look(template: Template, course_name: str, related: Mapping[str, Any]) -> dict[str, Any]:
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


def _mandatory(fields: dict[str, Any], key: str) -> str:
    value = text(fields, key)
    if value is None or blank(value):
        raise Missing(key)
    return value


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


def _list(value: Any) -> list[Any]:
    value = _parsed(value)
    return value if isinstance(value, list) else []


def _parsed(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return None
    return value


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _signatories(entries: list[Any]) -> Iterable[Signatory]:
    for entry in entries:
        if isinstance(entry, dict) and entry:
            name, identifier, designation, image = (str(entry.get(key) or "") for key in _TEXT_KEYS_OF_SIGNATORY)
            yield Signatory(name, identifier, designation, image)


def recipient_name(certificate: Certificate) -> str:
    """The name as it was signed."""
    identifiers = certificate.credential["credentialSubject"]["identifier"]
    return next((str(one["identityHash"]) for one in identifiers if one["identityType"] == "name"), "")


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


# Why a certificate is not valid any more, for everybody; the words of who decided are for those who manage the batch.
_PUBLIC_REASONS: Mapping[str, str] = {
    ChangeCode.ISSUED_IN_ERROR: "issued in error",
    ChangeCode.WRONG_DETAILS: "its details are wrong",
    ChangeCode.MISCONDUCT: "misconduct",
    ChangeCode.UNDER_REVIEW: "under review",
    ChangeCode.REVIEW_PASSED: "a review was passed",
    ChangeCode.HOLDER_ASKED: "its holder asked for it",
    ChangeCode.RE_ISSUED: "re-issued",
    ChangeCode.ACCOUNTS_MERGED: "the holder's accounts were merged",
}


def show_proof(proof: Proof) -> dict[str, Any]:
    """What was found of one of a credential's proofs: whether it is the one that counts, or why not."""
    return {"proof": proof.name, "counts": proof.why_not is None, "reason": proof.why_not}


def show_verification(
    certificate: Certificate, standing: str, chain: Sequence[Revision], public_url: str
) -> dict[str, Any]:
    """What the public page says, as JSON. `chain`: all issues of the award, the newest first."""
    base = f"{public_url}/certs/{certificate.certificate_id}"
    return {
        "identifier": certificate.certificate_id,
        "standing": standing,
        "valid": standing == "valid",
        "name": certificate.name,
        "recipientName": recipient_name(certificate),
        "courseId": certificate.course_id,
        "courseName": certificate.template["courseName"],
        "batchId": certificate.batch_id,
        "issuer": vouching_name(certificate),
        "onBehalfOf": claimed_issuer(certificate),
        "earnedOn": iso_millis(certificate.earned_at),
        "issuedOn": iso_millis(certificate.issued_at),
        "expiresOn": None if certificate.expires_at is None else iso_millis(certificate.expires_at),
        "changedOn": iso_millis(certificate.changed_at),
        "reason": _PUBLIC_REASONS.get(certificate.change_code or ""),
        "reasonCode": certificate.change_code,
        "criteria": certificate.credential["credentialSubject"]["achievement"]["criteria"]["narrative"],
        "evidence": [one["narrative"] for one in certificate.credential["evidence"]],
        "supersededBy": chain[0].certificate_id if standing == Standing.SUPERSEDED else None,
        "revisions": [
            {
                "identifier": one.certificate_id,
                "revision": one.revision,
                "status": one.status,
                "issuedOn": iso_millis(one.issued_at),
            }
            for one in chain
        ],
        "downloads": {form: f"{base}.{form}" for form in ("svg", "png", "pdf", "json", "jwt")},
        "credential": certificate.credential,
    }


def iso_millis(at: datetime) -> str:
    """2026-07-01T10:00:00.000Z"""
    at = at.astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
