"""The QR code of a certificate: what it says, and its picture."""

from __future__ import annotations

import io
import zipfile
from base64 import b64encode

QR_KINDS = ("URL", "URL-W3C-VC", "W3C-VC")


def qr_content(page_url: str, kind: str, credential: bytes) -> str:
    """What the QR code says: URL, URL-W3C-VC (the link with the signed credential in it) or W3C-VC (that alone).

    Source: contract jobs §4.6, QR_TYPE.
    """
    if kind == "URL":
        return f"{page_url}?t=URL"
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr(zipfile.ZipInfo("certificate.json"), credential, zipfile.ZIP_DEFLATED)
    packed = b64encode(zipped.getvalue()).decode()
    return f"{page_url}?t=URL-W3C-VC&data={packed}" if kind == "URL-W3C-VC" else packed


def qr_png(content: str) -> str:
    """The QR code as a data URL, three dots a module."""
    import segno  # loaded where a code is made

    code: str = segno.make(content, error="m" if len(content) < 500 else "l", micro=False).png_data_uri(
        scale=3, border=2
    )
    return code
