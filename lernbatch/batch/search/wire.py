"""The JSON of a search: the reference's filter language in, documents out (contract batches §3.4)."""

from __future__ import annotations

import base64
import binascii
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from lernbatch.batch.model import Batch
from lernbatch.batch.rules import InvalidRequest
from lernbatch.batch.search.model import (
    Affix,
    AnyOf,
    Bound,
    Condition,
    Cursor,
    Exists,
    Facet,
    Found,
    OneOf,
    Scalar,
    Search,
    SortKey,
    Word,
)
from lernbatch.batch.wire_document import show_batch
from lernbatch.batch.wire_fields import whole
from lernbatch.errors import Malformed, NoAnswer

DEFAULT_LIMIT = 30
WINDOW = 10_000  # limit and offset together, as the reference's index allows
MOST_CONDITIONS = 100
MOST_VALUES = 10_000
MOST_NAMES = 100  # of fields, sort keys and facets
MOST_WORDS = 10
LONGEST_QUERY = 1000
TOP = 5  # hits that telemetry names
_OPERATORS = ("<=", ">=", "<", ">")
_DATE_HISTOGRAM = "DATE_HISTOGRAM"


def read_search(request: dict[str, Any], query: Mapping[str, str], *, filters_optional: bool = False) -> Search:
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
        *_read_filters(filters),
        *(Exists(name, wanted=True) for name in _names(request, "exists")),
        *(Exists(name, wanted=False) for name in _names(request, "not_exists")),
        *_read_words(request),
    ]
    _bound(conditions)
    if request.get("softConstraints"):
        raise Malformed
    limit, offset = _read_window(request)
    sort = _read_sort(request.get("sort_by", {}))
    cursor = _read_cursor(request.get("cursor"), sort)
    return Search(
        conditions=tuple(conditions),
        sort=sort,
        limit=limit,
        offset=offset if cursor is None else 0,
        fields=tuple(_names(request, "fields")) if request.get("fields") is not None else None,
        facets=_read_facets(request.get("facets")),
        cursor=cursor,
        with_creators="creatorDetails" in query,
        with_participants="participants" in query.get("fields", "").split(","),
    )


def _read_filters(filters: dict[str, Any]) -> list[Condition]:
    found: list[Condition] = []
    for key, value in filters.items():
        if key == "objectType":
            continue  # the reference puts its own there
        found += _read_any_of(value) if key == "$or" else _read_filter(key, value)
    return found


def _read_filter(field: str, value: object) -> list[Condition]:
    """The conditions of one filter; none for what the reference ignores: an empty list, unknown operators."""
    if isinstance(value, list):
        return [OneOf(field, _scalars(value))] if value else []
    if isinstance(value, dict):
        return [condition for key, operand in value.items() for condition in _read_operator(field, key, operand)]
    return [OneOf(field, (_scalar(value),))]


def _read_operator(field: str, operator: str, operand: object) -> list[Condition]:
    if operator in _OPERATORS:
        return [Bound(field, operator, _scalar(operand))]
    if operator in ("startsWith", "endsWith"):
        if not isinstance(operand, str):
            raise Malformed
        return [Affix(field, operand, at_end=operator == "endsWith")]
    return []


def _read_any_of(value: object) -> list[Condition]:
    if not isinstance(value, dict):
        raise Malformed
    either = tuple(OneOf(field, (_scalar(wanted),)) for field, wanted in value.items())
    return [AnyOf(either)] if either else []


def _scalar(value: object) -> Scalar:
    if isinstance(value, str | int | float):  # a bool is an int
        return value
    raise Malformed


def _scalars(entries: list[object]) -> tuple[Scalar, ...]:
    """The values of a list, whose type the first one decides: among texts there is nothing else."""
    if isinstance(entries[0], str) and not all(isinstance(entry, str) for entry in entries):
        raise Malformed
    return tuple(_scalar(entry) for entry in entries)


def _read_words(request: dict[str, Any]) -> list[Condition]:
    """`query` as a simple query string: any of its words, all of them with a +, none behind a -, phrases in quotes."""
    query = request.get("query")
    if query is None:
        return []
    if not isinstance(query, str):
        raise Malformed
    if len(query) > LONGEST_QUERY:
        raise InvalidRequest
    fields = tuple(_names(request, "queryFields")) or None
    tokens = _tokens(unicodedata.normalize("NFC", query).lower())
    words = [Word(text, fields, wanted=True) for sign, text in tokens if sign != "-"]
    unwanted = [Word(text, fields, wanted=False) for sign, text in tokens if sign == "-"]
    if len(tokens) > MOST_WORDS:
        raise InvalidRequest
    if len(words) < 2 or any(sign == "+" for sign, _ in tokens):
        return [*words, *unwanted]
    return [AnyOf(tuple(words)), *unwanted]


def _tokens(query: str) -> list[tuple[str, str]]:
    """`asha "first run" -old` → [("", "asha"), ("", "first run"), ("-", "old")]"""
    found, sign = [], ""
    for part, quoted in _parts(query):
        for word in [part] if quoted else part.split():
            signs = "" if quoted else word[: len(word) - len(word.lstrip("+-|"))]
            bare = word if quoted else word.lstrip("+-|").rstrip("*|").strip("()")
            sign = signs[-1:] or sign
            if bare.strip():
                found.append((sign, bare.strip()))
                sign = ""
    return found


def _parts(query: str) -> list[tuple[str, bool]]:
    """The text outside and inside of quotes, in turns; a quote without an end is a character like any other."""
    parts = query.split('"')
    if len(parts) % 2 == 0:
        parts[-2:] = [f"{parts[-2]} {parts[-1]}"]
    return [(part, index % 2 == 1) for index, part in enumerate(parts)]


def _bound(conditions: list[Condition]) -> None:
    """Raises: InvalidRequest, for more conditions or values than a search may have."""
    parts = [part for each in conditions for part in (each.conditions if isinstance(each, AnyOf) else (each,))]
    values = sum(len(part.values) for part in parts if isinstance(part, OneOf))
    if len(parts) > MOST_CONDITIONS or values > MOST_VALUES:
        raise InvalidRequest


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


def _names(request: dict[str, Any], key: str) -> list[str]:
    names = request.get(key)
    if names is None:
        return []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Malformed
    if len(names) > MOST_NAMES:
        raise InvalidRequest
    return names


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


def show_telemetry(request: dict[str, Any], found: Found) -> dict[str, Any]:
    """What a SEARCH event says of a search (contract batches §3.4)."""
    return {
        "type": "Course-batch",
        "query": request.get("query") or "",
        "filters": request.get("filters"),
        "sort": request.get("sort_by", {}),
        "size": found.count,
        "topn": [{"id": batch.batch_id} for batch in found.batches[:TOP]],
    }


def show_found(search: Search, found: Found, now: datetime, zone: ZoneInfo, *, iso: bool) -> dict[str, Any]:
    """{"response": {"count": 1, "content": [{"batchId": "0140…", …}]}}"""
    response: dict[str, Any] = {
        "count": found.count,
        "content": [_show_hit(search, found, batch, now, zone, iso=iso) for batch in found.batches],
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
    search: Search, found: Found, batch: Batch, now: datetime, zone: ZoneInfo, *, iso: bool
) -> dict[str, Any]:
    document = show_batch(batch, now, zone, iso=iso)
    if (counts := found.learner_counts.get(batch.batch_id)) is not None:
        document |= {"participantCount": counts.participants, "completedCount": counts.completed}
    if search.fields is not None:
        del document["collectionId"]
    if search.fields:
        document = {key: value for key, value in document.items() if key in search.fields}
    if search.with_participants:
        document["participants"] = found.participants.get(batch.batch_id)
    if (creator := found.creators.get(batch.created_by or "")) is not None:
        document["creatorDetails"] = {"firstName": creator.first_name, "lastName": creator.last_name}
    return document
