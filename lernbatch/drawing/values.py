"""What a picture is filled with: the values of a certificate, under all names that templates have for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from lernbatch.drawing.dates import format_date

_DAY = "DD MMMM YYYY"
_COLUMNS = 3  # of signatories, in our own template
_MIDDLE, _COLUMN_WIDTH, _OUTSIDE = 561.5, 240, -5000  # in units of our own template


@dataclass(frozen=True, slots=True)
class PictureValues:
    """The values of one certificate. Instants are aware; texts are as people wrote them.

    `record`: the same certificate as the platform's registry keeps it, nested as its templates name it.
    `signatories`: of each its name, id, designation and image. `expires_at` None: never. `qr_code`: a data URL.
    """

    certificate_id: str
    name: str
    description: str
    course_name: str
    recipient_id: str
    recipient_name: str
    issuer: str
    signatories: Sequence[Mapping[str, str]]
    earned_at: datetime
    expires_at: datetime | None
    verification_url: str
    qr_code: str
    record: Mapping[str, Any]


def placeholders(values: PictureValues, zone: tzinfo) -> dict[str, Any]:
    """Placeholder → value: the registry's fields, the legacy names, and those of our own template.

    Source: contract jobs §4.6, §4.7.
    """
    expires_at, expiration = values.expires_at, None
    if expires_at is not None:  # 2026-07-01T10:00:00.000Z
        expiration = expires_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    signatories = {
        f"signatory{place}{key.capitalize()}": value
        for place, signatory in enumerate(values.signatories)
        for key, value in signatory.items()
    }
    return {
        **values.record,
        "issuer": {**values.record.get("issuer", {}), "name": values.issuer},
        **signatories,
        **signatory_centres(len(values.signatories)),
        "certificateName": values.name,
        "certificateDescription": values.description,
        "courseName": values.course_name,
        "issuedDate": format_date(values.earned_at, _DAY, zone),
        "expiryDate": "" if expires_at is None else format_date(expires_at, _DAY, UTC),
        "recipientId": values.recipient_id,
        "recipientName": values.recipient_name,
        "issuerName": values.issuer,
        "qrCode": values.qr_code,
        "qrCodeImage": values.qr_code,
        "certificateId": values.certificate_id,
        "verificationUrl": values.verification_url,
        "expirationDate": expiration,
    }


def signatory_centres(count: int) -> dict[str, float]:
    """Placeholder → the centre of a column of signatories in our own template, around its middle.

    `count`: of signatories. Unused columns lie outside the picture.
    """
    columns = min(count, _COLUMNS)
    return {
        f"signatory{place}Centre": _MIDDLE + _COLUMN_WIDTH * (place - (columns - 1) / 2)
        if place < columns
        else _OUTSIDE
        for place in range(_COLUMNS)
    }
