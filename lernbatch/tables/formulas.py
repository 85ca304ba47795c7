"""What spreadsheets take for a formula, in whatever CSV we write."""

from __future__ import annotations

import re
from collections.abc import Sequence

_MARKS = frozenset("=+-@\t\r\n＝＋－＠")  # spreadsheets take the wide ones of East Asian keyboards, too
_number = re.compile(r"[+-]?(?:\d+(?:[ .,]\d+)*|\.\d+)(?:[eE][+-]?\d+)?%?").fullmatch


def neutral(cells: Sequence[str]) -> Sequence[str]:
    """`cells`, with an apostrophe before each that a spreadsheet would compute.

    A number stays as it is, with or without its sign: so does `+919000000001`, but not `-2+3`.
    """
    if _MARKS.isdisjoint([cell[:1] for cell in cells]):  # nearly always; a look at each cell would cost more
        return cells
    return [f"'{cell}" if cell[:1] in _MARKS and not _number(cell) else cell for cell in cells]
