"""A search as SQL statements: the page, the count, the facets."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from lernbatch.batch.search.conditions import PIECES, Composer
from lernbatch.batch.search.fields import FIELDS
from lernbatch.batch.search.model import BatchSearch, Cursor, Facet, FieldKind, SortKey
from lernbatch.errors import Malformed

_TYPES = {
    FieldKind.TEXT: "text",
    FieldKind.TEXTS: "text",
    FieldKind.NUMBER: "numeric",
    FieldKind.DAY: "date",
    FieldKind.MOMENT: "timestamptz",
}
FACET_VALUES = 10
DAYS_IN_HISTOGRAM = 10_000


def page(search: BatchSearch, zone: ZoneInfo) -> tuple[str, list[object]]:
    """The statement for one page, with one row more than asked for when there is a cursor."""
    composer = Composer(zone)
    conditions = composer.all_of(search.conditions)
    if search.cursor is not None and search.cursor.batch_id is not None:
        conditions += f" AND {_behind(composer, search.sort, search.cursor)}"
    keys = [_sort_column(key) for key in search.sort]
    order = "".join(
        f"{column} {'DESC' if key.descending else 'ASC'} NULLS LAST, "
        for column, key in zip(keys, search.sort, strict=True)
    )
    parts = {
        "keys": f"ARRAY[{', '.join(f'({column})::text' for column in keys)}]::text[]",
        "conditions": conditions,
        "order": order,
    }
    text = composer.piece("page", sql_parts=parts, limit=search.limit, offset=search.offset)
    return text, composer.arguments


def count(search: BatchSearch, zone: ZoneInfo) -> tuple[str, list[object]]:
    """The statement for how many match."""
    composer = Composer(zone)
    conditions = composer.all_of(search.conditions)
    return composer.piece("count", sql_parts={"conditions": conditions}), composer.arguments


def facet(search: BatchSearch, facet: Facet, zone: ZoneInfo) -> tuple[str, list[object]] | None:
    """The statement for the values of one facet; None for a field that no batch has, or has no facet."""
    field = FIELDS.get(facet.field)
    if field is None or not field.has_facet:
        return None
    composer = Composer(zone)
    column, source = field.column, ""
    if field.kind is FieldKind.TEXTS:
        column, source = "entry", f" CROSS JOIN LATERAL unnest(lowered({field.column})) AS entry"
    if field.kind is FieldKind.TEXT:
        column = f"lower({column})"
    if field.kind in (FieldKind.DAY, FieldKind.MOMENT):
        column = f"({column})::date::text"
    parts = {"value": column, "from": source, "conditions": composer.all_of(search.conditions)}
    name, limit = ("histogram", DAYS_IN_HISTOGRAM) if facet.by_day else ("facet", FACET_VALUES)
    return composer.piece(name, sql_parts=parts, limit=limit), composer.arguments


def check(search: BatchSearch) -> None:
    """Raises: Malformed, where batches cannot be sorted by what is named, or it has no days to count (S4)."""
    if any(key.field not in FIELDS for key in search.sort):
        raise Malformed
    days = {name for name, field in FIELDS.items() if field.kind is FieldKind.DAY}
    if any(facet.by_day and facet.field not in days for facet in search.facets):
        raise Malformed


def _sort_column(key: SortKey) -> str:
    field = FIELDS[key.field]
    if field.kind is FieldKind.TEXT:
        return f'lower({field.column}) COLLATE "C"'
    if field.kind is FieldKind.TEXTS:
        piece = PIECES.statements["last_text" if key.descending else "first_text"]
        return piece.text.replace("{column}", field.column)
    return field.column


def _behind(composer: Composer, sort: Sequence[SortKey], cursor: Cursor) -> str:
    """Rows behind the cursor: equal in the first keys and behind in the next one, for each number of keys."""
    if len(cursor.values) != len(sort):
        raise Malformed
    ways: list[str] = []
    equal: list[str] = []
    for key, value in zip(sort, cursor.values, strict=True):
        column = _sort_column(key)
        parts = {"column": column, "operator": "<" if key.descending else ">", "type": _TYPES[FIELDS[key.field].kind]}
        if value is not None:  # nulls come last: behind one there is no other value
            ways.append(" AND ".join([*equal, composer.piece("after", sql_parts=parts, value=value)]))
        equal.append(composer.piece("same", sql_parts=parts, value=value))
    ways.append(" AND ".join([*equal, composer.piece("after_batch", batch_id=cursor.batch_id)]))
    return f"({' OR '.join(ways)})"
