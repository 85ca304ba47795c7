"""What the pages of signing in show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lernbatch.console.rendering import initials
from lernbatch.session.model import LocalPerson, Session
from lernbatch.wording.words import N_, Words

# The first role of a person that stands here says what they are.
_ROLES = {
    "SYSTEM_ADMINISTRATION": N_("Operator"),
    "ORG_ADMIN": N_("Organisation administrator"),
    "CONTENT_CREATOR": N_("Batch creator"),
    "COURSE_CREATOR": N_("Batch creator"),
    "COURSE_MENTOR": N_("Mentor"),
}


def people(listed: Sequence[LocalPerson], words: Words) -> list[dict[str, Any]]:
    """The bundled people as buttons, who manages first."""
    order = [*_ROLES, ""]

    def rank(person: LocalPerson) -> int:
        return order.index(next((role for role in _ROLES if role in person.roles), ""))

    return [
        {
            "user_id": person.user_id,
            "name": person.name,
            "initials": initials(person.name),
            "role": words._(_ROLES.get(order[rank(person)], N_("Learner"))),
            "organisation": person.organisation,
        }
        for person in sorted(listed, key=rank)
    ]


def sessions(running: Sequence[Session], current: Session) -> list[dict[str, Any]]:
    """The reader's sessions, this one first."""
    rows = [
        {
            "id": session.session_id.hex(),
            "created_at": session.created_at,
            "used_at": session.used_at,
            "is_this": session.session_id == current.session_id,
        }
        for session in running
    ]
    return sorted(rows, key=lambda row: not row["is_this"])
