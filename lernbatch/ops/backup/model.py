"""What a backup says of itself."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct, field

MANIFEST = "manifest.json"
DATABASE = "database.dump"
KEYS, CERTIFICATE_KEYS, FILES = "keys", "certificate-keys", "files"  # folders of a backup
LISTING = "files.jsonl"  # of a file store that is no folder


class BackedUpFile(Struct, frozen=True):
    """A file of a backup as it lies there: its path below the folder, and the digest of its bytes in hex."""

    path: str
    size_bytes: int
    sha256: str


class Manifest(Struct, frozen=True, rename="camel"):
    """The list of what a backup holds. `tables`: how many rows each has; `migration`: the newest that was applied."""

    version: str
    made_at: datetime
    migration: str
    tables: dict[str, int]
    encrypted: bool
    files: list[BackedUpFile]
    kept_elsewhere: list[str] = field(default_factory=list)  # sentences: what it does not hold
    format: int = 1
