"""All certificates of a batch in one zip, made while it is downloaded."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator
from datetime import datetime

from lernbatch import log
from lernbatch.certificate import pictures
from lernbatch.certificate.model import Certificate
from lernbatch.database import db, sql
from lernbatch.drawing.svg import BadPicture
from lernbatch.services import Services

Q = sql.load("lernbatch.certificate")
PAGE = 100


class _Stream(io.RawIOBase):
    """Takes what the archive writes and hands it on in parts; it cannot seek, so entries carry their sizes behind."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]
        self.parts.append(part)
        return len(part)

    def taken(self) -> bytes:
        taken, self.parts = b"".join(self.parts), []
        return taken


async def stream(
    services: Services, batch_id: str, since: datetime, until: datetime, form: str
) -> AsyncIterator[bytes]:
    """The zip, part by part; `form` as gallery.MEDIA_TYPES. One that cannot be drawn is left out and logged."""
    out = _Stream()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        async for certificate in _certificates(services, batch_id, since, until):
            try:
                qr, client = services.config.certificate_qr, f"batch {batch_id}"
                body = await pictures.render(services, certificate, form, qr, client, patient=True)
            except BadPicture as bad:
                log.warning("a certificate has no picture", certificate_id=certificate.certificate_id, error=str(bad))
                continue
            archive.writestr(f"{certificate.user_id}-{certificate.certificate_id}.{form}", body)
            yield out.taken()
    yield out.taken()


async def _certificates(
    services: Services, batch_id: str, since: datetime, until: datetime
) -> AsyncIterator[Certificate]:
    after_at, after_id = since, ""
    while True:
        page = await db.all(
            services.pool,
            Certificate,
            Q.certificates_of_batch,
            batch_id=batch_id,
            since=since,
            until=until,
            after_at=after_at,
            after_id=after_id,
            limit=PAGE,
        )
        for certificate in page:
            yield certificate
        if len(page) < PAGE:
            return
        after_at, after_id = page[-1].issued_at, page[-1].certificate_id
