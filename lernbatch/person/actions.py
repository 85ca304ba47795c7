"""What can be done with people's data: forget a person."""

from __future__ import annotations

from datetime import datetime

from lernbatch.database import db, sql
from lernbatch.database.db import Connection

Q = sql.load("lernbatch.person")


async def forget(conn: Connection, user_id: str, now: datetime) -> None:
    """Empty a deleted person's profile and delete their consents, in the caller's transaction.

    The profile stays as an account that was deleted, so that reports show the person by their id.
    """
    await db.run(conn, Q.forget_profile, user_id=user_id, now=now)
    await db.run(conn, Q.forget_consents, user_id=user_id)
