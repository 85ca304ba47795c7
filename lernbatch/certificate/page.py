"""The public page of a certificate: what it is worth, who earned what and why, and how to check it without us."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse

from lernbatch.certificate import rules, wire_verification
from lernbatch.certificate.verification import CheckedCertificate
from lernbatch.drawing.dates import format_date

if TYPE_CHECKING:
    from jinja2 import Environment

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# What each validity means, for people.
SENTENCES = {
    "valid": "This certificate is valid.",
    "expired": "This certificate was valid, and has expired.",
    "revoked": "This certificate was revoked and is not valid any more.",
    "suspended": "This certificate is suspended for the time being.",
    "superseded": "This certificate was replaced by a newer one.",
    "broken": "This certificate's record does not fit its signature. Do not trust it.",
    "untrusted": "The key that signed this certificate came into wrong hands. Its issuer will sign it anew.",
    "withdrawn": "This certificate was withdrawn at the wish of its holder, who was erased here. It is not valid.",
    "unknown": "No certificate of this number was issued here.",
}


# A sign for those who see no colour; the sentence says it in words.
SIGNS = {"valid": "✓", "superseded": "→", "suspended": "‖", "expired": "…"}
NO_SIGN = "✗"


@cache
def _pages() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # loaded where a page is shown

    return Environment(
        loader=PackageLoader("lernbatch.certificate", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )


def certificate(checked: CheckedCertificate | None, public_url: str, zone: tzinfo) -> HTMLResponse:
    """The page; 404 for an unknown number, as a page too."""
    validity = checked.validity if checked else "unknown"
    shown = None
    if checked and validity != rules.WITHDRAWN:
        shown = wire_verification.show_verification(checked.certificate, validity, checked.chain, public_url)

    def day(at: str) -> str:
        return format_date(datetime.fromisoformat(at), "D MMMM YYYY", zone)

    html = (
        _pages()
        .get_template("certificate.html")
        .render(
            validity=validity,
            sentence=SENTENCES[validity],
            sign=SIGNS.get(validity, NO_SIGN),
            shown=shown,
            day=day,
            public_url=public_url,
        )
    )
    return HTMLResponse(html, 200 if checked else 404, headers=HEADERS)


# What each validity of a certificate means that another service issued.
IMPORTED_SENTENCES = {**SENTENCES, "valid": "This certificate is valid by the record of the registry that issued it."}


def imported(shown: Mapping[str, Any], zone: tzinfo) -> HTMLResponse:
    """The page of a certificate that another service issued; `shown`: wire_verification.show_imported."""
    issued = None if shown["issuedOn"] is None else datetime.fromisoformat(shown["issuedOn"])
    html = (
        _pages()
        .get_template("imported.html")
        .render(
            shown=shown,
            sentence=IMPORTED_SENTENCES[shown["standing"]],
            sign=SIGNS.get(shown["standing"], NO_SIGN),
            issued=None if issued is None else format_date(issued, "D MMMM YYYY", zone),
        )
    )
    return HTMLResponse(html, headers=HEADERS)


@cache
def style_sheet() -> bytes:
    return resources.files("lernbatch.certificate").joinpath("pages/certificate.css").read_bytes()
