"""Templates' SVGs and signature pictures: fetched when a template is attached, kept, never loaded while drawing."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from lernbatch.config import Config
from lernbatch.database import db, sql
from lernbatch.drawing import pictures, renderer, svg
from lernbatch.drawing.design import Design, default_design
from lernbatch.drawing.queue import drawing_queue
from lernbatch.drawing.svg import BadPicture
from lernbatch.errors import Upstream
from lernbatch.services import Services
from lernbatch.template import rules
from lernbatch.template.model import DEFAULT_TEMPLATE, Template

Q = sql.load("lernbatch.template")
MAX_PICTURES = 20
MAX_PICTURE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """A file as it was fetched."""

    url: str
    media_type: str
    body: bytes


async def fetch(services: Services, template: Template, foreign: Collection[str], client: str) -> list[str]:
    """Fetch and keep what `template` is drawn from; what could not be had, or is left out, as sentences.

    `foreign`: addresses of signatures that are not fetched. `client`: who waits for it.
    Raises: rules.UnreadableTemplate, when the SVG is there but cannot be used; queue.TooManyPictures.
    """
    images = [signatory.image for signatory in template.signatories if signatory.image not in foreign]
    if template.template_id == DEFAULT_TEMPLATE:
        return await _fetch_pictures(services, images, client)
    url = real_url(services.config, template.url)
    try:
        source = await services.sunbird.templates.picture(url)
    except Upstream as unreachable:
        return [f"The template's picture {url} cannot be read ({unreachable.shown}): the default one is used."]
    try:
        warnings = await _check(services, source, client)
        urls = [*svg.pictures(svg.parse(source)), *images]
    except BadPicture as bad:
        raise rules.UnreadableTemplate(str(bad)) from bad
    await _keep(services, TemplateFile(template.url, "image/svg+xml", source))
    return warnings + await _fetch_pictures(services, urls, client)


async def _check(services: Services, source: bytes, client: str) -> list[str]:
    async with drawing_queue().slot(client, services.config.certificate_drawing_seconds):
        return await asyncio.get_running_loop().run_in_executor(renderer.EXECUTOR, renderer.RENDERER.check, source)


async def _fetch_pictures(services: Services, urls: Iterable[str], client: str) -> list[str]:
    warnings = []
    for url in list(dict.fromkeys(url for url in urls if url.startswith(("http://", "https://", "/"))))[:MAX_PICTURES]:
        try:
            body = await services.sunbird.templates.picture(real_url(services.config, url))
        except Upstream as unreachable:
            warnings.append(f"The picture {url} cannot be read ({unreachable.shown}): it is left out.")
            continue
        media_type = pictures.type_of(body)
        if media_type is None or len(body) > MAX_PICTURE_BYTES:
            warnings.append(f"The picture {url} is no picture of at most 1 MB that can be read: it is left out.")
            continue
        if media_type == pictures.SVG_TYPE:
            try:
                warnings += [f"In the picture {url}: {warning}" for warning in await _check(services, body, client)]
            except BadPicture as bad:
                warnings.append(f"The picture {url} is left out: {bad}")
                continue
        await _keep(services, TemplateFile(url, media_type, body))
    return warnings


async def _keep(services: Services, file: TemplateFile) -> None:
    now = services.clock.now()
    await db.run(services.pool, Q.put_file, url=file.url, media_type=file.media_type, body=file.body, now=now)


async def design(services: Services, url: str, images: Iterable[str]) -> Design:
    """How certificates of the template at `url` look; the default design where its SVG was never to be had."""
    first = await _files(services, [url, *images])
    source = first[url].body if url in first else default_design().source
    more = await _files(services, [inner for inner in svg.pictures(svg.parse(source)) if inner not in first])
    embedded = {
        file.url: pictures.data_url(file.media_type, file.body)
        for file in (*first.values(), *more.values())
        if file.url != url
    }
    return Design(source, embedded)


async def _files(services: Services, urls: Iterable[str]) -> Mapping[str, TemplateFile]:
    rows = await db.all(services.pool, TemplateFile, Q.files, urls=[url for url in urls if url])
    return {file.url: file for file in rows}


def real_url(config: Config, url: str) -> str:
    """The address that a stored URL stands for: with the cloud store in place of its placeholder."""
    base = config.cloud_store_url
    return url.replace(config.cloud_store_placeholder, base, 1) if base else url
