"""The nouns of exhausts: a request, its selection, its deliveries."""

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


class RequestStatus(StrEnum):
    """The state of a request.

    Submitted → processing (claimed under a lease) → success or failed; back to submitted when its run is over, when
    it is tried again, or when its worker died.
    """

    SUBMITTED = "SUBMITTED"
    PROCESSING = "PROCESSING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One file that is in the store. `path`: the store's key; `consent_record_path`: that of the consents behind it.

    `standby_lag_seconds`: how far behind the standby was from which it was read; None: it was read from the primary.
    """

    batch_id: str
    path: str
    size_bytes: int
    row_count: int
    sha256: str
    consent_record_path: str | None = None
    standby_lag_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A batch that was asked for and has no file, and why."""

    batch_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Requester:
    """The person or system that a report is for: it may hold the batches that `user_id` created or mentors (None: a
    system), and those of `organisation_ids` (None: of all organisations)."""

    user_id: str | None
    organisation_ids: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class ExhaustRequest:
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
class Selection:
    """A parsed `datasetConfig`: which batches, which learners, which columns beside the contract's."""

    batch_ids: tuple[str, ...] = ()  # as given, repeated ones too
    started_from: date | None = None  # batches of the channel that started then or later, for reports that span them
    all_batches: bool = False  # all of the channel, for the same
    search: Mapping[str, Any] | None = None
    columns: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters)
    since_request: str | None = None  # only learners who changed since that request was submitted
    since_day: date | None = None  # or since the beginning of that day, in the platform's zone


@dataclass(frozen=True, slots=True)
class ReportSubmission:
    """A submit call, validated. `config`: the datasetConfig as it was given; `key` protects the file."""

    tag: str
    dataset: Dataset
    requested_by: str
    channel: str
    config: Mapping[str, Any]
    selection: Selection | None  # what `config` says; None: it cannot be read, and the run will say why
    key: str | None = field(repr=False)
    output_format: FileFormat = FileFormat.CSV
    zip_encryption: ZipEncryption = ZipEncryption.USUAL


@dataclass(frozen=True, slots=True)
class LinkedRequest:
    """A request with links to its files and its manifest, which were made for one answer and last until `expire_at`."""

    request: ExhaustRequest
    links: tuple[str, ...]
    manifest_link: str | None
    expire_at: datetime


@dataclass(frozen=True, slots=True)
class RequestSearch:
    """Filters of the analytics API's search; None: any. `submitted_from` and `submitted_before` bound one day."""

    dataset: str | None
    status: str | None
    channel: str | None
    submitted_from: datetime | None
    submitted_before: datetime | None
    limit: int
