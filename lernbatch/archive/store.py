"""Where finished files lie: a folder by default, S3, Azure or Google Cloud by address; and links that expire."""

from __future__ import annotations

import asyncio
import hmac
import re
import shutil
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import lru_cache
from glob import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from lernbatch.config import Config
from lernbatch.errors import Forbidden, NotFound, Unusable, Upstream
from lernbatch.sealing import keys_of

DOWNLOAD_PATH = "/v1/exhaust/files/"
_CHUNK_BYTES = 5 * 1024 * 1024  # the least a part of a multipart upload may be on S3
_PARALLEL_PARTS = 2
_ID_DIGITS = 2  # of a signature: which key has made it


class LinkExpired(Forbidden):
    """A download link that has expired, or was not made by this installation."""


class StoreFailed(Upstream):
    """The file store does not `verb` what is asked of it."""

    def __init__(self, verb: str, what: str, failure: Exception) -> None:
        shown = f"The file store does not {verb}"
        reason = re.sub(r"\?\S+", "", str(failure).partition("\n")[0])  # an address may have a signature in its query
        super().__init__(f"{shown} {what}: {reason}", shown=f"{shown} a file")


class Store:
    """The files of one installation, by path: `progress-exhaust/9F8A…/b1_progress_20260702.zip`."""

    def __init__(self, config: Config) -> None:
        self._store = open_store(config.file_store or str((config.home / "files").absolute()))
        self._keys = keys_of(config)
        self._public_url = config.base_url

    async def put(self, path: str, content: AsyncIterator[bytes]) -> None:
        """Store `content` as it comes; it appears whole, or not at all. Raises: Upstream."""
        try:
            file = self._file(path)
            if file is not None:
                await asyncio.to_thread(_prepare, file)
            await obstore.put_async(
                self._store, path, content, use_multipart=True, chunk_size=_CHUNK_BYTES, max_concurrency=_PARALLEL_PARTS
            )
            if file is not None:
                await asyncio.to_thread(file.chmod, 0o600)
        except (BaseError, OSError) as failure:
            raise StoreFailed("take", path, failure) from failure

    def _file(self, path: str) -> Path | None:
        """Where `path` lies, if the store is a folder."""
        return Path(str(self._store.prefix)) / path if isinstance(self._store, LocalStore) else None

    async def read(self, path: str) -> tuple[int, AsyncIterator[Any]]:
        """Size in bytes, and the content as it is read. Raises: NotFound, Upstream."""
        try:
            file = await obstore.get_async(self._store, path)
        except FileNotFoundError as missing:
            raise NotFound from missing
        except (BaseError, OSError) as failure:
            raise StoreFailed("give", path, failure) from failure
        return file.meta["size"], aiter(file.stream(min_chunk_size=_CHUNK_BYTES // 5))

    async def listing(self) -> AsyncIterator[tuple[str, int]]:
        """Every file there is, and its size in bytes. Raises: Upstream."""
        try:
            async for files in self._store.list():
                for file in files:
                    yield file["path"], file["size"]
        except (BaseError, OSError) as failure:
            raise StoreFailed("list", "its files", failure) from failure

    async def delete_folder(self, folder: str) -> None:
        """Remove all files under a key, also what a killed worker left of one. Raises: Upstream."""
        try:
            if (directory := self._file(folder)) is not None:
                await asyncio.to_thread(_remove, directory)
                return
            async for objects in self._store.list(folder):
                await obstore.delete_async(self._store, [meta["path"] for meta in objects])
        except (BaseError, OSError) as failure:
            raise StoreFailed("delete", folder, failure) from failure

    async def link(self, path: str, now: datetime, lasts: timedelta) -> str:
        """An absolute address under which anybody can read the file until `now + lasts`. Raises: Upstream."""
        if not isinstance(self._store, LocalStore):
            try:
                return await obstore.sign_async(self._store, "GET", path, lasts)
            except (BaseError, OSError) as failure:
                raise StoreFailed("sign", path, failure) from failure
        expires = int((now + lasts).timestamp())
        query = urlencode({"expires": expires, "signature": self._signature(path, expires, self._keys.newest)})
        return f"{self._public_url}{DOWNLOAD_PATH}{quote(path)}?{query}"

    def check_link(self, path: str, expires: str, signature: str, now: datetime) -> None:
        """Raises: LinkExpired, unless `link` made it and it still lasts."""
        if not (expires.isascii() and expires.isdigit() and len(expires) < 15):
            raise LinkExpired
        signatures = (self._signature(path, int(expires), key_id) for key_id in self._keys.keys)
        right = next((each for each in signatures if each.startswith(signature[:_ID_DIGITS])), "")
        if not right or not hmac.compare_digest(right.encode(), signature.encode()):
            raise LinkExpired
        if int(expires) < now.timestamp():
            raise LinkExpired

    def _signature(self, path: str, expires: int, key_id: int) -> str:
        """Two digits of the key's id, and the digest under the key that is for links alone."""
        key = self._keys.derived(key_id, "links")
        digest = hmac.digest(key, f"{path}\n{expires}".encode(), "sha256")
        return f"{key_id:02x}{digest.hex()}"


def _prepare(file: Path) -> None:
    """Let nobody else into the folder of `file`, and remove what a killed worker left of it.

    The folder store writes a file beside its place, as `name#1`, and open to everybody until it is whole.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.parent.chmod(0o700)
    for draft in file.parent.glob(f"{escape(file.name)}#*"):
        draft.unlink(missing_ok=True)


def _remove(folder: Path) -> None:
    """Remove a folder that may be gone already. Raises: OSError, when something of it is left."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        if folder.exists():  # somebody else removes it too
            raise


@lru_cache(maxsize=8)
def open_store(place: str) -> Any:
    """The obstore client of a folder or an address (`s3://…`), made once a process; a folder is created.

    Raises: Unusable.
    """
    try:
        if "://" in place:
            return from_url(place)
        folder = Path(place).absolute()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # one that is there keeps what its owner has chosen
        return LocalStore(folder)
    except (BaseError, OSError, ValueError) as wrong:
        raise Unusable(f"The file store {place.split('?')[0]} cannot be used: {wrong}.") from wrong
