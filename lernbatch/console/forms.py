"""What a form sends: read within its bounds, and checked to be ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import UploadFile

from lernbatch.web import forms
from lernbatch.web.request import Call

MOST_FIELDS, MOST_FILES = 2000, 4
TOKEN, DO, ONCE = "csrf", "do", "once"  # fields that the form's frame adds
FRAME = frozenset((TOKEN, DO))


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file of a form."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class SentForm:
    """The last value of each field, every value of each, and the files."""

    values: Mapping[str, str]
    lists: Mapping[str, list[str]]
    files: Mapping[str, SentFile]


async def read(call: Call) -> SentForm:
    """The form of a POST. Raises: web.forms.UnreadableForm; envelope.TooLarge; as `Call.read_body`."""
    body = await call.read_body()
    lists: dict[str, list[str]] = {}
    files: dict[str, SentFile] = {}
    async with forms.read(call, body, most_files=MOST_FILES, most_fields=MOST_FIELDS) as form:
        for name, value in form.multi_items():
            if not isinstance(value, UploadFile):
                # Browsers send lines of a text area with CR LF; a NUL can be stored nowhere.
                lists.setdefault(name, []).append(value.replace("\r\n", "\n").replace("\x00", ""))
            elif value.filename:
                files[name] = SentFile(value.filename, await value.read())
    return SentForm({name: values[-1] for name, values in lists.items()}, lists, files)
