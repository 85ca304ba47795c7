"""Forms: their number of parts is bounded before a parser looks at each of them.

Parsing takes microseconds a part, on the event loop, and in a body of a file's size there may be millions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message

from lernbatch.errors import Refused
from lernbatch.threads import beside
from lernbatch.web.envelope import TooLarge
from lernbatch.web.headers import headers_of
from lernbatch.web.request import Call

LONGEST_TYPE = 500  # characters of a content type: reading its parameters takes the square of their number
MULTIPART, URL_ENCODED = "multipart/form-data", "application/x-www-form-urlencoded"


class UnreadableForm(Refused):
    """No form, or one with more fields or files than are read."""

    code = "UNREADABLE_FORM"
    message = "The form could not be read."


@asynccontextmanager
async def read(call: Call, body: bytes, *, most_files: int, most_fields: int) -> AsyncIterator[FormData]:
    """The form in `body`, empty for a body of another kind. Raises: UnreadableForm; TooLarge.

    One in a URL's encoding, which browsers send no files in, has at most `max_body_bytes`.
    """
    given = headers_of(call.http.scope).get("content-type", "")
    if len(given) > LONGEST_TYPE:
        raise UnreadableForm
    content_type, parameters = parse_options_header(given)
    if content_type != MULTIPART.encode():
        yield FormData(await _fields(call, body, most_fields) if content_type == URL_ENCODED.encode() else ())
        return
    if body.count(b"--" + parameters.get(b"boundary", b"")) > most_files + most_fields + 1:
        raise UnreadableForm

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    form = Request(call.http.scope, receive).form(
        max_files=most_files, max_fields=most_fields, max_part_size=max(len(body), 1)
    )
    try:
        opened = await form
    except (MultiPartException, HTTPException) as wrong:  # inside an application Starlette raises the latter
        raise UnreadableForm from wrong
    try:
        yield opened
    finally:
        await opened.close()


async def _fields(call: Call, body: bytes, most: int) -> list[tuple[str, str | UploadFile]]:
    if len(body) > call.services.config.max_body_bytes:
        raise TooLarge
    try:
        return [*await beside(body.count(b"%"), parse_qsl, body.decode("latin-1"), True, max_num_fields=most)]
    except ValueError as wrong:
        raise UnreadableForm from wrong
