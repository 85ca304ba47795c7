"""Style sheets and scripts: their URLs carry a hash of their content, so that browsers keep them for ever."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib import resources

from starlette.responses import Response

from lernbatch.errors import NotFound

TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_DIGITS = 12  # of the hash


@dataclass(frozen=True)
class StaticFile:
    """A file as it is sent. `name`: with its hash, as in its URL."""

    name: str
    media_type: str
    content: bytes

    @cached_property
    def compressed(self) -> bytes:
        """By gzip; the largest takes a tenth of a second, once."""
        return gzip.compress(self.content, 9, mtime=0)


class StaticFiles:
    """The files of the folder `folder` of `package`, below the path `prefix`."""

    def __init__(self, package: str, folder: str, prefix: str) -> None:
        self._package, self._folder, self.prefix = package, folder, prefix

    @cached_property
    def files(self) -> Mapping[str, StaticFile]:
        """The files by the name that they have in the package."""
        files = {}
        for entry in resources.files(self._package).joinpath(self._folder).iterdir():
            stem, _, ending = entry.name.rpartition(".")
            if ending in TYPES:
                content = entry.read_bytes()
                digits = sha256(content).hexdigest()[:_DIGITS]
                files[entry.name] = StaticFile(f"{stem}.{digits}.{ending}", TYPES[ending], content)
        return files

    @cached_property
    def _by_url(self) -> Mapping[str, StaticFile]:
        return {file.name: file for file in self.files.values()}

    def url(self, name: str) -> str:
        """The URL of the file that is called `name` in the package. Raises: KeyError."""
        return self.prefix + self.files[name].name

    async def serve(self, name: str, headers: Mapping[str, str]) -> Response:
        """The file whose URL ends with `name`, compressed where the request's `headers` allow it. Raises: NotFound."""
        file = self._by_url.get(name)
        if file is None:
            raise NotFound
        sent = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
        if "gzip" not in headers.get("accept-encoding", ""):
            return Response(file.content, headers=sent, media_type=file.media_type)
        compressed = await asyncio.to_thread(lambda: file.compressed)
        return Response(compressed, headers={**sent, "Content-Encoding": "gzip"}, media_type=file.media_type)
