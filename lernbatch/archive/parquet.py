"""Parquet, written as the rows come. Its library is large, so this module is loaded only when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lernbatch.archive.model import Row
from lernbatch.archive.packing import Sink


class _ParquetSink(Sink):
    """A sink that also knows its position, which the Parquet library asks for."""

    closed = False

    def __init__(self) -> None:
        super().__init__()
        self._position = 0

    def write(self, data: Any) -> int:
        written = super().write(data)
        self._position += written
        return written

    def tell(self) -> int:
        return self._position


class Parquet:
    """All columns are texts, as in the CSV; a missing number is null. At most one row group is held in memory."""

    GROUP_ROWS = 10_000

    def __init__(self) -> None:
        self._sink = _ParquetSink()
        self._schema = pa.schema([])
        self._waiting: list[Row] = []

    def header(self, columns: Sequence[str]) -> bytes:
        self._schema = pa.schema([(name, pa.string()) for name in columns])
        self._writer = pq.ParquetWriter(self._sink, self._schema)
        return self._sink.take()

    def rows(self, rows: Sequence[Row]) -> bytes:
        self._waiting.extend(rows)
        if len(self._waiting) >= self.GROUP_ROWS:
            self._write()
        return self._sink.take()

    def finish(self) -> bytes:
        if self._waiting:
            self._write()
        self._writer.close()
        return self._sink.take()

    def _write(self) -> None:
        arrays = [
            pa.array([cell if cell is None else str(cell) for cell in column], pa.string())
            for column in zip(*self._waiting, strict=True)
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._waiting = []
