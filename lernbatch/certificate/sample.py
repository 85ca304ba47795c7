"""How a template looks with names of a batch's learners, before anything is issued by it."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from lernbatch.batch.model import Batch
from lernbatch.certificate import pictures, wire
from lernbatch.certificate.model import Certificate, CertificateStatus
from lernbatch.course import actions as courses
from lernbatch.credential import open_badge
from lernbatch.credential.open_badge import Award
from lernbatch.drawing import renderer
from lernbatch.drawing.queue import drawing_queue
from lernbatch.drawing.svg import BadPicture
from lernbatch.person import profiles
from lernbatch.services import Services
from lernbatch.template import criteria, files, issuers
from lernbatch.template.model import Template

MOST_SAMPLES = 6
NAMES_LOOKED_AT = 2000
NUMBER = "00000000-0000-0000-0000-000000000000"  # of a certificate that was never issued


@dataclass(frozen=True, slots=True)
class DrawnSample:
    """A template drawn with one name. `picture`: an SVG; None, and `problem` says why there is none.

    `undrawable`: characters of the name that no font draws.
    """

    name: str
    picture: bytes | None
    undrawable: str
    problem: str = ""


def typical(names: Iterable[str]) -> list[str]:
    """The longest of the names, and the longest that has letters of each other script; at most MOST_SAMPLES."""
    by_script: dict[str, str] = {}
    for name in sorted(names, key=len, reverse=True):
        for letter in filter(str.isalpha, name):
            by_script.setdefault(unicodedata.name(letter, "").partition(" ")[0], name)
    return list(dict.fromkeys(by_script.values()))[:MOST_SAMPLES]


async def draw(services: Services, batch: Batch, template: Template, otherwise: str, client: str) -> list[DrawnSample]:
    """The template with typical names of the batch, as far as they are kept; with `otherwise`, while there are none.

    `client`: who waits for it. Raises: TooManyPictures, Upstream.
    """
    await profiles.make_findable(services, batch.batch_id)
    names = await profiles.names_in(services, batch.batch_id, limit=NAMES_LOOKED_AT) or [otherwise]
    course = await courses.snapshot(services, batch.course_id)
    course_name = course.name if course else ""
    vouching = await issuers.names(services, {batch.batch_id: batch.created_for})
    design = await files.design(services, template.url, [signatory.image for signatory in template.signatories])
    fonts = await asyncio.to_thread(pictures.fonts, services.config.certificate_font_folder)
    samples = []
    for name in typical(names):
        certificate = _unissued(services, batch, template, vouching[batch.batch_id], course_name, name)
        job = pictures.render_job(services, certificate, design, "svg", services.config.certificate_qr)
        picture, problem = None, ""
        try:
            async with drawing_queue().slot(client, services.config.certificate_drawing_seconds):
                loop = asyncio.get_running_loop()
                picture = await loop.run_in_executor(renderer.EXECUTOR, renderer.RENDERER.draw, job)
        except BadPicture as bad:
            problem = str(bad)
        samples.append(DrawnSample(name, picture, fonts.lacks(name), problem))
    return samples


def _unissued(
    services: Services, batch: Batch, template: Template, issuer: str, course_name: str, name: str
) -> Certificate:
    """A certificate of today, with neither a holder nor a signature."""
    now, days = services.clock.now(), template.valid_days
    expires_at = None if days is None else now + timedelta(days=days)
    award = Award(
        identifier=f"{services.config.base_url}/certs/{NUMBER}",
        name=template.name,
        issuer_name=issuer,
        issuer_url=services.config.public_url,
        recipient_id="",
        recipient_name=name,
        achievement_id="",
        achievement_code=batch.course_id,
        description=course_name,
        narrative=criteria.narrative(template),
        earned_at=now,
        earned_on=now.astimezone(services.clock.zone).date(),
        expires_at=expires_at,
        percent=None,
        status_list_url="",
        status_list=0,
        status_index=0,
    )
    return Certificate(
        user_id="",
        batch_id=batch.batch_id,
        template_id=template.template_id,
        revision=1,
        certificate_id=NUMBER,
        course_id=batch.course_id,
        name=template.name,
        status=CertificateStatus.ACTIVE,
        status_index=0,
        credential={**open_badge.build(award, ""), "proof": {"verificationMethod": ""}},
        template=wire.show_appearance(template, course_name, {}),
        decision={},
        earned_at=now,
        issued_at=now,
        expires_at=expires_at,
        changed_at=now,
        changed_by=None,
        change_reason=None,
        change_code=None,
    )
