"""The nouns of tables, and why a file cannot be read as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as it stands. `line`: where it begins in the file, or its row in the sheet; both are counted from 1.

    `flaws`: place of a cell → why its value cannot be taken.
    """

    line: int
    values: Sequence[str]
    flaws: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row that is not empty: column → text, trimmed. `width`: how many values it has; None: a sheet has no width."""

    line: int
    cells: Mapping[str, str]
    problem: str | None
    width: int | None


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file. `width`: how many columns the header has. Reading the rows may raise Unreadable."""

    width: int
    rows: Iterator[TableRow]


class Unreadable(Exception):
    """A file cannot be read; `reason` is a sentence for whoever sent it, with the remedy. `line` None: all of it."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        self.reason, self.line = reason, line
        super().__init__(self.sentence)

    @property
    def sentence(self) -> str:
        return self.reason if self.line is None else f"Line {self.line}: {self.reason}"


class NoRows(Unreadable):
    """There is nothing in the file."""

    def __init__(self) -> None:
        super().__init__("The file is empty.")


class NoHeader(Unreadable):
    """The first line, which names the columns, is empty."""

    def __init__(self) -> None:
        super().__init__("it is empty; it must name the columns.", 1)


class MissingColumns(Unreadable):
    """The header lacks columns without which nothing can be done."""

    def __init__(self, names: Sequence[str], line: int) -> None:
        self.names = names
        super().__init__(f"the header lacks the columns {', '.join(names)}.", line)


class UnknownColumns(Unreadable):
    """The header has names that mean nothing here; "": a column without a name that is not empty."""

    def __init__(self, names: Sequence[str], reason: str, line: int) -> None:
        self.names = names
        super().__init__(reason, line)


class TooWide(Unreadable):
    """A row has more values than the header has columns."""

    def __init__(self, values: int, columns: int, line: int) -> None:
        remedy = "put quotation marks around a cell that holds several ids, or move the values into a named column"
        super().__init__(f"it has {values} values, the header {columns}; {remedy}.", line)


class TooManyRows(Unreadable):
    """There are more rows, with the header, than are taken at once."""
