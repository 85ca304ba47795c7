"""The JSON of a search: the reference's filter language in, documents out (contract batches §3.4)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from lernbatch.batch.model import Batch
from lernbatch.batch.rules import InvalidRequest
from lernbatch.batch.search.filters import MOST_NAMES, check_bounds, read_filters, read_names, read_words
from lernbatch.batch.search.model import BatchSearch, Cursor, Exists, Facet, SearchResult, SortKey
from lernbatch.batch.wire_document import BatchStyle, show_batch
from lernbatch.batch.wire_fields import whole
from lernbatch.errors import Malformed, NoAnswer

DEFAULT_LIMIT = 30
WINDOW = 10_000  # limit and offset together, as the reference's index allows
TOP = 5  # hits that telemetry names
MOST_BYTES_TOLD = 65_536  # of a caller's filters
_DATE_HISTOGRAM = "DATE_HISTOGRAM"


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
        *(Exists(name, wanted=True) for name in read_names(request, "exists")),
        *(Exists(name, wanted=False) for name in read_names(request, "not_exists")),
        *read_words(request),
    ]
    check_bounds(conditions)
    if request.get("softConstraints"):
        raise Malformed
    limit, offset = _read_window(request)
    sort = _read_sort(request.get("sort_by", {}))
    cursor = _read_cursor(request.get("cursor"), sort)
    return BatchSearch(
        conditions=tuple(conditions),
        sort=sort,
        limit=limit,
        offset=offset if cursor is None else 0,
        fields=tuple(read_names(request, "fields")) if request.get("fields") is not None else None,
        facets=_read_facets(request.get("facets")),
        cursor=cursor,
        with_creators="creatorDetails" in query,
        with_participants="participants" in query.get("fields", "").split(","),
    )


def _read_window(request: dict[str, Any]) -> tuple[int, int]:
    limit, offset = min(whole(request, "limit", DEFAULT_LIMIT), WINDOW), whole(request, "offset", 0)
    if limit + offset > WINDOW:
        limit = WINDOW - offset
    if limit < 0:
        raise Malformed
    return limit, offset


def _read_sort(sort: object) -> tuple[SortKey, ...]:
    """In the order in which the request names the keys (defect 19)."""
    if not isinstance(sort, dict) or any("." in key or not isinstance(value, str) for key, value in sort.items()):
        raise Malformed
    if len(sort) > MOST_NAMES:
        raise InvalidRequest
    return tuple(SortKey(key, descending=value.lower() != "asc") for key, value in sort.items())


def _read_facets(facets: object) -> tuple[Facet, ...]:
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


def _read_cursor(text: object, sort: tuple[SortKey, ...]) -> Cursor | None:
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


def _show_cursor(cursor: Cursor, sort: tuple[SortKey, ...]) -> str:
    raw = msgspec.json.encode((_spelled(sort), cursor.values, cursor.batch_id))
    return base64.urlsafe_b64encode(raw).decode("ascii")


def _spelled(sort: tuple[SortKey, ...]) -> list[str]:
    return [f"{'-' if key.descending else '+'}{key.field}" for key in sort]


def show_telemetry(request: dict[str, Any], found: SearchResult) -> dict[str, Any]:
    """What a SEARCH event says of a search (contract batches §3.4). Filters that no broker would take are left out."""
    filters = request.get("filters") or {}
    return {
        "type": "Course-batch",
        "query": request.get("query") or "",
        "filters": filters if len(msgspec.json.encode(filters)) <= MOST_BYTES_TOLD else {},
        "sort": request.get("sort_by", {}),
        "size": found.count,
        "topn": [{"id": batch.batch_id} for batch in found.batches[:TOP]],
    }


def show_found(search: BatchSearch, found: SearchResult, now: datetime, style: BatchStyle) -> dict[str, Any]:
    """{"response": {"count": 1, "content": [{"batchId": "0140…", …}]}}"""
    response: dict[str, Any] = {
        "count": found.count,
        "content": [_show_hit(search, found, batch, now, style) for batch in found.batches],
    }
    if found.facets:
        response["facets"] = [
            {"name": facet.field, "values": [{"name": name, "count": count} for name, count in facet.values]}
            for facet in found.facets
        ]
    if found.next_cursor is not None:
        response["nextCursor"] = _show_cursor(found.next_cursor, search.sort)
    return {"response": response}


def _show_hit(
    search: BatchSearch, found: SearchResult, batch: Batch, now: datetime, style: BatchStyle
) -> dict[str, Any]:
    manages = batch.batch_id in found.managed
    document = show_batch(batch, now, style, whole_templates=manages)
    if (counts := found.learner_counts.get(batch.batch_id)) is not None:
        document |= {"participantCount": counts.participants, "completedCount": counts.completed}
    if search.fields is not None:
        del document["collectionId"]
    if search.fields:
        document = {key: value for key, value in document.items() if key in search.fields}
    if search.with_participants:
        count = found.learner_counts[batch.batch_id].participants
        nobody_yet: list[str] | None = None if manages and not count else []
        document["participants"] = found.participants.get(batch.batch_id, nobody_yet)
        document["participantCount"] = count
    if (creator := found.creators.get(batch.created_by or "")) is not None:
        document["creatorDetails"] = {"firstName": creator.first_name, "lastName": creator.last_name}
    return document
