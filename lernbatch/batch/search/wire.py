"""The JSON of a search: the reference's filter language in, documents out (contract batches §3.4)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lernbatch.batch.model import Batch
from lernbatch.batch.rules import InvalidRequest
from lernbatch.batch.search.filters import LONGEST_QUERY, MOST_NAMES, check_bounds, read_filters, read_names, read_words
from lernbatch.batch.search.model import BatchSearch, Cursor, Exists, Facet, SearchResult, SortKey
from lernbatch.batch.wire_document import BatchDocument, BatchStyle, show_batch
from lernbatch.batch.wire_fields import whole
from lernbatch.errors import Malformed, NoAnswer
from lernbatch.web.schema import Fields

DEFAULT_LIMIT = 30
WINDOW = 10_000  # limit and offset together, as the reference's index allows
TOP = 5  # hits that telemetry names
MOST_FILTER_BYTES = 65_536  # of a caller's filters
_DATE_HISTOGRAM = "DATE_HISTOGRAM"


class BatchSearchRequest(Fields):
    """What batches are looked for, and what is shown of them."""

    filters: Annotated[
        dict[str, Any],
        Meta(
            description="By field: a text, a number, a list of them, or an object of operators: < <= > >= startsWith"
            " endsWith. By `$or`: an object of fields, of which one must fit.",
            examples=[{"status": ["0", "1"]}],
        ),
    ]
    query: (
        Annotated[
            Annotated[str, Meta(max_length=LONGEST_QUERY)] | None,
            Meta(description="Words to look for.", examples=["June"]),
        ]
        | UnsetType
    ) = UNSET
    query_fields: list[Annotated[str, Meta(examples=["name"])]] | UnsetType = UNSET
    fields: (
        Annotated[
            list[Annotated[str, Meta(examples=["batchId"])]],
            Meta(description="What to show of each batch; none named: everything."),
        ]
        | UnsetType
    ) = UNSET
    sort_by: Annotated[dict[str, Literal["asc", "desc"]], Meta(examples=[{"createdDate": "desc"}])] | UnsetType = (
        msgspec.field(default=UNSET, name="sort_by")
    )
    limit: Annotated[int, Meta(ge=0, le=WINDOW)] = DEFAULT_LIMIT
    offset: Annotated[int, Meta(ge=0, le=WINDOW)] = 0
    exists: list[Annotated[str, Meta(examples=["endDate"])]] | UnsetType = UNSET
    not_exists: list[Annotated[str, Meta(examples=["endDate"])]] | UnsetType = msgspec.field(
        default=UNSET, name="not_exists"
    )
    facets: (
        Annotated[list[dict[str, Literal["DATE_HISTOGRAM"] | None]], Meta(description="Only the first object counts.")]
        | UnsetType
    ) = UNSET
    cursor: (
        Annotated[
            str | None,
            Meta(description='`nextCursor` of the page before; "" for the first page. Goes on as far as you like.'),
        ]
        | UnsetType
    ) = UNSET


class BatchSearchParameters(Fields):
    """The parameters of a search after `?`."""

    creator_details: Annotated[str, Meta(description="Also who created each batch.")] | UnsetType = UNSET
    fields: Annotated[str, Meta(description="`participants`: also the ids of each batch's learners.")] | UnsetType = (
        UNSET
    )


class FacetValue(Fields):
    """A value of a facet, and how many batches have it."""

    name: str | int
    count: int


class ShownFacet(Fields):
    """The most frequent values of a field, or its days in order."""

    name: str
    values: list[FacetValue]


class BatchPage(Fields):
    """One page of the batches that match."""

    count: Annotated[int, Meta(description="All that match.")]
    content: list[BatchDocument]
    facets: Annotated[list[ShownFacet], Meta(description="If asked for.")] | UnsetType = UNSET
    next_cursor: Annotated[str, Meta(description="Absent on the last page.")] | UnsetType = UNSET


class BatchSearchAnswer(Fields):
    """The answer of a search."""

    response: BatchPage


def read_search(request: dict[str, Any], query: Mapping[str, str], *, filters_optional: bool = False) -> BatchSearch:
    """{"filters": {"courseId": "do_1", "status": ["0", "1"]}, "sort_by": {"createdDate": "desc"}, "limit": 10}

    `query`: the query string. Raises: NoAnswer without filters (S1, at once: defect 21), Malformed (S2),
    InvalidRequest for more than is reasonable.
    """
    filters = request.get("filters")
    if filters is None and filters_optional:
        filters = {}
    if not isinstance(filters, dict):
        raise NoAnswer
    conditions = [
        *read_filters(filters),
        *(Exists(name, has_value=True) for name in read_names(request, "exists")),
        *(Exists(name, has_value=False) for name in read_names(request, "not_exists")),
        *read_words(request),
    ]
    check_bounds(conditions)
    if request.get("softConstraints"):
        raise Malformed
    limit, offset = min(whole(request, "limit", DEFAULT_LIMIT), WINDOW), whole(request, "offset", 0)
    limit = min(limit, WINDOW - offset)
    if limit < 0:
        raise Malformed
    sort = read_sort(request.get("sort_by", {}))
    cursor = read_cursor(request.get("cursor"), sort)
    return BatchSearch(
        conditions=tuple(conditions),
        sort=sort,
        limit=limit,
        offset=offset if cursor is None else 0,
        fields=tuple(read_names(request, "fields")) if request.get("fields") is not None else None,
        facets=read_facets(request.get("facets")),
        cursor=cursor,
        with_creators="creatorDetails" in query,
        with_participants="participants" in query.get("fields", "").split(","),
    )


def read_sort(sort: object) -> tuple[SortKey, ...]:
    """In the order in which the request names the keys (defect 19)."""
    if not isinstance(sort, dict) or any("." in key or not isinstance(value, str) for key, value in sort.items()):
        raise Malformed
    if len(sort) > MOST_NAMES:
        raise InvalidRequest
    return tuple(SortKey(key, descending=value.lower() != "asc") for key, value in sort.items())


def read_facets(facets: object) -> tuple[Facet, ...]:
    """[{"status": null, "startDate": "DATE_HISTOGRAM"}]; only the first object counts."""
    if facets is None or facets == []:
        return ()
    if not isinstance(facets, list) or not all(isinstance(entry, dict) for entry in facets):
        raise Malformed
    if any(kind not in (None, _DATE_HISTOGRAM) for kind in facets[0].values()):
        raise Malformed
    if len(facets[0]) > MOST_NAMES:
        raise InvalidRequest
    return tuple(Facet(field, by_day=kind is not None) for field, kind in facets[0].items())


def read_cursor(text: object, sort: tuple[SortKey, ...]) -> Cursor | None:
    """`nextCursor` of the page before, "" for the first one; it belongs to a sort order. Raises: InvalidRequest."""
    if text is None:
        return None
    if text == "":
        return Cursor()
    try:
        raw = base64.urlsafe_b64decode(str(text).encode("ascii"))
        named, values, batch_id = msgspec.json.decode(raw, type=tuple[list[str], list[str | None], str])
    except (binascii.Error, ValueError) as wrong:
        raise InvalidRequest from wrong
    if named != _spelled(sort) or len(values) != len(sort):
        raise InvalidRequest
    return Cursor(tuple(values), batch_id)


def _spelled(sort: tuple[SortKey, ...]) -> list[str]:
    return [f"{'-' if key.descending else '+'}{key.field}" for key in sort]


def show_telemetry(request: dict[str, Any], result: SearchResult) -> dict[str, Any]:
    """The edata of a SEARCH event (contract batches §3.4). Filters of more than MOST_FILTER_BYTES are left out."""
    filters = request.get("filters") or {}
    return {
        "type": "Course-batch",
        "query": request.get("query") or "",
        "filters": filters if len(msgspec.json.encode(filters)) <= MOST_FILTER_BYTES else {},
        "sort": request.get("sort_by", {}),
        "size": result.count,
        "topn": [{"id": batch.batch_id} for batch in result.batches[:TOP]],
    }


def show_result(search: BatchSearch, result: SearchResult, now: datetime, style: BatchStyle) -> dict[str, Any]:
    """{"response": {"count": 1, "content": [{"batchId": "0140…", …}]}}"""
    response: dict[str, Any] = {
        "count": result.count,
        "content": [_show_hit(search, result, batch, now, style) for batch in result.batches],
    }
    if result.facets:
        response["facets"] = [
            {"name": facet.field, "values": [{"name": name, "count": count} for name, count in facet.values]}
            for facet in result.facets
        ]
    if result.next_cursor is not None:
        cursor = (_spelled(search.sort), result.next_cursor.values, result.next_cursor.batch_id)
        response["nextCursor"] = base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode("ascii")
    return {"response": response}


def _show_hit(
    search: BatchSearch, result: SearchResult, batch: Batch, now: datetime, style: BatchStyle
) -> dict[str, Any]:
    manages = batch.batch_id in result.managed
    document = show_batch(batch, now, style, whole_templates=manages)
    if (counts := result.learner_counts.get(batch.batch_id)) is not None:
        document |= {"participantCount": counts.participants, "completedCount": counts.completed}
    if search.fields is not None:
        del document["collectionId"]
    if search.fields:
        document = {key: value for key, value in document.items() if key in search.fields}
    if search.with_participants:
        count = result.learner_counts[batch.batch_id].participants
        nobody_yet: list[str] | None = None if manages and not count else []
        document["participants"] = result.participants.get(batch.batch_id, nobody_yet)
        document["participantCount"] = count
    if (creator := result.creators.get(batch.created_by or "")) is not None:
        document["creatorDetails"] = {"firstName": creator.first_name, "lastName": creator.last_name}
    return document
