"""What can be done with templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
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


async def compose(
    services: Services, caller: Caller, batch: Batch, attachment: Attachment
) -> tuple[dict[str, Any], list[str]]:
    """The template as the batch keeps it, completed from the asset it names, and what of the request is left out.

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
    if attachment.template_id == DEFAULT_TEMPLATE:
        vouching = (await issuers.names(services, {batch.batch_id: batch.created_for}))[batch.batch_id]
        own = {"name": vouching, "url": config.public_url}
        if issuer and not administers:
            doubts.append(f"The issuer is {vouching}: only who administers the organisation may name another one.")
            issuer = None
        name = str(attachment.template.get("name") or "Certificate")
        return _complete(attachment, name, default_url(config), issuer or own, signatories), doubts
    asset = await find_asset(services, attachment.template_id)
    base = config.cloud_store_url
    url = asset.artifact_url
    if base and url.startswith(base):
        url = config.cloud_store_placeholder + url.removeprefix(base)
    return _complete(attachment, asset.title, url, issuer or asset.issuer, signatories or asset.signatories), doubts


async def find_asset(services: Services, template_id: str) -> CertificateTemplateAsset:
    """A template as its service knows it. Raises the refusals of contract batches §4.1, A26 to A30."""
    asset = await services.sunbird.templates.template(template_id)
    if asset is None:
        raise rules.UnknownTemplate(template_id)
    if asset.template_id != template_id:
        raise rules.InvalidTemplate(template_id)
    return asset


def _complete(
    attachment: Attachment, name: str, url: str, issuer: Mapping[str, Any] | None, signatories: Sequence[Any] | None
) -> dict[str, Any]:
    signatories = [signatory for signatory in signatories or () if isinstance(signatory, dict) and signatory]
    if not issuer or not signatories:
        raise rules.NoSigner(attachment.template_id)
    return wire.stored_template(attachment, name=name, url=url, issuer=issuer, signatories=signatories)


def default_url(config: Config) -> str:
    """Where our own template is read, for portals that draw certificates themselves."""
    return f"{config.public_url.rstrip('/')}/certs/templates/{DEFAULT_TEMPLATE}.svg"


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
            assessments = [leaf.content_id for leaf in course.assessments]
            doubts += criteria.never_satisfied(template.criteria, course.leaf_node_ids, assessments)
    return doubts
