"""Pictures of certificates: rendered on request, and cached in memory."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import rfc8785
from cachetools import LRUCache

from lernbatch.certificate import record, wire
from lernbatch.certificate.model import Certificate
from lernbatch.credential import baking, proof, vc_jwt
from lernbatch.credential.keys import key_set
from lernbatch.drawing import qr as qr_codes
from lernbatch.drawing import renderer
from lernbatch.drawing.design import Design
from lernbatch.drawing.queue import drawing_queue
from lernbatch.drawing.renderer import RenderJob
from lernbatch.drawing.svg import BadPicture
from lernbatch.drawing.values import placeholders
from lernbatch.services import Services
from lernbatch.template import files
from lernbatch.web.private import counted_address
from lernbatch.web.request import Call

if TYPE_CHECKING:
    from lernbatch.drawing.typesetting import FontSet

MEDIA_TYPES = {
    "svg": "image/svg+xml",
    "png": "image/png",
    "pdf": "application/pdf",
    "json": "application/vc",
    "jwt": "application/vc+jwt",
}


def protection(form: str) -> dict[str, str]:
    """The headers of a file of one of MEDIA_TYPES: an SVG opened alone must not run or load anything either."""
    drawn = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
    return {"X-Content-Type-Options": "nosniff", **({"Content-Security-Policy": drawn} if form == "svg" else {})}


_CACHE: LRUCache[tuple[str, ...], bytes] = LRUCache(64 * 1024 * 1024, getsizeof=len)
_CACHE_LOCK = Lock()  # the loop reads it, and the thread that draws fills it


async def render(
    services: Services, certificate: Certificate, form: str, qr: str, client: str, *, patient: bool = False
) -> bytes:
    """The certificate as a file of one of MEDIA_TYPES. `qr`: what its code says; `client`: who waits for it.

    `patient`: until it is drawn, however long that takes.
    Raises: svg.BadPicture, queue.TooManyPictures, Unusable.
    """
    if form == "json":
        return rfc8785.dumps(dict(certificate.credential))
    if form == "jwt":
        keys = key_set(services.config)
        if not proof.trusted_proofs(certificate.credential, keys.keys):  # or a changed record would be signed here
            raise BadPicture("its record is not as a trusted key signed it.")
        return vc_jwt.jwt(certificate.credential, keys).encode()
    signed_by = record.key_name(certificate.credential)  # a certificate that is signed anew is rendered anew
    key = (services.config.public_url, certificate.certificate_id, signed_by, form, qr)
    with _CACHE_LOCK:
        drawn = _CACHE.get(key)
    if drawn is None:
        images = [signatory["image"] for signatory in certificate.template["signatoryList"]]
        design = await files.design(services, certificate.template["url"], images)
        seconds = None if patient else services.config.certificate_drawing_seconds
        async with drawing_queue().slot(client, seconds):
            loop = asyncio.get_running_loop()
            work = (key, services, certificate, design, form, qr)
            drawn = await loop.run_in_executor(renderer.EXECUTOR, _draw, *work)
    return drawn


def client_of(call: Call) -> str:
    """The client that waits for a picture: a user id, or an address, which trusted proxies say."""
    return call.caller.user_id or counted_address(call.http, call.services.config)


def _draw(
    key: tuple[str, ...], services: Services, certificate: Certificate, design: Design, form: str, qr: str
) -> bytes:
    """Render the picture, unless another request did so while this one waited."""
    with _CACHE_LOCK:
        cached = _CACHE.get(key)
    if cached is not None:
        return cached
    job = render_job(services, certificate, design, form, qr)
    drawn = renderer.RENDERER.draw(job)
    if form == "png":
        drawn = baking.to_png(drawn, job.credential)
    elif form == "svg":
        drawn = baking.to_svg(drawn, job.credential)  # a PDF has it already
    with _CACHE_LOCK, suppress(ValueError):  # one that is larger than the whole cache is drawn again
        _CACHE[key] = drawn
    return drawn


def render_job(services: Services, certificate: Certificate, design: Design, form: str, qr: str) -> RenderJob:
    """What the renderer is to draw. `form`: svg, png or pdf."""
    signed = rfc8785.dumps(dict(certificate.credential))
    public_url, zone = services.config.base_url, services.clock.zone
    code = qr_codes.qr_png(qr_codes.qr_content(f"{public_url}/certs/{certificate.certificate_id}", qr, signed))
    fonts = services.config.certificate_font_folder
    return RenderJob(
        form=form,
        source=design.source,
        embedded=design.embedded,
        values=placeholders(record.picture_values(certificate, public_url, code), zone),
        zone=str(zone),
        fonts=None if fonts is None else str(fonts),
        credential=signed,
        title=certificate.name,
        author=wire.vouching_name(certificate),
        made_at=certificate.issued_at,
    )


@cache
def fonts(more: Path | None) -> FontSet:
    from lernbatch.drawing.typesetting import FontSet  # loaded where an operator's question needs it

    return FontSet(more)
