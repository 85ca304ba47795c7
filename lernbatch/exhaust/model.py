"""The nouns of exhausts: a request, what it wants, what was delivered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from lernbatch.archive.model import FileFormat, ZipEncryption
from lernbatch.report.model import Dataset, Filters

PERSONAL = [dataset for dataset in Dataset if dataset.is_personal]
COUNTING = [dataset for dataset in Dataset if dataset.spans_batches]  # figures of batches, nobody's rows


class Status(StrEnum):
    """Where a request stands.

    Submitted → processing (claimed under a lease) → success or failed; back to submitted when its turn is over, when
    it is tried again, or when its worker died.
    """

    SUBMITTED = "SUBMITTED"
    PROCESSING = "PROCESSING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One file that is in the store. `path` is the store's key, `basis_path` that of the consents it rests on."""

    batch_id: str
    path: str
    size_bytes: int
    row_count: int
    sha256: str
    basis_path: str | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A batch that was asked for and has no file, and why."""

    batch_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Requester:
    """For whom a report is: who may have those of batches that they created or mentor (`user_id`; None: a system), and
    of batches of the organisations they report for (None: of all)."""

    user_id: str | None
    organisation_ids: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Request:
    """A report that somebody asked for: a row of `exhaust_request`."""

    request_id: str
    tag: str
    dataset: str
    requested_by: str
    channel: str
    config: Mapping[str, Any]
    output_format: str
    sealed_key: bytes | None
    status: str
    iteration: int
    submitted_at: datetime
    completed_at: datetime | None
    execution_ms: int
    message: str | None
    deliveries: list[Mapping[str, Any]]
    rows_total: int | None
    rows_done: int
    fingerprint: bytes | None
    requester_id: str | None
    organisation_ids: list[str] | None
    batch_ids: list[str]
    zip_encryption: str

    @property
    def requester(self) -> Requester:
        """Who asked, with the rights of that moment."""
        organisations = self.organisation_ids
        return Requester(self.requester_id, None if organisations is None else frozenset(organisations))


@dataclass(frozen=True, slots=True)
class Submission:
    """What a submit call asks for, validated. `key` protects the file."""

    tag: str
    dataset: Dataset
    requested_by: str
    channel: str
    config: Mapping[str, Any]
    key: str | None = field(repr=False)
    output_format: FileFormat = FileFormat.CSV
    zip_encryption: ZipEncryption = ZipEncryption.USUAL


@dataclass(frozen=True, slots=True)
class Selection:
    """What a `datasetConfig` says: which batches, which learners, which columns beside the contract's."""

    batch_ids: tuple[str, ...] = ()  # as given, repeated ones too
    started_from: date | None = None  # batches of the channel that started then or later, for reports that span them
    all_batches: bool = False  # all of the channel, for the same
    search: Mapping[str, Any] | None = None
    columns: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters)
    since_request: str | None = None  # only learners who changed since that request was submitted
