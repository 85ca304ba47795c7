"""Templates in JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lernbatch.errors import Malformed, Missing, Refused, Unmappable, WrongType
from lernbatch.template.model import (
    DEFAULT_TEMPLATE,
    Signatory,
    Template,
    TemplateIssuer,
)
from lernbatch.template.rules import DAYS
from lernbatch.template.wire_criteria import (
    InvalidProperty,
    TemplateCriteria,
    check_criteria,
    map_at,
    object_of,
    parsed,
    read_criteria,
)
from lernbatch.web.fields import blank, mandatory
from lernbatch.web.schema import BatchId, CourseId, Done, Fields

MAX_TEMPLATE_BYTES = 64 * 1024
_TEXT_KEYS_OF_SIGNATORY = ("name", "id", "designation", "image")
_OBJECTS = frozenset(("criteria", "issuer", "signatoryList", "notifyTemplate", "additionalProps", "validity"))


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
    check_criteria(map_at(template, "criteria"))
    _optional_map(template, "issuer")
    # Our own template needs a name and no more; the contract's need all that their pictures show.
    keys = ("name",) if attachment.template_id == DEFAULT_TEMPLATE else _TEXT_KEYS_OF_SIGNATORY
    signatories = template.get("signatoryList")
    if not isinstance(signatories, list | None):
        raise WrongType("signatoryList", "List")
    for signatory in signatories or ():
        if not isinstance(signatory, dict):
            raise Malformed
        if signatory and any(blank(signatory.get(key)) for key in keys):
            raise IncompleteSignatory
    _optional_map(template, "additionalProps")
    if template.get("validity"):  # our addition: {"days": 365}
        days = map_at(template, "validity").get("days")
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
    issuer = object_of(stored.get("issuer"))
    public_keys = issuer.get("publicKey")
    entries = parsed(stored.get("signatoryList"))
    notify, extras = object_of(stored.get("notifyTemplate")), object_of(stored.get("additionalProps"))
    valid_days = object_of(stored.get("validity")).get("days")
    return Template(
        template_id=str(stored.get("identifier") or template_id),
        name=str(stored.get("name") or ""),
        url=str(stored.get("url") or ""),
        criteria=read_criteria(object_of(stored.get("criteria"))),
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
    return [read_template(template_id, object_of(template)) for template_id, template in stored.items()]


def _optional_map(fields: Mapping[str, Any], key: str) -> None:
    if fields.get(key) is not None:
        map_at(fields, key)


def pictures_of(signatories: Sequence[Any]) -> list[str]:
    """The addresses of the signatories' pictures."""
    return [str(entry["image"]) for entry in signatories if isinstance(entry, dict) and entry.get("image")]
