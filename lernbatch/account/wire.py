"""The JSON of accounts: the platform's events, as they stand on its topics (contract jobs §7.2, §7.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lernbatch.account.model import Merge
from lernbatch.errors import Malformed, WrongType
from lernbatch.web.envelope import decode
from lernbatch.web.fields import mandatory


def read_event(body: bytes) -> Mapping[str, Any]:
    """The `edata` of an event, or of the `request` that carries it."""
    event = decode(body)
    if isinstance(event, dict) and isinstance(event.get("request"), dict):
        event = event["request"]
    edata = event.get("edata", event) if isinstance(event, dict) else None
    if not isinstance(edata, dict):
        raise Malformed
    return edata


def read_merge(edata: Mapping[str, Any]) -> Merge:
    """{"edata": {"action": "merge-user-courses-and-cert", "fromAccountId": "u-1", "toAccountId": "u-2"}}"""
    return Merge(mandatory(edata, "fromAccountId"), mandatory(edata, "toAccountId"))


def read_deleted(edata: Mapping[str, Any]) -> str:
    """{"edata": {"action": "delete-user", "userId": "u-1"}}"""
    return mandatory(edata, "userId")


def read_erase(edata: Mapping[str, Any]) -> bool:
    """{"edata": {"action": "delete-user", "userId": "u-1", "erase": true}}, an addition. Raises: WrongType."""
    erase = edata.get("erase", False)
    if not isinstance(erase, bool):
        raise WrongType("erase", "Boolean")
    return erase
