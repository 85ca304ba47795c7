"""The JSON of the calls beside create, update, read and search: participants, preview, transfer, sync."""

from __future__ import annotations

from typing import Any

from lernbatch.batch.model import ListingsRequest, Participants, ParticipantsQuery, Preview, Situation, Transfer
from lernbatch.batch.rules import InvalidRequest
from lernbatch.batch.wire_document import show_date
from lernbatch.batch.wire_fields import mandatory, texts, whole
from lernbatch.errors import Malformed, Refused
from lernbatch.web.fields import text

_SYNC_TYPES = ("user", "organisation", "batch", "user_course")


class UnnamedType(Refused):
    """A sync that does not say of what (Y1); the placeholders are the contract's."""

    code = "DATA_TYPE_ERROR"
    message = "Data type of {0} should be {1}."


class InvalidObjectType(Refused):
    """A sync of something else than batches and enrolments (Y2, Y4)."""

    code = "INVALID_OBJECT_TYPE"
    message = "Invalid Object Type."


def read_if_match(header: str | None) -> frozenset[int] | None:
    """The revisions that an `If-Match` header names; None when any will do."""
    if header is None or header.strip() == "*":
        return None
    tags = (tag.strip().removeprefix("W/").strip('"') for tag in header.split(","))
    return frozenset(int(tag) for tag in tags if tag.isascii() and tag.isdigit() and len(tag) < 19)


def read_participants(request: dict[str, Any], most: int) -> ParticipantsQuery:
    """{"batch": {"batchId": "0140…", "active": true, "limit": 100, "offset": 0}}

    Complains in the order of contract batches §3.5. `limit` and `offset` are ours; at most `most` ids are given.
    """
    batch = request.get("batch")
    if batch is None or batch == {}:
        raise InvalidRequest
    if not isinstance(batch, dict):
        raise Malformed
    batch_id, active = mandatory(batch, "batchId"), batch.get("active", True)
    if not isinstance(active, bool):
        raise Malformed
    limit, offset = whole(batch, "limit", most), whole(batch, "offset", 0)
    return ParticipantsQuery(batch_id, active, min(limit, most), offset)


def show_participants(found: Participants) -> dict[str, Any]:
    """{"batch": {"count": 2, "participants": ["u1", "u2"]}}"""
    return {"batch": {"count": found.count, "participants": found.user_ids}}


def read_transfer(request: dict[str, Any], organisation_ids: list[str] | None, caller_id: str | None) -> Transfer:
    """{"fromUserId": "u1", "toUserId": "u2"}"""
    return Transfer(
        from_user_id=mandatory(request, "fromUserId"),
        to_user_id=mandatory(request, "toUserId"),
        organisation_ids=organisation_ids,
        asked_by=caller_id or "internal",
    )


def show_transferred(count: int) -> dict[str, Any]:
    """{"response": "SUCCESS", "count": 3}"""
    return {"response": "SUCCESS", "count": count}


def read_sync(request: dict[str, Any]) -> ListingsRequest | None:
    """{"operationFor": "…", "objectType": "batch", "objectIds": ["do_1", {"courseid": "do_2", "batchid": "0140…"}]}

    None: nothing is to be done, for enrolments are read where they are kept. Complains as contract batches §3.7, Y1 to
    Y4. Texts are course ids; of objects the columns courseid and batchid count.
    """
    operation, kind = text(request, "operationFor"), text(request, "objectType")
    if operation is not None and operation != "keycloak":
        if kind is None:
            raise UnnamedType
        if kind not in _SYNC_TYPES:
            raise InvalidObjectType
    if kind is None:
        raise Malformed
    if kind not in ("batch", "user_course"):
        raise InvalidObjectType
    ids = request.get("objectIds")
    if ids is not None and not isinstance(ids, list):
        raise Malformed
    return _read_objects(ids or []) if kind == "batch" else None


def _read_objects(ids: list[Any]) -> ListingsRequest:
    objects = [entry for entry in ids if isinstance(entry, dict)]
    courses = [entry for entry in ids if isinstance(entry, str)]
    courses += [entry["courseid"] for entry in objects if "batchid" not in entry and "courseid" in entry]
    batches = [entry["batchid"] for entry in objects if "batchid" in entry]
    return ListingsRequest(everything=not ids, course_ids=texts(courses), batch_ids=texts(batches))


def show_preview(preview: Preview) -> dict[str, Any]:
    """{"response": {"before": {"status": 1, …}, "after": {…}, "learners": {"active": 3, …}, "affected": …}}"""
    return {
        "response": {
            "batchId": preview.batch_id,
            "before": _show_situation(preview.before),
            "after": _show_situation(preview.after),
            "learners": {"active": preview.active, "unfinished": preview.unfinished},
            "affected": {
                "count": preview.affected,
                "effects": preview.effects,
                "userIds": preview.user_ids,
            },
        }
    }


def _show_situation(situation: Situation) -> dict[str, Any]:
    return {
        "status": situation.status,
        "enrollmentOpen": situation.enrolment_is_open,
        "effectiveEnrollmentEndDate": show_date(situation.last_enrolment_day),
        "mayLeave": situation.may_leave,
        "placesLeft": situation.places_left,
    }
