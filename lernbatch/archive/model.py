"""Cells, formats and encryption levels of files."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TypeAlias

from lernbatch.errors import LernbatchError

Cell: TypeAlias = str | int | float | None  # "" is an empty text, None a missing number


Row: TypeAlias = Sequence[Cell]


class FileFormat(StrEnum):
    """What `outputFormat` may say.

    `csv` is the contract's, with quotes escaped by a backslash; `csv-rfc4180` is what CSV readers expect unless told
    otherwise; `csv-excel` is that with a byte order mark, without which Excel does not take it for UTF-8.
    """

    CSV = "csv"
    CSV_RFC4180 = "csv-rfc4180"
    CSV_EXCEL = "csv-excel"
    JSONL = "jsonl"
    PARQUET = "parquet"
    XLSX = "xlsx"

    @property
    def extension(self) -> str:
        """As it stands in file names."""
        return self.value.partition("-")[0]


class ZipEncryption(StrEnum):
    """What `zipEncryption` may say. The old one opens on every desktop, and is broken; AES needs 7-Zip or the like."""

    USUAL = ""  # the installation's
    ZIPCRYPTO = "zipcrypto"
    AES256 = "aes256"


class Level(StrEnum):
    """How well a file is protected; the names are the platform's."""

    PLAIN = "PLAIN_DATASET"
    PASSWORD = "PASSWORD_PROTECTED_DATASET"  # noqa: S105 - a level's name
    TEXT_KEY = "TEXT_KEY_ENCRYPTED_DATASET"
    PUBLIC_KEY = "PUBLIC_KEY_ENCRYPTED_DATASET"


class CannotBeMade(LernbatchError):
    """A request or one of its files ends in FAILED with this message; trying again would change nothing."""
