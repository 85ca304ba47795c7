"""The JSON of certificates: templates as requests bring them and batches keep them, entries, older credentials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from lernbatch.certificate.model import Certificate, ChangeCode, Revision, Standing
from lernbatch.certificate.rules import WITHDRAWN, on_behalf_of
from lernbatch.credential.proof import Proof
from lernbatch.errors import Malformed, Refused
from lernbatch.template.model import (
    Finding,
    Outcome,
    Signatory,
    Template,
)
from lernbatch.template.wire import _mandatory
from lernbatch.web.fields import course_id, text

MAX_USERS = 10_000
_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(9999, 12, 30)  # in every zone these have an instant and a day after
CODES_BY_HAND = tuple(
    code.value
    for code in ChangeCode
    if code not in (ChangeCode.RE_ISSUED, ChangeCode.ACCOUNTS_MERGED, ChangeCode.ERASED)
)


class InvalidValue(Refused):
    code = "INVALID_PARAMETER_VALUE"

    def __init__(self, parameter: str, value: str) -> None:
        super().__init__(f"Invalid value {value} for parameter {parameter}. Please provide a valid value.")


class TooManyUsers(Refused):
    code = "INVALID_DATA"
    message = f"At most {MAX_USERS} userIds in one call."


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
    ChangeCode.ERASED: "withdrawn at the holder's wish",
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


def show_withdrawn(certificate: Certificate) -> dict[str, Any]:
    """What is left to say of a certificate whose holder was erased, as JSON."""
    return {
        "identifier": certificate.certificate_id,
        "standing": WITHDRAWN,
        "valid": False,
        "changedOn": iso_millis(certificate.changed_at),
        "reason": _PUBLIC_REASONS[ChangeCode.ERASED],
        "reasonCode": ChangeCode.ERASED.value,
    }


def iso_millis(at: datetime) -> str:
    """2026-07-01T10:00:00.000Z"""
    at = at.astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
