"""What a template must fulfil, and the refusals."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from lernbatch.batch import rules as batch
from lernbatch.errors import Forbidden, Refused
from lernbatch.template.model import LearnerFacts, StatusDecision, Template

SHAREABLE = batch.SHAREABLE  # certificates are shown to anybody


_BLOCKS = ("enrollment", "assessment", "location", "course")


DAYS = range(1, 36_501)  # for how long a certificate may be valid


class NoSuchBatch(Refused):
    message = "No such batchId exists"


class NotOfCourse(Refused):
    message = "batchId is not linked with courseId"


class UnknownTemplate(Refused):
    def __init__(self, template_id: str) -> None:
        super().__init__(f"Given cert template not found: {template_id}")


class InvalidTemplate(Refused):
    def __init__(self, template_id: str) -> None:
        super().__init__(f"Invalid template Id: {template_id}")


class NoSigner(Refused):
    """Neither the asset nor the request has both an issuer and signatories."""

    def __init__(self, template_id: str) -> None:
        super().__init__(f"Issuer or signatoryList is empty. Invalid template Id: {template_id}")


class UnreadableTemplate(Refused):
    """The SVG of a template cannot be had or used; the text says why."""

    code = "INVALID_DATA"


class TemplateNotAllowed(Forbidden):
    """The batch's organisation does not let those who only manage a batch award by this template."""

    def __init__(self, template_id: str) -> None:
        super().__init__(f"The template {template_id} is none that the organisations of this batch allow.")


def may_use(template_id: str, organisations: Iterable[str], allowed: Sequence[str]) -> bool:
    """Whether who only manages a batch may award by a template.

    `allowed`: `organisation:template`, `*` for all organisations; empty: any template may be used.
    """
    return not allowed or any(f"{organisation}:{template_id}" in allowed for organisation in (*organisations, "*"))


def shareable(related: Mapping[str, Any]) -> dict[str, Any]:
    """What may be shown of `related`; a record may be older than the rule."""
    return {name: value for name, value in related.items() if name in SHAREABLE or name in _BLOCKS}


def not_shareable(template: Template) -> list[str]:
    """Which properties of the user a template wants beside its certificates and does not get."""
    names = template.extras.get("user")
    return [str(name) for name in names if name not in SHAREABLE] if isinstance(names, list) else []


def vouching_organisation(organisations: Sequence[str], issuer: str) -> str | None:
    """The organisation in whose name a batch's certificates are signed; None: the installation's own name.

    `issuer`: the setting certificate_issuer. Of several organisations none can vouch for the others.
    """
    return organisations[0] if issuer == "organisation" and len(organisations) == 1 else None


MAIL_TEXTS: Mapping[str, int] = {"subject": 200, "regards": 200, "regardsperson": 200, "emailTemplateType": 100}


MAIL_LINKS = ("stateImgUrl", "stateImageUrl")


DEFAULT_SUBJECT = "Certificate"


_LONGEST_LINK = 1000


_LINK = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://|\bwww\.|\b(?:javascript|data|mailto|tel):)\S*|\b[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}/\S*", re.I
)


def mail_fields(notify: Mapping[str, Any], hosts: Collection[str], store: str) -> tuple[dict[str, str], list[str]]:
    """What may go out in mails of a template's notifyTemplate, and what is left out, as sentences.

    The platform mails it to learners, so it is plain text of known keys; links lead to `hosts` or into the cloud
    `store` alone, which stored addresses name by its placeholder.
    """
    kept, doubts = {}, []
    for key, value in notify.items():
        if key in MAIL_TEXTS:
            why = mail_text_flaw(value, MAIL_TEXTS[key], hosts)
        elif key in MAIL_LINKS:
            why = None if is_mail_link(value, hosts, store) else "it is no link to a host that is allowed"
        else:
            why = f"only {', '.join((*MAIL_TEXTS, *MAIL_LINKS))} are known"
        if why is None:
            kept[key] = value
        else:
            doubts.append(f"{key[:100]!r} of notifyTemplate is left out: {why}.")
    if "subject" in notify and "subject" not in kept:
        kept["subject"] = DEFAULT_SUBJECT
    return kept, doubts


def foreign_pictures(images: Iterable[str], of_asset: Collection[str], hosts: Collection[str], store: str) -> list[str]:
    """The pictures of signatures that are not fetched: not the asset's own, and neither on `hosts` nor in the `store`.

    A batch's mentor writes them, and a certificate would show the learner's name over a picture of anybody's choice.
    """
    return [
        image
        for image in images
        if image.startswith(("http://", "https://", "/"))
        and image not in of_asset
        and not is_mail_link(image, hosts, store)
    ]


def mail_text_flaw(value: Any, longest: int, hosts: Collection[str]) -> str | None:
    """Why `value` may not stand in a mail, as the end of a sentence; None if it may. `longest`: in characters."""
    if not isinstance(value, str) or len(value) > longest:
        return f"it is no text of at most {longest} characters"
    if not value.isprintable() or "<" in value or ">" in value:
        return "it is no plain text of one line"
    if any(host_of(link) not in hosts for link in _LINK.findall(value)):
        return "it has a link to a host that is not allowed"
    return None


def is_mail_link(value: Any, hosts: Collection[str], store: str) -> bool:
    """Whether `value` is an address of one of `hosts` or below `store`, without blanks and not too long."""
    if not isinstance(value, str) or len(value) > _LONGEST_LINK or not value.isprintable() or " " in value:
        return False
    return value.startswith(f"{store}/") or (value.startswith(("https://", "http://")) and host_of(value) in hosts)


def host_of(link: str) -> str | None:
    """The host that a link leads to, in lower case; None for what leads to none."""
    try:
        parts = urlsplit(link if "://" in link else f"https://{link}")
        return None if parts.username is not None or "\\" in link else parts.hostname
    except ValueError:
        return None


def passed_over(template: Template, learner: LearnerFacts, *, again: bool, named: bool) -> str | None:
    """Why nothing is issued to a learner about whom somebody decided; None: nothing was decided, or it may change.

    A revoked certificate comes back by a new issue that names its learner, and by nothing else. A learner with a
    revoked certificate gets no other one of the batch either without being named.
    """
    if again and named:
        return None
    for decision in learner.decided:
        same = decision.template_id == template.template_id or decision.name.lower() == template.name.lower()
        if same:
            return decision.status.value
        if decision.status is StatusDecision.REVOKED and not named:
            return "another certificate of this batch was revoked"
    return None
