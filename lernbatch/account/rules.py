"""The rules of merging accounts: nothing that either has learned or earned is lost."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from lernbatch.account.model import EnrolmentRow
from lernbatch.errors import Refused
from lernbatch.progress.model import STATES, dump_states
from lernbatch.progress.rules import join_all


class SameAccount(Refused):
    """An account cannot be merged into itself."""

    code = "INVALID_REQUESTED_DATA"
    message = "An account cannot be merged into itself."


class AccountEnded(Refused):
    """An addition: learning that moves to a deleted or blocked account would be lost."""

    code = "INVALID_REQUESTED_DATA"
    message = "The account that stays is deleted or blocked."


class AccountMerged(Refused):
    """An addition: what such an account had is the other's now, certificates included."""

    code = "INVALID_REQUESTED_DATA"
    message = "The account was merged into another one: erase that one, and this is erased with it."


def merged(
    source: EnrolmentRow, target: EnrolmentRow | None, into_id: str, superseded: Collection[str] = ()
) -> EnrolmentRow:
    """The enrolment of `into_id` after the merge; `target` unchanged when `source` adds nothing, so a merge can repeat.

    `target` None: `into_id` was never enrolled in the batch. `superseded`: ids of certificates of `source` that do not
    go over, since the target has one of their name.

    Source: contract jobs §7.2, without its losses: completions, certificates and scores of the source go over, too.
    """
    if target is None:
        return replace(source, user_id=into_id)
    completed = [at for at in (source.completed_at, target.completed_at) if at is not None]
    states = join_all(STATES.decode(target.states), STATES.decode(source.states))
    # By their ids alone. Of two with one name that another service issued both stay: nobody here knows which is valid.
    left_out = {entry.get("identifier") for entry in target.certificates} | set(superseded)
    return replace(
        target,
        active=target.active or source.active,
        enrolled_at=min(source.enrolled_at, target.enrolled_at),
        status=max(source.status, target.status),
        completed_at=min(completed, default=None),
        states=dump_states(states),
        certificates=[
            *target.certificates,
            *(entry for entry in source.certificates if entry.get("identifier") not in left_out),
        ],
    )


def certificate_ids(enrolments: Iterable[EnrolmentRow]) -> list[str]:
    """The ids of all certificates that these enrolments list."""
    return [str(entry.get("identifier")) for enrolment in enrolments for entry in enrolment.certificates]
