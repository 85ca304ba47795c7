"""The datasets: what columns each has, and how a row of the database becomes rows of the report.

Source: contract jobs §5.6 to §5.8 and §6. The contract's columns come first, in its order; ours follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lernbatch.archive.model import Row

# Raised when a cell is computed otherwise than before; manifests name it.
RULES_VERSION = "2"


@dataclass(frozen=True, slots=True)
class Report:
    """`expand` makes a report's rows of one row of the database, given by position."""

    columns: tuple[str, ...]
    expand: Callable[[Sequence[Any]], Iterable[Row]]
