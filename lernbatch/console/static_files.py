"""Style sheets and scripts: their URLs carry a hash of their content, so that browsers keep them for ever."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response

from lernbatch.errors import NotFound
from lernbatch.web.headers import headers_of

PREFIX = "/console/static/"
TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_DIGITS = 12  # of the hash


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is sent. `name`: with its hash, as in its URL."""

    name: str
    media_type: str
    content: bytes
    compressed: bytes


@cache
def files() -> dict[str, StaticFile]:
    """The files by the name that they have in the package."""
    folder = resources.files("lernbatch.console").joinpath("static")
    contents = {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()}
    return {name: _file(name, content) for name, content in contents.items() if _ending(name) in TYPES}


@cache
def _by_url() -> dict[str, StaticFile]:
    return {file.name: file for file in files().values()}


def url(name: str) -> str:
    """The URL of the file that is called `name` in the package. Raises: KeyError."""
    return PREFIX + files()[name].name


async def serve(request: Request) -> Response:
    """GET /console/static/{name}"""
    file = _by_url().get(request.path_params["name"])
    if file is None:
        raise NotFound
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if "gzip" in headers_of(request.scope).get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(file.compressed, headers=headers, media_type=file.media_type)
    return Response(file.content, headers=headers, media_type=file.media_type)


def _ending(name: str) -> str:
    return name.rpartition(".")[2]


def _file(name: str, content: bytes) -> StaticFile:
    stem, _, ending = name.rpartition(".")
    digits = sha256(content).hexdigest()[:_DIGITS]
    return StaticFile(f"{stem}.{digits}.{ending}", TYPES[ending], content, gzip.compress(content, 9, mtime=0))
