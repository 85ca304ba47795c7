"""What is true of merged accounts: nothing that either has learned or earned is lost."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from lernbatch.account.model import Enrolment
from lernbatch.errors import Refused
from lernbatch.progress.model import STATES
from lernbatch.progress.rules import join_all


class SameAccount(Refused):
    """An account cannot be merged into itself."""

    code = "INVALID_REQUESTED_DATA"
    message = "An account cannot be merged into itself."


class AccountEnded(Refused):
    """An addition: what is given to an account that is deleted or blocked is lost to everybody."""

    code = "INVALID_REQUESTED_DATA"
    message = "The account that stays is deleted or blocked."


class AccountMerged(Refused):
    """An addition: what such an account had is the other's now, certificates included."""

    code = "INVALID_REQUESTED_DATA"
    message = "The account was merged into another one: erase that one, and this is erased with it."


def merged(source: Enrolment, target: Enrolment | None, into_id: str, superseded: Collection[str] = ()) -> Enrolment:
    """The target's enrolment after the merge; as it was when the source adds nothing, so it can be done twice.

    `superseded`: ids of certificates of the source that do not go over, since the target has one of their name.

    Contract jobs §7.2, without its losses: completions, certificates and scores of the source go over, too.
    """
    if target is None:
        return replace(source, user_id=into_id)
    completed = [at for at in (source.completed_at, target.completed_at) if at is not None]
    states = join_all(STATES.decode(target.states), STATES.decode(source.states))
    return replace(
        target,
        active=target.active or source.active,
        enrolled_at=min(source.enrolled_at, target.enrolled_at),
        status=max(source.status, target.status),
        completed_at=min(completed, default=None),
        states=msgspec.json.encode(states).decode(),
        certificates=certificates(target.certificates, source.certificates, superseded),
    )


def certificates(
    mine: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]], superseded: Collection[str] = ()
) -> list[Mapping[str, Any]]:
    """Each certificate once. Of two with one name that another service issued both stay: who says which is valid?"""
    known = {entry.get("identifier") for entry in mine} | set(superseded)
    return [*mine, *(entry for entry in others if entry.get("identifier") not in known)]


def certificate_ids(enrolments: Iterable[Enrolment]) -> list[str]:
    """The ids of all certificates that these enrolments list."""
    return [str(entry.get("identifier")) for one in enrolments for entry in one.certificates]
