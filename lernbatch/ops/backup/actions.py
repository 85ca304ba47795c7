"""Make a backup, check one, and restore it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import msgspec

from lernbatch import __version__
from lernbatch.archive.store import Store
from lernbatch.config import Config
from lernbatch.credential import keys as certificates
from lernbatch.database import db, hosts, sql
from lernbatch.database.migrate import PRODUCT
from lernbatch.errors import Unusable
from lernbatch.ops.backup import postgres
from lernbatch.ops.backup.model import (
    CERTIFICATE_KEYS,
    DATABASE,
    FILES,
    KEYS,
    LISTING,
    MANIFEST,
    BackedUpFile,
    Manifest,
)

Q = sql.load("lernbatch.ops.backup")
_BLOCK_BYTES = 1024 * 1024
_ENCRYPTED = ".age"


@dataclass(frozen=True, slots=True)
class CountedTable:
    """A table, and the statement that counts its rows."""

    name: str
    counting: str


async def make(config: Config, dsn: str, folder: Path, now: datetime, recipients: Sequence[str] = ()) -> Manifest:
    """Back up into `folder`, which is made or empty. `recipients`: age's public keys; without one nothing is encrypted.

    The database is read first, as of one moment, and keys and files after it: whatever a row names is there then.
    Raises: Unusable, when anything could not be read or written; the folder has no manifest then.
    """
    sealing = _recipients(recipients)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # noqa: ASYNC240 - a command serves nobody meanwhile
        if next(folder.iterdir(), None) is not None:  # noqa: ASYNC240
            raise Unusable(f"{folder} is not empty: a backup needs a folder of its own.")
    except OSError as wrong:
        raise Unusable(f"{folder} cannot be used: {wrong.strerror}.") from wrong
    conn = await hosts.connect(dsn)
    try:
        async with conn.transaction(isolation="repeatable_read", readonly=True):
            migration = await conn.fetchval("SELECT max(name) FROM migration")
            tables = await db.all(conn, CountedTable, Q.tables)
            counts = {table.name: await conn.fetchval(table.counting) for table in tables}
            with postgres.dump(config, dsn, await db.value(conn, Q.snapshot)) as dumped:
                stored = [_store(dumped, folder, DATABASE, sealing)]
    finally:
        await conn.close()
    sources, elsewhere = _sources(config), _kept_elsewhere(config)
    for name, source in sources.items():
        # In the order of their names; nothing of what a killed process has left half written.
        for path in sorted(path for path in source.rglob("*") if path.is_file() and "#" not in path.name):
            with suppress(FileNotFoundError), path.open("rb") as opened:  # the retention may remove one meanwhile
                stored.append(_store(opened, folder, f"{name}/{path.relative_to(source).as_posix()}", sealing))
    if FILES not in sources:
        with tempfile.TemporaryFile() as listing:
            async for key, size_bytes in Store(config).listing():
                listing.write(msgspec.json.encode({"path": key, "sizeBytes": size_bytes}) + b"\n")
            listing.seek(0)
            stored.append(_store(listing, folder, LISTING, sealing))
    manifest = Manifest(__version__, now, migration, counts, bool(sealing), stored, elsewhere)
    with _new(folder / MANIFEST) as file:  # last: now it is a backup
        file.write(msgspec.json.format(msgspec.json.encode(manifest)))
    return manifest


def check(config: Config, folder: Path, identity: Path | None = None) -> Manifest:
    """Read every byte of a backup, the dump as PostgreSQL reads it. Raises: Unusable, naming what is not as it was."""
    manifest = _manifest(folder)
    for stored in manifest.files:
        try:
            with (folder / stored.path).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as missing:
            raise Unusable(f"{folder / stored.path} cannot be read: {missing.strerror}.") from missing
        if digest != stored.sha256:
            raise Unusable(f"{folder / stored.path} is not what was backed up: its checksum is another one.")
    newest = PRODUCT.files()[-1].name
    if manifest.migration > newest:
        raise Unusable(
            f"The backup was made by lernbatch {manifest.version} and is newer than this one, {__version__}: "
            f"install {manifest.version} or later."
        )
    if not manifest.encrypted or identity is not None:
        with postgres.restoring(config, None) as taken:
            _open(folder, DATABASE, manifest, identity, taken)
    return manifest


async def restore(config: Config, dsn: str, folder: Path, identity: Path | None = None) -> Manifest:
    """Bring back what `folder` holds, into an empty database and folders without the files that it brings.

    Raises: Unusable, before anything is changed where something is in the way, or the backup is not whole.
    """
    manifest = check(config, folder, identity)
    if manifest.encrypted and identity is None:
        raise Unusable("The backup is encrypted: name the file of an age identity with --identity.")
    conn = await hosts.connect(dsn)
    try:
        if there := await db.all(conn, CountedTable, Q.tables):
            raise Unusable(
                f"The database has tables already ({there[0].name} and others): restore into an empty one, "
                "after you have dropped this one or named another with LERNBATCH_DATABASE_URL or LERNBATCH_HOME."
            )
        targets = _targets(config, manifest)
        for target in targets.values():
            if target.exists():
                raise Unusable(f"{target} exists already: move it away, so that nothing of it is lost.")
        written: list[Path] = []
        try:
            for path, target in targets.items():
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with _new(target) as file:
                    written.append(target)
                    _open(folder, path, manifest, identity, file)
            with postgres.restoring(config, dsn) as taken:
                _open(folder, DATABASE, manifest, identity, taken)
        except BaseException:  # so that what went wrong can be mended, and this command be run again
            for target in written:
                target.unlink()
            raise
        counts = {
            table.name: await conn.fetchval(table.counting) for table in await db.all(conn, CountedTable, Q.tables)
        }
    finally:
        await conn.close()
    if counts != manifest.tables:
        different = sorted(
            name for name in {*counts, *manifest.tables} if counts.get(name) != manifest.tables.get(name)
        )
        raise Unusable(f"The restored tables have not the rows that were backed up: {', '.join(different)}.")
    return manifest


def _sources(config: Config) -> dict[str, Path]:
    """The folders that are copied, by their name in the backup."""
    store = config.file_store
    sources = {KEYS: config.home / "keys"}
    if config.certificate_key_folder is not None:
        sources[CERTIFICATE_KEYS] = certificates.folder_of(config)
    if not (store and "://" in store):
        sources[FILES] = Path(store) if store else config.home / "files"
    return sources


def _kept_elsewhere(config: Config) -> list[str]:
    store = (config.file_store or "").partition("?")[0]  # behind it, an address may hold credentials
    sentences = {
        "LERNBATCH_EXHAUST_KEY: without it nothing that is sealed can be opened.": bool(
            config.exhaust_key.get_secret_value()
        ),
        "LERNBATCH_PUBLIC_KEY_FOLDER: the identity provider's keys.": config.public_key_folder is not None,
        f"the files of {store}, of which {LISTING} is the list.": FILES not in _sources(config),
    }
    return [sentence for sentence, holds in sentences.items() if holds]


def _targets(config: Config, manifest: Manifest) -> dict[str, Path]:
    """Where the files of a backup belong, by their path in it. Raises: Unusable, when one leads out of its folder."""
    sources, targets = _sources(config), {}
    for stored in manifest.files:
        name, _, path = stored.path.partition("/")
        if name in sources and path:
            relative = Path(path.removesuffix(_ENCRYPTED) if manifest.encrypted else path)
            if ".." in relative.parts or relative.is_absolute():
                raise Unusable(f"{stored.path} is no path of a backup.")
            targets[stored.path] = sources[name] / relative
        elif name == CERTIFICATE_KEYS:
            raise Unusable("The backup holds the keys of LERNBATCH_CERTIFICATE_KEY_FOLDER: set it, and restore again.")
        elif name == FILES:
            raise Unusable("The backup holds files of a folder, and LERNBATCH_FILE_STORE is none: name a folder.")
    return targets


def _manifest(folder: Path) -> Manifest:
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except OSError as missing:
        raise Unusable(f"{folder} is no backup, or one that was not finished: it has no {MANIFEST}.") from missing
    except msgspec.MsgspecError as wrong:
        raise Unusable(f"{folder / MANIFEST} cannot be read: {wrong}.") from wrong


def _store(source: IO[bytes], folder: Path, path: str, recipients: Sequence[Any]) -> BackedUpFile:
    """Write what `source` gives to `path` below `folder`, encrypted if there are recipients."""
    path = path + _ENCRYPTED if recipients else path
    target = folder / path
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _new(target) as file:
        if recipients:
            _age().encrypt_io(source, file, recipients)
        else:
            shutil.copyfileobj(source, file, _BLOCK_BYTES)
        file.flush()
        os.fsync(file.fileno())
    with target.open("rb") as file:
        return BackedUpFile(path, target.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def _open(folder: Path, path: str, manifest: Manifest, identity: Path | None, target: IO[bytes]) -> None:
    """Write what was stored under `path` to `target`, decrypted. Raises: Unusable, when `identity` is another one's."""
    stored = path if path.endswith(_ENCRYPTED) or not manifest.encrypted else path + _ENCRYPTED
    with (folder / stored).open("rb") as source:
        if not manifest.encrypted:
            shutil.copyfileobj(source, target, _BLOCK_BYTES)
            return
        assert identity is not None
        age = _age()
        try:
            lines = identity.read_text(encoding="utf-8").splitlines()
            keys = [age.x25519.Identity.from_str(line) for line in lines if line.startswith("AGE-SECRET-KEY-")]
            age.decrypt_io(source, target, keys)
        except (OSError, ValueError, age.IdentityError, age.DecryptError) as wrong:
            raise Unusable(f"{folder / stored} cannot be decrypted with {identity}: {wrong}.") from wrong


def _recipients(keys: Sequence[str]) -> list[Any]:
    if not keys:
        return []
    age = _age()
    try:
        return [age.x25519.Recipient.from_str(key) for key in keys]
    except age.RecipientError as wrong:
        raise Unusable(f"A recipient cannot be used: {wrong}; it is age's public key, age1….") from wrong


def _age() -> Any:
    try:
        import pyrage
    except ModuleNotFoundError as missing:
        raise Unusable("Encrypted backups need a library: run `pip install 'lernbatch[encryption]'`.") from missing
    return pyrage


def _new(path: Path) -> IO[bytes]:
    """A file that was not there, for its owner alone."""
    return os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")
