"""Dates as templates ask for them, in the tokens of Moment: `DD MMMM YYYY` → 01 July 2026. Names are English."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo

# Only these are tokens: arrow knows more, which Moment writes as they stand or otherwise.
_MOMENT = re.compile(r"\[([^\]]*)\]|YYYY|YY|MMMM|MMM|MM|M|Do|DDDD|DD|D|dddd|ddd|HH|H|hh|h|mm|m|ss|s|SSS|A|a|ZZ|Z")
_ARROW_TOKENS = {"Z": "ZZ", "ZZ": "Z"}  # the offsets +05:30 and +0530 have each other's token; all else is the same


def format_date(at: datetime | None, form: str, zone: tzinfo) -> str:
    """`at` in the tokens that templates use (those of Moment): DD MMMM YYYY → 01 July 2026. None gives "".

    `form`: text in square brackets stands as it is. `zone`: the one in which an instant is shown; a naive `at` has one.
    """
    if at is None:
        return ""
    import arrow  # loaded where a date is shown

    local = arrow.Arrow.fromdatetime(at.astimezone(zone) if at.tzinfo else at)

    def written(match: re.Match[str]) -> str:
        literal, token = match[1], match[0]
        return local.format(_ARROW_TOKENS.get(token, token)) if literal is None else literal

    return _MOMENT.sub(written, form)
