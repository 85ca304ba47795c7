"""The nouns of exhausts: a request, what it wants, what was delivered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeAlias

Cell: TypeAlias = str | int | float | None  # "" is an empty text, None a missing number
Row: TypeAlias = Sequence[Cell]


class Dataset(StrEnum):
    """What is reported; the names are the platform's."""

    PROGRESS = "progress-exhaust"
    USER_INFO = "userinfo-exhaust"
    RESPONSE = "response-exhaust"
    # Reports beside the three exhausts (contract jobs §6.1 to §6.4); their names are ours.
    SUMMARY = "collection-summary-report-v2"
    SUMMARY_BY_STATE = "collection-summary-report"
    ENROLMENTS = "course-enrollment-report"
    COURSE_PROGRESS = "course-progress-report"
    ASSESSMENT = "assessment-report"

    @property
    def short(self) -> str:
        """As it stands in file names: progress, userinfo, response."""
        return self.value.removesuffix("-exhaust")

    @property
    def spans_batches(self) -> bool:
        """One file tells of all the batches, rather than one of each."""
        return self in (Dataset.SUMMARY, Dataset.SUMMARY_BY_STATE, Dataset.ENROLMENTS)

    @property
    def is_personal(self) -> bool:
        """It can hold names, e-mail addresses and phone numbers."""
        return self in (Dataset.USER_INFO, Dataset.COURSE_PROGRESS, Dataset.ASSESSMENT)


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
class Filters:
    """Which learners a report shows; None: whoever, empty: nobody. `statuses`: 0, 1, 2 of the enrolment."""

    organisation_ids: tuple[str, ...] | None = None
    districts: tuple[str, ...] | None = None
    blocks: tuple[str, ...] | None = None
    statuses: tuple[int, ...] | None = None
    user_ids: tuple[str, ...] | None = None
    added_by: str | None = None
    changed_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a `datasetConfig` says: which batches, which learners, which columns beside the contract's."""

    batch_ids: tuple[str, ...] = ()  # as given, repeated ones too
    started_from: date | None = None  # batches of the channel that started then or later, for reports that span them
    all_batches: bool = False  # all of the channel, for the same
    search: Mapping[str, Any] | None = None
    columns: tuple[str, ...] = ()
    filters: Filters = Filters()
    since_request: str | None = None  # only learners who changed since that request was submitted


@dataclass(frozen=True, slots=True)
class Offer:
    """A batch, as a report needs it."""

    batch_id: str
    course_id: str
    name: str
    created_by: str | None
    created_for: list[str]
    mentors: list[str]
    start_date: date
    end_date: date | None
    course_version: str | None = None  # the publication of the course it is held to; None: the newest
    has_templates: bool = False
