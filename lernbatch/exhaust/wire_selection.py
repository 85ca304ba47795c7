"""The JSON of what a report is about, its `datasetConfig`: batches, learners, columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from lernbatch.archive import model
from lernbatch.exhaust import rules
from lernbatch.exhaust.model import Selection
from lernbatch.report.model import Filters
from lernbatch.report.progress import EXTRA_COLUMNS
from lernbatch.report.user_info import PERSONAL_COLUMNS
from lernbatch.web.schema import Day, Fields

COLUMNS = (*EXTRA_COLUMNS, *PERSONAL_COLUMNS)
_FILTERS = ("organisationIds", "districts", "blocks", "statuses", "userIds", "addedBy")


def one_of(values: Iterable[str]) -> Meta:
    """The description of a text with few values."""
    return Meta(extra_json_schema={"enum": [*values]})


class LearnerFilters(Fields):
    """Which learners a report shows; a filter that is absent shows all."""

    organisation_ids: list[str] | UnsetType = UNSET
    districts: list[str] | UnsetType = UNSET
    blocks: list[str] | UnsetType = UNSET
    statuses: (
        Annotated[list[Annotated[int, Meta(ge=0, le=2)]], Meta(description="0 not started, 1 started, 2 completed")]
        | UnsetType
    ) = UNSET
    user_ids: list[str] | UnsetType = UNSET
    added_by: Annotated[str, Meta(description="Only learners whom this person enrolled.")] | UnsetType = UNSET


class DatasetConfig(Fields):
    """Which batches, learners and columns a report has."""

    batch_id: (
        Annotated[str, Meta(description="One batch; wins over the others.", examples=["01412345678901234567"])]
        | UnsetType
    ) = UNSET
    batch_filter: Annotated[list[str], Meta(description="Several batches.")] | UnsetType = UNSET
    search_filter: Annotated[dict[str, Any], Meta(description="A composite search for courses.")] | UnsetType = UNSET
    columns: (
        Annotated[
            list[Annotated[str, one_of(COLUMNS)]],
            Meta(description="After those that every report has; externalId in user info alone."),
        ]
        | UnsetType
    ) = UNSET
    filters: LearnerFilters | UnsetType = UNSET
    changed_since_request: (
        Annotated[str, Meta(description="Only who changed since that request was submitted.")] | UnsetType
    ) = UNSET
    changed_since: Annotated[Day, Meta(description="Only who changed on that day or later.")] | UnsetType = UNSET


class UnknownColumn(model.CannotBeMade):
    def __init__(self, column: str) -> None:
        super().__init__(f"Column is unknown: {column[:100]}. It may be one of {', '.join(COLUMNS)}")


class WrongFilter(model.CannotBeMade):
    """Left out, a filter that cannot be read would show everybody."""

    def __init__(self, filter_name: str, expected: str) -> None:
        super().__init__(f"Filter cannot be read: {filter_name[:100]} should be {expected}")


def read_selection(config: Mapping[str, Any]) -> Selection:
    """A `datasetConfig`: batchId wins over batchFilter over searchFilter.

    Ours: {"columns": ["attempts"], "filters": {"organisationIds": […], "districts": […], "blocks": […],
    "statuses": [0, 1, 2], "userIds": […], "addedBy": "u9"}, "changedSinceRequest": "9F8A…"} or
    {…, "changedSince": "2030-06-01"}. Raises: CannotBeMade.
    """
    batch_id, search, start = config.get("batchId"), config.get("searchFilter"), config.get("batchStartDate")
    is_named = isinstance(batch_id, str) and batch_id.strip()
    batch_ids = (str(batch_id),) if is_named else _words(config.get("batchFilter"))
    columns = _words(config.get("columns"))
    for column in columns:
        if column not in COLUMNS:
            raise UnknownColumn(column)
    try:
        started_from = date.fromisoformat(start) if isinstance(start, str) else None
    except ValueError as wrong:
        raise rules.NoSelector from wrong
    since = _text(config, "changedSince")
    try:
        since_day = date.fromisoformat(since) if since is not None else None
    except ValueError as wrong:
        raise WrongFilter("changedSince", "a day as 2030-06-01") from wrong
    return Selection(
        batch_ids=batch_ids,
        search=search if isinstance(search, dict) and search and not batch_ids else None,
        started_from=started_from,
        all_batches=config.get("generateForAllBatches") is True,
        columns=columns,
        filters=read_filters(config["filters"]) if "filters" in config else Filters(),
        since_request=_text(config, "changedSinceRequest"),
        since_day=since_day,
    )


def read_filters(given: object) -> Filters:
    """The filters of `datasetConfig.filters`; each is absent or right. Raises: WrongFilter."""
    if not isinstance(given, dict):
        raise WrongFilter("filters", "an object")
    for key in given:
        if key not in _FILTERS:
            raise WrongFilter(key, f"one of {', '.join(_FILTERS)}")

    def is_status(entry: object) -> bool:
        return type(entry) is int and entry in (0, 1, 2)

    return Filters(
        organisation_ids=_texts(given, "organisationIds"),
        districts=_texts(given, "districts"),
        blocks=_texts(given, "blocks"),
        statuses=_list(given, "statuses", is_status, "a list of 0, 1 or 2"),
        user_ids=_texts(given, "userIds"),
        added_by=_text(given, "addedBy"),
    )


def _text(given: Mapping[str, Any], key: str) -> str | None:
    if key in given and not isinstance(given[key], str):
        raise WrongFilter(key, "a text")
    return given.get(key)


def _texts(given: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    return _list(given, key, lambda entry: isinstance(entry, str), "a list of texts")


def _list(given: Mapping[str, Any], key: str, fits: Callable[[object], bool], expected: str) -> tuple[Any, ...] | None:
    """The list under `key`, whose entries all fit; None without the key."""
    if key not in given:
        return None
    if not isinstance(given[key], list) or not all(map(fits, given[key])):
        raise WrongFilter(key, expected)
    return tuple(given[key])


def _words(value: object) -> tuple[str, ...]:
    """The texts of a list that are not blank."""
    return tuple(word for word in value if isinstance(word, str) and word.strip()) if isinstance(value, list) else ()
