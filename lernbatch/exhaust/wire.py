"""The JSON of exhausts: a request, and the job object that both APIs answer with (contract jobs §5.2, §5.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lernbatch.archive import model
from lernbatch.archive.model import FileFormat, ZipEncryption
from lernbatch.errors import LernbatchError, Refused
from lernbatch.exhaust import rules
from lernbatch.exhaust.model import Delivery, LinkedRequest, ReportSubmission, RequestStatus
from lernbatch.exhaust.wire_selection import DatasetConfig, one_of, read_selection
from lernbatch.report.model import Dataset
from lernbatch.web.fields import blank, text
from lernbatch.web.schema import Fields, Milliseconds

_LONGEST_TAG = 500


class ReportRequest(Fields):
    """A report that is to be made."""

    tag: Annotated[str, Meta(description="By convention the course, an underscore, the batch.", examples=["do_1_b1"])]
    dataset: Annotated[str, one_of(Dataset), Meta(examples=[Dataset.PROGRESS.value])]
    dataset_config: Annotated[DatasetConfig, Meta(examples=[{"batchId": "01412345678901234567"}])]
    encryption_key: (
        Annotated[
            str,
            Meta(
                description="Protects the file; a user info exhaust needs one. At least 8 characters.",
                examples=["abc12345"],
            ),
        ]
        | UnsetType
    ) = UNSET
    zip_encryption: (
        Annotated[
            str,
            one_of(filter(None, ZipEncryption)),
            Meta(description="zipcrypto opens everywhere, and can be broken."),
        ]
        | UnsetType
    ) = UNSET
    output_format: Annotated[str, one_of(FileFormat), Meta(examples=[FileFormat.CSV.value])] | UnsetType = UNSET


class JobStats(Fields):
    """When a request was submitted and finished, and how long its runs took."""

    dt_job_submitted: Milliseconds
    dt_job_completed: Milliseconds | None
    execution_time: Annotated[int | None, Meta(description="Milliseconds.")]


class JobProgress(Fields):
    """How many rows of the database are done; the total is not known before the first run."""

    rows_done: int
    rows_total: int | None
    percentage: int


class ReportJob(Fields):
    """A request for a report, and its files. The links are made for this answer."""

    request_id: str
    tag: Annotated[str, Meta(description="With the channel after a colon.")]
    dataset: str
    requested_by: str
    requested_channel: str
    status: Annotated[str, one_of(RequestStatus)]
    last_updated: Milliseconds
    dataset_config: Annotated[Mapping[str, Any], Meta(description="As it was given.")]
    attempts: int
    job_stats: JobStats
    download_urls: list[Annotated[str, Meta(description="A link that lasts until expiresAt.")]]
    expires_at: Milliseconds
    status_message: str | None
    progress: JobProgress
    manifest_url: Annotated[str | None, Meta(description="What was delivered, with checksums.")]


class ReportJobs(Fields):
    """Requests, the newest first."""

    count: int
    jobs: list[ReportJob]


class DatasetParams(Fields):
    """How a call of the analytics API ended."""

    resmsgid: str
    status: Annotated[str, Meta(examples=["successful"])]
    client_key: Annotated[str | None, Meta(examples=[None])] = msgspec.field(name="client_key")
    err: Annotated[str, Meta(examples=["CLIENT_ERROR"])] | UnsetType = UNSET
    errmsg: Annotated[str | None, Meta(examples=["Filters are empty"])] | UnsetType = UNSET


class DatasetAnswer(Fields):
    """An answer of the analytics API, which has an envelope of its own."""

    id: Annotated[str, Meta(examples=["ekstep.analytics.dataset.request.info"])]
    ver: Annotated[str, Meta(examples=["1.0"])]
    ts: Annotated[str, Meta(examples=["2030-06-01T06:30:00.000+00:00"])]
    params: Annotated[
        DatasetParams, Meta(examples=[{"resmsgid": "8b1f6a1e", "status": "successful", "client_key": None}])
    ]
    response_code: Annotated[str, Meta(examples=["OK"])]


class DatasetJobAnswer(DatasetAnswer):
    """A request; null where the call failed."""

    result: ReportJob | None


class DatasetJobsAnswer(DatasetAnswer):
    """Several requests; null where the call failed."""

    result: ReportJobs | None


class DatasetSearchFilters(Fields):
    """At least one is needed."""

    dataset: str | UnsetType = UNSET
    requested_date: Annotated[str, Meta(examples=["2030-06-01"])] | UnsetType = UNSET
    status: str | UnsetType = UNSET
    channel: str | UnsetType = UNSET


class DatasetSearch(Fields):
    """A search among the requests of a channel."""

    filters: DatasetSearchFilters
    limit: Annotated[int, Meta(ge=1)] | UnsetType = UNSET


class RequestIdQuery(Fields):
    """The request that is looked for."""

    request_id: str | UnsetType = UNSET


class LimitQuery(Fields):
    """A bound of a list."""

    limit: Annotated[int, Meta(description="At most so many, the newest first.", ge=1)] | UnsetType = UNSET


class LinkQuery(Fields):
    """What makes a link open its file."""

    expires: str | UnsetType = UNSET
    signature: str | UnsetType = UNSET


class UnknownEncryption(Refused):
    code = "CLIENT_ERROR"

    def __init__(self, given: str) -> None:
        encryptions = ", ".join(filter(None, ZipEncryption))
        super().__init__(f"zipEncryption is unknown: {given[:100]}. It may be one of {encryptions}")


class EmptyField(Refused):
    """A field that the analytics API asks for."""

    code = "CLIENT_ERROR"

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} is empty")


class UnknownFormat(Refused):
    code = "CLIENT_ERROR"

    def __init__(self, given: str) -> None:
        super().__init__(f"outputFormat is unknown: {given[:100]}. It may be one of {', '.join(FileFormat)}")


def read_submission(
    request: Mapping[str, Any], requested_by: str, channel: str, missing: type[LernbatchError]
) -> ReportSubmission:
    """{"tag": "do_1_b1", "dataset": "progress-exhaust", "datasetConfig": {"batchId": "b1"}, "encryptionKey": "…"}

    Raises: `missing`, with the name of a field that is blank: each API has its own; UnknownDataset, UnknownFormat,
    UnknownEncryption. What is wrong with the `datasetConfig` is said by the run.
    """
    fields, mandatory = dict(request), {}
    for key in ("tag", "dataset"):
        value = text(fields, key)
        if value is None or blank(value):
            raise missing(key)
        mandatory[key] = value
    tag, dataset = mandatory["tag"], mandatory["dataset"]
    config = fields.get("datasetConfig")
    if missing is EmptyField and not config:
        raise EmptyField("datasetConfig")
    if dataset not in tuple(Dataset):
        raise rules.UnknownDataset(dataset)
    usual = FileFormat.JSONL if dataset == Dataset.SUMMARY else FileFormat.CSV
    output_format = text(fields, "outputFormat") or text(fields, "output_format") or usual
    if output_format.lower() not in tuple(FileFormat):
        raise UnknownFormat(output_format)
    encryption = (text(fields, "zipEncryption") or "").lower()
    if encryption not in tuple(ZipEncryption):
        raise UnknownEncryption(encryption)
    config = config if isinstance(config, dict) else {}
    try:
        selection = read_selection(config)
    except model.CannotBeMade:
        selection = None
    return ReportSubmission(
        tag=tag[:_LONGEST_TAG],
        dataset=Dataset(dataset),
        requested_by=requested_by,
        channel=channel,
        config=config,
        selection=selection,
        key=text(fields, "encryptionKey") or None,
        output_format=FileFormat(output_format.lower()),
        zip_encryption=ZipEncryption(encryption),
    )


def write_essence(submission: ReportSubmission) -> bytes:
    """What tells two requests of one tag apart: the second must not be answered with the files of the first."""
    essence = [submission.config, submission.output_format, submission.zip_encryption, submission.key]
    return msgspec.json.encode(essence, order="sorted")


def write_delivery(delivery: Delivery, channel: str) -> dict[str, Any]:
    """The JSON that is stored with its request, in the reference's words and ours."""
    return {
        "channel": channel,
        "batchId": delivery.batch_id,
        "filePath": delivery.path,
        "fileSize": delivery.size_bytes,
        "rowCount": delivery.row_count,
        "sha256": delivery.sha256,
        "basisPath": delivery.consent_record_path,
        "standbyLagSeconds": delivery.standby_lag_seconds,
    }


def read_delivery(stored: Mapping[str, Any]) -> Delivery:
    """What `write_delivery` wrote."""
    return Delivery(
        stored["batchId"],
        stored["filePath"],
        stored["fileSize"],
        stored["rowCount"],
        stored["sha256"],
        stored.get("basisPath"),
        stored.get("standbyLagSeconds"),
    )


def show_request(linked: LinkedRequest) -> ReportJob:
    """The job object. Its links are shown only when the request is finished."""
    request = linked.request
    is_finished = request.status in (RequestStatus.SUCCESS, RequestStatus.FAILED)
    completed = _ms(request.completed_at) if is_finished and request.completed_at else None
    submitted, total = _ms(request.submitted_at), request.rows_total
    under_way = min(99, request.rows_done * 100 // total) if total else 0
    return ReportJob(
        request_id=request.request_id,
        tag=f"{request.tag}:{request.channel}",
        dataset=request.dataset,
        requested_by=request.requested_by,
        requested_channel=request.channel,
        status=request.status,
        last_updated=completed or submitted,
        dataset_config=request.config,
        attempts=request.iteration,
        job_stats=JobStats(submitted, completed, request.execution_ms if is_finished else None),
        download_urls=list(linked.links) if is_finished else [],
        expires_at=_ms(linked.expire_at),
        status_message=request.message,
        progress=JobProgress(request.rows_done, total, 100 if request.status == RequestStatus.SUCCESS else under_way),
        manifest_url=linked.manifest_link if is_finished else None,
    )


def show_list(linked: Sequence[LinkedRequest]) -> ReportJobs:
    """{"count": 1, "jobs": […]}"""
    return ReportJobs(len(linked), [show_request(each) for each in linked])


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
