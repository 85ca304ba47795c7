"""The JSON of the registries, for the description of the API; `wire.py` reads and shows it."""

from __future__ import annotations

from lernbatch.web.schema import (
    Shape,
    flag,
    listed,
    record,
    text,
    whole,
)

_CERTIFICATE_ID = text("The certificate's number.", example="351cf1ef-5c07-5b7f-a881-0e71c2e92bf1")

search = Shape(produces="application/json")
download = Shape(produces="application/json")
key = Shape(produces="application/json")
legacy_search = Shape(
    request=record(),
    result=record("response", response=record("count content", count=whole(), content=listed(record()))),
)
legacy_download = Shape(result=record("printUri", printUri=text("The SVG as a data URL.")))
legacy_download_by_url = Shape(request=record("pdfUrl", pdfUrl=text()), result=record("signedUrl", signedUrl=text()))
legacy_read = Shape(result=record("response", response=record()))
legacy_validate = Shape(
    request=record("certId", certId=_CERTIFICATE_ID, accessCode=text()), result=record("response", response=record())
)
legacy_verify = Shape(
    request=record("", data=record("id", id=text()), id=text()),
    result=record("response", response=record("valid", valid=flag(), messages=listed(text()), errorCount=whole())),
)
