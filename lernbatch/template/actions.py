"""What can be done with templates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lernbatch.batch.model import Batch
from lernbatch.config import Config
from lernbatch.course import actions as courses
from lernbatch.services import Services
from lernbatch.sunbird.templates import CertificateTemplateAsset
from lernbatch.template import criteria, issuers, rules, wire
from lernbatch.template.model import DEFAULT_TEMPLATE, Template
from lernbatch.template.wire import Attachment
from lernbatch.web.caller import Caller


@dataclass(frozen=True, slots=True)
class Composition:
    """A template as a batch keeps it, completed from the asset it names.

    `doubts`: what of the request is left out, as sentences. `foreign`: addresses of signatures that are kept, as the
    contract wants them, and never fetched or drawn.
    """

    stored: dict[str, Any]
    doubts: list[str]
    foreign: list[str]


async def compose(services: Services, caller: Caller, batch: Batch, attachment: Attachment) -> Composition:
    """The template as the batch keeps it.

    Raises: rules.TemplateNotAllowed, and the refusals of contract batches §4.1, A26 to A31.
    """
    config = services.config
    administers = not caller.authentication_enabled or caller.administers(batch.created_for, config.administrator_roles)
    if not administers and not rules.may_use(attachment.template_id, batch.created_for, config.certificate_templates):
        raise rules.TemplateNotAllowed(attachment.template_id)
    notify, doubts = rules.mail_fields(
        attachment.template.get("notifyTemplate") or {}, config.mail_hosts, config.cloud_store_placeholder
    )
    attachment = replace(attachment, template={**attachment.template, "notifyTemplate": notify})
    issuer, signatories = attachment.template.get("issuer"), attachment.template.get("signatoryList")
    asset = None
    if attachment.template_id == DEFAULT_TEMPLATE:
        vouching = (await issuers.names(services, {batch.batch_id: batch.created_for}))[batch.batch_id]
        if issuer and not administers:
            doubts.append(f"The issuer is {vouching}: only who administers the organisation may name another one.")
            issuer = None
        issuer = issuer or {"name": vouching, "url": config.public_url}
        name, url = str(attachment.template.get("name") or "Certificate"), default_url(config)
    else:
        asset = await find_asset(services, attachment.template_id)
        issuer, signatories = issuer or asset.issuer, signatories or asset.signatories
        name, url, base = asset.title, asset.artifact_url, config.cloud_store_url
        if base and url.startswith(base):
            url = config.cloud_store_placeholder + url.removeprefix(base)
    signatories = [signatory for signatory in signatories or () if isinstance(signatory, dict) and signatory]
    if not issuer or not signatories:
        raise rules.NoSigner(attachment.template_id)
    foreign = rules.foreign_pictures(
        wire.pictures_of(signatories),
        wire.pictures_of(asset.signatories or () if asset else ()),
        config.mail_hosts,
        config.cloud_store_placeholder,
    )
    doubts += [f"The picture {image[:200]} is left out: it is on no host that is allowed." for image in foreign]
    stored = wire.stored_template(attachment, name=name, url=url, issuer=issuer, signatories=signatories)
    return Composition(stored, doubts, foreign)


async def find_asset(services: Services, template_id: str) -> CertificateTemplateAsset:
    """A template as its service knows it. Raises the refusals of contract batches §4.1, A26 to A30."""
    asset = await services.sunbird.templates.template(template_id)
    if asset is None:
        raise rules.UnknownTemplate(template_id)
    if asset.template_id != template_id:
        raise rules.InvalidTemplate(template_id)
    return asset


def default_url(config: Config) -> str:
    """Where our own template is read, for portals that draw certificates themselves."""
    return f"{config.base_url}/certs/templates/{DEFAULT_TEMPLATE}.svg"


async def doubts_about(services: Services, batch: Batch, template: Template) -> list[str]:
    """What may be wrong with a template although it can be attached, as sentences."""
    doubts = []
    others = [name for name in batch.templates if name != template.template_id]
    for other in others:
        if wire.read_template(other, batch.templates[other]).name.lower() == template.name.lower():
            doubts.append(f"Template {other} has the same name: a learner gets only one certificate of a name.")
    doubts += [
        f"The user's {name} is not copied: anybody may see a certificate." for name in rules.not_shareable(template)
    ]
    if criteria.needs_scores(template.criteria):
        course = await courses.course(services, batch.course_id, batch.course_version)
        if course is not None:
            doubts += criteria.never_satisfied(template.criteria, course.leaf_node_ids, course.assessment_ids)
    return doubts
