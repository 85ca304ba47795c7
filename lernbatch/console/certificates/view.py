"""What the pages of a batch's certificates show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from lernbatch.certificate.model import Certificate, CertificateStatus, ChangeCode
from lernbatch.certificate.rules import CHANGES
from lernbatch.certificate.sample import DrawnSample
from lernbatch.certificate.wire import CODES_BY_HAND, recipient_name
from lernbatch.console.dates.award import RuleForm, criteria_of
from lernbatch.console.people import Names
from lernbatch.course.model import Course
from lernbatch.drawing.pictures import SVG_TYPE, data_url
from lernbatch.figures.model import CertificateGroup
from lernbatch.template.model import DEFAULT_TEMPLATE, Template
from lernbatch.wording import awards
from lernbatch.wording.words import N_, Words

# State of a group → the class of its count, of its bar, and its name.
GROUPS = {
    "issued": ("good", "cg", N_("issued")),
    "being-issued": ("info", "c2", N_("being issued")),
    "failed": ("bad", "cb", N_("failed")),
    "held": ("warn", "c3", N_("tried again")),
    "not-earned": ("", "cm", N_("not earned")),
    "withdrawn": ("odd", "c4", N_("revoked or suspended")),
}
STATES = {
    CertificateStatus.ACTIVE: ("good", N_("valid")),
    CertificateStatus.SUSPENDED: ("warn", N_("suspended")),
    CertificateStatus.REVOKED: ("bad", N_("revoked")),
    CertificateStatus.SUPERSEDED: ("", N_("replaced")),
}
ACTS = {
    CertificateStatus.REVOKED: N_("Revoke it for good"),
    CertificateStatus.SUSPENDED: N_("Suspend it for the time being"),
    CertificateStatus.ACTIVE: N_("Make it valid again"),
}
CODES = {
    ChangeCode.ISSUED_IN_ERROR: N_("it was issued in error"),
    ChangeCode.WRONG_DETAILS: N_("its details are wrong"),
    ChangeCode.MISCONDUCT: N_("misconduct"),
    ChangeCode.UNDER_REVIEW: N_("it is under review"),
    ChangeCode.REVIEW_PASSED: N_("the review was passed"),
    ChangeCode.HOLDER_ASKED: N_("its holder asked for it"),
}
NO_CODE = "none"  # chosen on purpose: the public page gives no reason
_WIDTH = 960


def page(
    templates: Sequence[Template], course: Course | None, groups: Sequence[CertificateGroup], words: Words
) -> dict[str, Any]:
    """The rule of each template, and what became of those who completed, which adds up to them."""
    counts = dict.fromkeys(GROUPS, 0)
    for group in groups:
        counts["withdrawn" if group.state in ("revoked", "suspended") else group.state] += group.learners
    total, x, bars = sum(counts.values()), 0.0, []
    for state, count in counts.items():
        width = _WIDTH * count / total if total else 0
        bars.append({"x": round(x, 1), "width": round(max(width - 2, 1), 1) if count else 0, "class": GROUPS[state][1]})
        x += width
    oldest = min((group.due_at for group in groups if group.state == "being-issued" and group.due_at), default=None)
    return {
        "templates": [
            {
                "template_id": template.template_id,
                "name": template.name,
                "parts": awards.rule(template, course, words),
            }
            for template in templates
        ],
        "kinds": [
            {"state": state, "count": count, "class": GROUPS[state][0], "text": words._(GROUPS[state][2])}
            for state, count in counts.items()
        ],
        "bars": bars,
        "total": total,
        "oldest": oldest,
        "failures": [
            {"reason": group.reason or "", "learners": group.learners, "is_tried_again": group.state == "held"}
            for group in groups
            if group.state in ("failed", "held")
        ],
        "failed": counts["failed"],
    }


def samples(drawn: Sequence[DrawnSample]) -> list[dict[str, Any]]:
    """Samples of a template, with the picture as a page shows it: an image, in which nothing runs or loads."""
    return [
        {
            "name": sample.name,
            "picture": "" if sample.picture is None else data_url(SVG_TYPE, sample.picture),
            "undrawable": " ".join(sample.undrawable),
            "problem": sample.problem,
        }
        for sample in drawn
    ]


def issued(certificates: Sequence[Certificate], words: Words) -> list[dict[str, Any]]:
    """Certificates as rows."""
    return [_row(certificate, words) for certificate in certificates]


def _row(certificate: Certificate, words: Words) -> dict[str, Any]:
    kind, state = STATES[CertificateStatus(certificate.status)]
    if (
        certificate.status == CertificateStatus.ACTIVE
        and certificate.expires_at
        and certificate.expires_at <= words.now
    ):
        kind, state = "bad", N_("expired")
    return {
        "certificate_id": certificate.certificate_id,
        "user_id": certificate.user_id,
        "recipient": recipient_name(certificate),
        "name": certificate.name,
        "kind": kind,
        "state": words._(state),
        "earned_on": certificate.earned_at.astimezone(words.zone).date(),
        "issued_at": certificate.issued_at,
    }


def one(certificate: Certificate, names: Names, words: Words) -> dict[str, Any]:
    """One certificate with what may be done about it. A revoked one stays so; only issuing anew gives another."""
    status = CertificateStatus(certificate.status)
    code = CODES.get(ChangeCode(certificate.change_code)) if certificate.change_code else None
    return {
        "certificate": _row(certificate, words),
        "holder": names.of(certificate.user_id),
        "changed_at": certificate.changed_at if certificate.change_code or certificate.change_reason else None,
        "changed_by": names.of(certificate.changed_by) if certificate.changed_by else "",
        "change_reason": certificate.change_reason or "",
        "change_code": words._(code) if code else "",
        "acts": [(act.value, words._(text)) for act, text in ACTS.items() if status in CHANGES[act]],
        "codes": [
            ("", words._("Choose…")),
            *((code, words._(CODES[ChangeCode(code)])) for code in CODES_BY_HAND),
            (NO_CODE, words._("no reason")),
        ],
        "is_drawn": status is CertificateStatus.ACTIVE,
        "names_are_missing": names.are_missing,
    }


def attachment(course_id: str, batch_id: str, form: Mapping[str, str], rule: RuleForm) -> dict[str, Any]:
    """Our own template on a batch, as the API's call has it."""
    signatory = {"name": form["signatory"].strip(), "designation": form.get("designation", "").strip()}
    template = {"identifier": DEFAULT_TEMPLATE, "name": form["title"].strip(), "criteria": criteria_of(rule)}
    return {"courseId": course_id, "batchId": batch_id, "template": {**template, "signatoryList": [signatory]}}


def keys(certificate: Certificate) -> list[str | int | float | None]:
    """Where a page ends, for its cursor."""
    return [certificate.issued_at.isoformat(), certificate.certificate_id]


def place(cursor: Sequence[str | int | float | None] | None) -> tuple[datetime, str] | None:
    """What `keys` wrote; None begins the list again."""
    return None if cursor is None else (datetime.fromisoformat(str(cursor[0])), str(cursor[1]))
