"""Commands for who runs the installation."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from lernbatch import command
from lernbatch.database import db
from lernbatch.web.audit import Note, Q

PAGE = 1000
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


def audit(
    *,
    who: str | None = None,
    whom: str | None = None,
    what: str | None = None,
    since: datetime | None = None,
    limit: int = 1000,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Print who did what to whom, when and from where, the newest first.

    Example: `lernbatch audit --whom 0b1e3c5a --since 2026-06-01 --json`

    Args:
        who: whose doing it was: a user, a machine client, or operator
        whom: to whom it was done
        what: what was done, or how that begins: account, certificate.award, exhaust, or a refused method and path
        since: not before that day or instant, in UTC where it names no zone
        limit: how many notes at most
        as_json: one JSON object a line
    """
    from_when = _FIRST if since is None else since if since.tzinfo else since.replace(tzinfo=UTC)

    async def work() -> None:
        filters: dict[str, object] = {"who": who, "whom": whom, "what": what, "since": from_when}
        before, before_id, left = _LAST, 0, limit
        async with command.connection() as (_, conn):
            while left > 0:
                page = {**filters, "before": before, "before_id": before_id, "limit": min(left, PAGE)}
                notes = await db.all(conn, Note, Q.notes, **page)
                for note in notes:
                    print(as_json_text(note) if as_json else as_line(note))
                if len(notes) < PAGE:
                    return
                before, before_id, left = notes[-1].noted_at, notes[-1].audit_id, left - len(notes)

    asyncio.run(work())


def as_line(note: Note) -> str:
    """2026-06-01 10:20:30  meera  enrolment.enrol  asha  about 0147  done  from 10.0.0.1  request 1f…"""
    whom = ", ".join(note.whom[:3]) + (f" and {len(note.whom) - 3} more" if len(note.whom) > 3 else "")
    words = [
        f"{note.noted_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        note.who or "-",
        note.what,
        whom or "-",
        f"about {note.about or '-'}",
        note.outcome + (f" {note.times} times" if note.times > 1 else ""),
        f"from {note.from_address or '-'}",
        f"request {note.request_id or '-'}",
    ]
    return "  ".join(words)


def as_json_text(note: Note) -> str:
    """One JSON object without line breaks; instants are ISO 8601 in UTC."""
    shown = {
        "at": note.noted_at.astimezone(UTC).isoformat(),
        "what": note.what,
        "outcome": note.outcome,
        "who": note.who,
        "whom": list(note.whom),
        "about": note.about,
        "from": note.from_address,
        "requestId": note.request_id,
        "times": note.times,
    }
    return json.dumps(shown, ensure_ascii=False)
