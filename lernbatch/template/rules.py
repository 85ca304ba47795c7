"""What a template must fulfil, and the refusals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lernbatch.batch import rules as batch
from lernbatch.errors import Forbidden, Refused
from lernbatch.template.model import (
    Template,
)

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
    wanted = template.extras.get("user")
    return [str(name) for name in wanted if name not in SHAREABLE] if isinstance(wanted, list) else []
