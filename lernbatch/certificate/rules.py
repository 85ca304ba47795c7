"""What is true of certificates: whether a learner has earned one, and the evidence. Pure."""

from __future__ import annotations

import hmac
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from lernbatch.certificate.model import Standing
from lernbatch.errors import Refused
from lernbatch.template.model import (
    Learner,
    Template,
)

BEGUN, COMPLETED = 1, 2  # of an enrolment


class NoTemplates(Refused):
    def __init__(self, batch_id: str) -> None:
        super().__init__(f"No certificate templates associated with {batch_id}")


class CannotChange(Refused):
    """A certificate is not in a state from which the asked one can be reached."""

    code = "INVALID_DATA"

    def __init__(self, standing: Standing) -> None:
        super().__init__(f"This certificate cannot become {standing.value} any more.")


# From which standings each can be reached by hand; superseded comes from a re-issue alone.
CHANGES: Mapping[Standing, tuple[Standing, ...]] = {
    Standing.REVOKED: (Standing.ACTIVE, Standing.SUSPENDED),
    Standing.SUSPENDED: (Standing.ACTIVE,),
    Standing.ACTIVE: (Standing.SUSPENDED,),
}


def vouching_organisation(organisations: Sequence[str], issuer: str) -> str | None:
    """The organisation in whose name a batch's certificates are signed; None: the installation's own name.

    `issuer`: the setting certificate_issuer. Of several organisations none can vouch for the others.
    """
    return organisations[0] if issuer == "organisation" and len(organisations) == 1 else None


def on_behalf_of(vouching: str, claimed: str) -> str | None:
    """The name that a template gives its issuer, where that is not who vouches: a claim that nobody checked."""
    claimed = claimed.strip()
    return None if not claimed or claimed.casefold() == vouching.strip().casefold() else claimed


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
            why = _why_no_mail_text(value, MAIL_TEXTS[key], hosts)
        elif key in MAIL_LINKS:
            why = None if _is_mail_link(value, hosts, store) else "it is no link to a host that is allowed"
        else:
            why = f"only {', '.join((*MAIL_TEXTS, *MAIL_LINKS))} are known"
        if why is None:
            kept[key] = value
        else:
            doubts.append(f"{key[:100]!r} of notifyTemplate is left out: {why}.")
    if "subject" in notify and "subject" not in kept:
        kept["subject"] = DEFAULT_SUBJECT
    return kept, doubts


def _why_no_mail_text(value: Any, longest: int, hosts: Collection[str]) -> str | None:
    if not isinstance(value, str) or len(value) > longest:
        return f"it is no text of at most {longest} characters"
    if not value.isprintable() or "<" in value or ">" in value:
        return "it is no plain text of one line"
    if any(host_of(link) not in hosts for link in _LINK.findall(value)):
        return "it has a link to a host that is not allowed"
    return None


def _is_mail_link(value: Any, hosts: Collection[str], store: str) -> bool:
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


def certificate_id(secret: bytes, batch_id: str, user_id: str, template_id: str, revision: int) -> str:
    """The same for the same award, so that nothing is issued twice; without `secret` nobody can compute it.

    The address of a certificate is all that is needed to see it, and ids of learners and batches are no secrets.
    """
    award = "\n".join((batch_id, user_id, template_id, str(revision)))
    return str(UUID(bytes=hmac.digest(secret, award.encode(), sha256)[:16], version=4))


def passed_over(template: Template, learner: Learner, *, again: bool, named: bool) -> str | None:
    """Why nothing is issued to a learner about whom somebody decided; None: nothing was decided, or it may change.

    A revoked certificate comes back by a new issue that names its learner, and by nothing else. A learner with a
    revoked certificate gets no other one of the batch either without being named.
    """
    if again and named:
        return None
    for decision in learner.decisions:
        same = decision.template_id == template.template_id or decision.name.lower() == template.name.lower()
        if same:
            return decision.standing.value
        if decision.standing is Standing.REVOKED and not named:
            return "another certificate of this batch was revoked"
    return None


LEAST_GROUP = 5  # learners; of fewer a count tells about persons
FEW = "fewerThanFive"


def without_few(counts: Counter[str]) -> Counter[str]:
    """The counts with all groups of fewer than LEAST_GROUP as one, under FEW."""
    few = sum(count for count in counts.values() if count < LEAST_GROUP)
    told = {name: count for name, count in counts.items() if count >= LEAST_GROUP}
    return Counter({**told, FEW: few} if few else told)


WITHDRAWN = "withdrawn"  # the standing of a certificate whose holder was erased


def standing(status: str, expires_at: datetime | None, now: datetime) -> str:
    """What a certificate is worth now: valid, or why not."""
    if status == Standing.ACTIVE:
        return "expired" if expires_at is not None and now >= expires_at else "valid"
    return status
