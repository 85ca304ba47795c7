"""The JSON of exhausts: what a request says, and the job object both doors answer with (contract jobs §5.2, §5.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import msgspec

from lernbatch.archive import model
from lernbatch.archive.model import FileFormat, ZipEncryption
from lernbatch.errors import LernbatchError, Refused
from lernbatch.exhaust import rules
from lernbatch.exhaust.model import Delivery, Request, Selection, Status, Submission
from lernbatch.report.model import Dataset, Filters
from lernbatch.report.progress import EXTRA_COLUMNS
from lernbatch.report.user_info import PERSONAL_COLUMNS
from lernbatch.web.fields import blank, text

COLUMNS = (*EXTRA_COLUMNS, *PERSONAL_COLUMNS)
_LONGEST_TAG = 500
_FILTERS = ("organisationIds", "districts", "blocks", "statuses", "userIds", "addedBy")


class UnknownEncryption(Refused):
    code = "CLIENT_ERROR"

    def __init__(self, given: str) -> None:
        known = ", ".join(filter(None, ZipEncryption))
        super().__init__(f"zipEncryption is unknown: {given[:100]}. It may be one of {known}")


class Empty(Refused):
    """A field that the analytics API asks for."""

    code = "CLIENT_ERROR"

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} is empty")


class UnknownColumn(model.CannotBeMade):
    def __init__(self, column: str) -> None:
        super().__init__(f"Column is unknown: {column[:100]}. It may be one of {', '.join(COLUMNS)}")


class WrongFilter(model.CannotBeMade):
    """Left out, a filter that cannot be read would show everybody."""

    def __init__(self, filter_name: str, expected: str) -> None:
        super().__init__(f"Filter cannot be read: {filter_name[:100]} should be {expected}")


class UnknownFormat(Refused):
    code = "CLIENT_ERROR"

    def __init__(self, given: str) -> None:
        super().__init__(f"outputFormat is unknown: {given[:100]}. It may be one of {', '.join(FileFormat)}")


def read_submission(
    request: Mapping[str, Any], requested_by: str, channel: str, missing: type[LernbatchError]
) -> Submission:
    """{"tag": "do_1_b1", "dataset": "progress-exhaust", "datasetConfig": {"batchId": "b1"}, "encryptionKey": "…"}

    `missing` is raised with the name of a field that is blank; each door has its own. Raises: UnknownDataset,
    UnknownFormat, UnknownEncryption.
    """
    fields = dict(request)
    tag, dataset = (_mandatory(fields, key, missing) for key in ("tag", "dataset"))
    config = fields.get("datasetConfig")
    if missing is Empty and not config:
        raise Empty("datasetConfig")
    if dataset not in tuple(Dataset):
        raise rules.UnknownDataset(dataset)
    usual = FileFormat.JSONL if dataset == Dataset.SUMMARY else FileFormat.CSV
    wanted_format = text(fields, "outputFormat") or text(fields, "output_format") or usual
    if wanted_format.lower() not in tuple(FileFormat):
        raise UnknownFormat(wanted_format)
    encryption = (text(fields, "zipEncryption") or "").lower()
    if encryption not in tuple(ZipEncryption):
        raise UnknownEncryption(encryption)
    return Submission(
        tag=tag[:_LONGEST_TAG],
        dataset=Dataset(dataset),
        requested_by=requested_by,
        channel=channel,
        config=config if isinstance(config, dict) else {},
        key=text(fields, "encryptionKey") or None,
        output_format=FileFormat(wanted_format.lower()),
        zip_encryption=ZipEncryption(encryption),
    )


def write_essence(asked: Submission) -> bytes:
    """What makes a request of a tag another one: it must not be answered with the files of the first."""
    essence = [asked.config, asked.output_format, asked.zip_encryption, asked.key]
    return msgspec.json.encode(essence, order="sorted")


def read_wanted(config: Mapping[str, Any]) -> Selection:
    """A `datasetConfig`: batchId wins over batchFilter over searchFilter.

    Ours: {"columns": ["attempts"], "filters": {"organisationIds": […], "districts": […], "blocks": […],
    "statuses": [0, 1, 2], "userIds": […], "addedBy": "u9"}, "changedSinceRequest": "9F8A…"}. Raises: CannotBeMade.
    """
    batch_ids = _batch_ids(config)
    search = config.get("searchFilter")
    columns = _words(config.get("columns"))
    for column in columns:
        if column not in COLUMNS:
            raise UnknownColumn(column)
    return Selection(
        batch_ids=batch_ids,
        search=search if isinstance(search, dict) and search and not batch_ids else None,
        started_from=_day(config.get("batchStartDate")),
        all_batches=config.get("generateForAllBatches") is True,
        columns=columns,
        filters=_filters(config["filters"]) if "filters" in config else Filters(),
        since_request=_text(config, "changedSinceRequest"),
    )


def changed_since(filters: Filters, at: datetime) -> Filters:
    """`filters`, and only who changed since."""
    return replace(filters, changed_since=at)


def _batch_ids(config: Mapping[str, Any]) -> tuple[str, ...]:
    one = config.get("batchId")
    return (one,) if isinstance(one, str) and one.strip() else _words(config.get("batchFilter"))


def _day(given: object) -> date | None:
    try:
        return date.fromisoformat(given) if isinstance(given, str) else None
    except ValueError as wrong:
        raise rules.NoSelector from wrong


def _filters(given: object) -> Filters:
    """Each filter is absent or right. Raises: WrongFilter."""
    if not isinstance(given, dict):
        raise WrongFilter("filters", "an object")
    for key in given:
        if key not in _FILTERS:
            raise WrongFilter(key, f"one of {', '.join(_FILTERS)}")
    statuses = _list(given, "statuses", lambda one: type(one) is int and one in (0, 1, 2), "a list of 0, 1 or 2")
    return Filters(
        organisation_ids=_texts(given, "organisationIds"),
        districts=_texts(given, "districts"),
        blocks=_texts(given, "blocks"),
        statuses=statuses,
        user_ids=_texts(given, "userIds"),
        added_by=_text(given, "addedBy"),
    )


def _text(given: Mapping[str, Any], key: str) -> str | None:
    if key in given and not isinstance(given[key], str):
        raise WrongFilter(key, "a text")
    return given.get(key)


def _texts(given: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    return _list(given, key, lambda one: isinstance(one, str), "a list of texts")


def _list(given: Mapping[str, Any], key: str, fits: Callable[[object], bool], expected: str) -> tuple[Any, ...] | None:
    """The list under `key`, whose entries all fit; None without the key."""
    if key not in given:
        return None
    if not isinstance(given[key], list) or not all(map(fits, given[key])):
        raise WrongFilter(key, expected)
    return tuple(given[key])


def _words(value: object) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str) and one.strip()) if isinstance(value, list) else ()


def _mandatory(fields: dict[str, Any], key: str, missing: type[LernbatchError]) -> str:
    value = text(fields, key)
    if value is None or blank(value):
        raise missing(key)
    return value


def write_delivery(delivery: Delivery, channel: str) -> dict[str, Any]:
    """As it is stored with its request, in the reference's words and ours."""
    return {
        "channel": channel,
        "batchId": delivery.batch_id,
        "filePath": delivery.path,
        "fileSize": delivery.size_bytes,
        "rowCount": delivery.row_count,
        "sha256": delivery.sha256,
        "basisPath": delivery.basis_path,
    }


def read_delivery(stored: Mapping[str, Any]) -> Delivery:
    return Delivery(
        stored["batchId"],
        stored["filePath"],
        stored["fileSize"],
        stored["rowCount"],
        stored["sha256"],
        stored.get("basisPath"),
    )


def show_request(
    request: Request, links: Sequence[str], manifest_link: str | None, links_expire_at: datetime
) -> dict[str, Any]:
    """The job object. The links are of this very answer; they are shown only when the request is finished."""
    finished = request.status in (Status.SUCCESS, Status.FAILED)
    completed = _ms(request.completed_at) if finished and request.completed_at else None
    submitted = _ms(request.submitted_at)
    return {
        "requestId": request.request_id,
        "tag": f"{request.tag}:{request.channel}",
        "dataset": request.dataset,
        "requestedBy": request.requested_by,
        "requestedChannel": request.channel,
        "status": request.status,
        "lastUpdated": completed or submitted,
        "datasetConfig": request.config,
        "attempts": request.iteration,
        "jobStats": {
            "dtJobSubmitted": submitted,
            "dtJobCompleted": completed,
            "executionTime": request.execution_ms if finished else None,
        },
        "downloadUrls": list(links) if finished else [],
        "expiresAt": _ms(links_expire_at),
        "statusMessage": request.message,
        "progress": show_progress(request),
        "manifestUrl": manifest_link if finished else None,
    }


def show_progress(request: Request) -> dict[str, Any]:
    """How far it is, beside the contract's fields; the total is not known before the first turn."""
    total = request.rows_total
    under_way = min(99, request.rows_done * 100 // total) if total else 0
    percentage = 100 if request.status == Status.SUCCESS else under_way
    return {"rowsDone": request.rows_done, "rowsTotal": total, "percentage": percentage}


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
