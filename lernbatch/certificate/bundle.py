"""All certificates of a batch in one zip, made while it is downloaded."""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterator
from datetime import datetime

from lernbatch import log
from lernbatch.archive.packing import Sink
from lernbatch.certificate import pictures
from lernbatch.certificate.model import Certificate
from lernbatch.database import db, sql
from lernbatch.drawing.svg import BadPicture
from lernbatch.services import Services

Q = sql.load("lernbatch.certificate")
PAGE = 100


async def stream(
    services: Services, batch_id: str, since: datetime, until: datetime, form: str
) -> AsyncIterator[bytes]:
    """The zip, part by part; `form`: a key of pictures.MEDIA_TYPES.

    A certificate that cannot be rendered is left out and logged.
    """
    out = Sink()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        async for certificate in issued_between(services, batch_id, since, until):
            try:
                qr, client = services.config.certificate_qr, f"batch {batch_id}"
                body = await pictures.render(services, certificate, form, qr, client, patient=True)
            except BadPicture as bad:
                log.warning("a certificate has no picture", certificate_id=certificate.certificate_id, error=str(bad))
                continue
            archive.writestr(f"{certificate.user_id}-{certificate.certificate_id}.{form}", body)
            yield out.take()
    yield out.take()


async def issued_between(
    services: Services, batch_id: str, since: datetime, until: datetime
) -> AsyncIterator[Certificate]:
    """The active certificates of a batch that were issued from `since` until before `until`, the oldest first."""
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
