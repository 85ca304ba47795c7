"""The shapes of the platform's events that are heard beside those of accounts (contract jobs §2.9, §7.2 to §7.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lernbatch.account.wire import read_deletion, read_merge
from lernbatch.batch.model import Transfer
from lernbatch.inbox.model import DELETION, MERGE, PUBLICATION, TRANSFER
from lernbatch.web.fields import mandatory, text

PUBLISHING_ACTIONS = ("post-publish-process", "relation-cache-update")
COLLECTION = "application/vnd.ekstep.content-collection"


def read_transfer(edata: Mapping[str, Any]) -> Transfer:
    """{"organisationId": "o-1", "fromUserProfile": {"userId": "u-1"}, "toUserProfile": {"userId": "u-2"}}

    Or with fromUserId and toUserId, as platforms before 7.0 write it. The successor must be of the organisation that is
    named; batches of all organisations go over. Raises: Missing, Malformed.
    """
    organisation_id = text(edata, "organisationId")
    return Transfer(
        from_user_id=_user_id(edata, "from"),
        to_user_id=_user_id(edata, "to"),
        organisation_ids=None,
        asked_by="event",
        successor_organisation_ids=[organisation_id] if organisation_id else None,
    )


def read_publication(edata: Mapping[str, Any]) -> str | None:
    """{"action": "post-publish-process", "mimeType": "application/vnd.ekstep.content-collection", "identifier": "do_1"}

    The course that was published; None: something else, which is no collection or another step. Raises: Missing.
    """
    mime_type = text(edata, "mimeType") or ""
    if text(edata, "action") not in PUBLISHING_ACTIONS or mime_type.lower() != COLLECTION:
        return None
    return mandatory(edata, "identifier")


def read_subject(kind: str, edata: Mapping[str, Any]) -> str:
    """Whom or what an event is about. Raises: as its shape is read."""
    if kind == MERGE:
        return read_merge(edata).to_account_id
    if kind == DELETION:
        return read_deletion(edata).user_id
    if kind == TRANSFER:
        return read_transfer(edata).from_user_id
    assert kind == PUBLICATION
    return read_publication(edata) or ""


def _user_id(edata: Mapping[str, Any], which: str) -> str:
    profile = edata.get(f"{which}UserProfile")
    return mandatory(profile, "userId") if isinstance(profile, dict) else mandatory(edata, f"{which}UserId")
