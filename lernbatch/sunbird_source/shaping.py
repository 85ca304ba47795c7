"""Rows from values that JSON, Parquet or a driver has read already."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from lernbatch.sunbird_source.catalog import BESIDE, TABLES
from lernbatch.sunbird_source.model import SourceRow, SourceTable, UnreadableRow
from lernbatch.sunbird_source.values import EXACT, shape


class Shaper:
    """Gives the columns of one table their names and values of their types."""

    def __init__(self, table: SourceTable, zone: ZoneInfo | None) -> None:
        kind = TABLES.get(table.name) or BESIDE[table.name]
        self._table = table.name
        self._renamed = table.guessed_columns
        self._key = kind.key
        self._shapes = [(name, shape(column, zone), EXACT.get(column.name)) for name, column in kind.columns.items()]
        self._types = kind.columns

    def row(self, values: dict[str, Any], place: str, raw: bytes) -> SourceRow | UnreadableRow:
        """`values` is changed. `raw`: what is kept of a row that cannot be read."""
        if self._renamed:
            renamed = self._renamed
            values = {renamed.get(called, called): value for called, value in values.items()}
        get = values.get
        for name, shaped, exact in self._shapes:
            value = get(name)
            if value is None or type(value) is exact:
                continue
            try:
                values[name] = shaped(value)
            except (ValueError, TypeError, AttributeError, KeyError, OverflowError):
                return UnreadableRow(self._table, place, raw, f"the value of {name} is no {self._types[name]}")
        for name in self._key:
            if get(name) is None:
                return UnreadableRow(self._table, place, raw, f"{name} is missing, which is part of the key")
        return SourceRow(self._table, values, place)
