"""The JSON of accounts: the platform's events, as they stand on its topics (contract jobs §7.2, §7.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta

from lernbatch.errors import NotAnObject, WrongType
from lernbatch.web.envelope import decode
from lernbatch.web.fields import mandatory
from lernbatch.web.schema import Done, Fields, UserId


class AccountMerge(Fields):
    """One account's learning goes over to another."""

    from_account_id: UserId
    to_account_id: UserId


class AccountMergeEvent(Fields):
    """The event of the topic lms.user.account.merge."""

    edata: AccountMerge


class MergedAccount(Done, kw_only=True):
    """What a merge did."""

    batches: Annotated[int, Meta(description="That went over.")]


class AccountDeletion(Fields):
    """An account was deleted. `erase` is an addition."""

    user_id: UserId
    erase: Annotated[bool, Meta(description="What stays names the person no more.")] = False


class AccountDeletionEvent(Fields):
    """The event of the topic delete.user."""

    edata: AccountDeletion


def read_event(body: bytes) -> Mapping[str, Any]:
    """The `edata` of an event, or of the `request` that carries it. Raises: NotAnObject."""
    event = decode(body)
    if isinstance(event, dict) and isinstance(event.get("request"), dict):
        event = event["request"]
    edata = event.get("edata", event) if isinstance(event, dict) else None
    if not isinstance(edata, dict):
        raise NotAnObject
    return edata


def read_merge(edata: Mapping[str, Any]) -> AccountMerge:
    """{"edata": {"action": "merge-user-courses-and-cert", "fromAccountId": "u-1", "toAccountId": "u-2"}}

    Raises: Missing, WrongType; the account that is given up is checked first.
    """
    return AccountMerge(mandatory(edata, "fromAccountId"), mandatory(edata, "toAccountId"))


def read_deletion(edata: Mapping[str, Any]) -> AccountDeletion:
    """{"edata": {"action": "delete-user", "userId": "u-1", "erase": true}}. Raises: WrongType, Missing."""
    erase = edata.get("erase", False)
    if not isinstance(erase, bool):
        raise WrongType("erase", "Boolean")
    return AccountDeletion(mandatory(edata, "userId"), erase)
