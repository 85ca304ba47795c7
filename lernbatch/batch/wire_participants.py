"""The JSON of the calls beside create, update, read and search: participants, preview, transfer, sync."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from lernbatch.batch.model import Effect, ListingsRequest, Participants, ParticipantsQuery, Preview, Transfer
from lernbatch.batch.rules import InvalidRequest
from lernbatch.batch.wire_document import StatusNumber, show_date
from lernbatch.batch.wire_fields import texts, whole
from lernbatch.errors import Malformed, Refused
from lernbatch.web.fields import mandatory, text
from lernbatch.web.schema import BatchId, Day, Done, Fields, UserId

_SYNC_TYPES = ("user", "organisation", "batch", "user_course")


class UnnamedType(Refused):
    """A sync that does not say of what (Y1); the placeholders are the contract's."""

    code = "DATA_TYPE_ERROR"
    message = "Data type of {0} should be {1}."


class InvalidObjectType(Refused):
    """A sync of something else than batches and enrolments (Y2, Y4)."""

    code = "INVALID_OBJECT_TYPE"
    message = "Invalid Object Type."


class ParticipantsOfBatch(Fields):
    """Which learners of a batch."""

    batch_id: BatchId
    active: Annotated[bool, Meta(description="False: those who left.")] = True
    limit: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    offset: Annotated[int, Meta(ge=0)] = 0


class ParticipantsRequest(Fields):
    """The ids of a batch's learners are asked for."""

    batch: ParticipantsOfBatch


class ParticipantIds(Fields):
    """How many learners there are, and the ids of one page of them, in order."""

    count: int
    participants: list[UserId]


class ParticipantsAnswer(Fields):
    """The ids of a batch's learners."""

    batch: ParticipantIds


class OwnershipTransfer(Fields):
    """All batches of one person go over to another."""

    from_user_id: UserId
    to_user_id: UserId


class TransferredBatches(Done, kw_only=True):
    """The answer of an ownership transfer."""

    count: Annotated[int, Meta(description="Batches that changed hands.")]


class ListingSync(Fields, kw_only=True):
    """What others show of batches is to be brought up to date."""

    operation_for: str | UnsetType | None = UNSET
    object_type: Annotated[Literal["batch", "user_course"], Meta(examples=["batch"])]
    object_ids: (
        Annotated[
            list[Annotated[str, Meta(examples=["do_31412345678901234561"])]],
            Meta(description="Course ids; none: all courses."),
        ]
        | UnsetType
    ) = UNSET


class ShownSituation(Fields):
    """What a learner may do in a batch today."""

    status: StatusNumber
    enrollment_open: Annotated[bool, Meta(description="Somebody could enrol today.")]
    effective_enrollment_end_date: Day | None
    may_leave: Annotated[bool, Meta(description="Learners may leave today.")]
    places_left: Annotated[int | None, Meta(description="Null: no bound; negative: more learners than places.")]


class LearnersInBatch(Fields):
    """How many learners are active, and how many of them have not completed the batch."""

    active: int
    unfinished: int


class AffectedLearners(Fields):
    """The learners who notice a change, and what becomes different for them."""

    count: int
    effects: list[Effect]
    user_ids: Annotated[list[UserId], Meta(description="The first thousand of them.")]


class BatchPreview(Fields):
    """A batch before and after a change, and the learners it affects."""

    batch_id: BatchId
    before: ShownSituation
    after: ShownSituation
    learners: LearnersInBatch
    affected: AffectedLearners


class PreviewAnswer(Fields):
    """What a change would do."""

    response: BatchPreview


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


def show_participants(participants: Participants) -> ParticipantsAnswer:
    """{"batch": {"count": 2, "participants": ["u1", "u2"]}}"""
    return ParticipantsAnswer(ParticipantIds(participants.count, participants.user_ids))


def read_transfer(request: dict[str, Any], organisation_ids: list[str] | None, caller_id: str | None) -> Transfer:
    """{"fromUserId": "u1", "toUserId": "u2"}"""
    return Transfer(
        from_user_id=mandatory(request, "fromUserId"),
        to_user_id=mandatory(request, "toUserId"),
        organisation_ids=organisation_ids,
        asked_by=caller_id or "internal",
    )


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
    if kind != "batch":
        return None
    ids = ids or []
    objects = [entry for entry in ids if isinstance(entry, dict)]
    courses = [entry for entry in ids if isinstance(entry, str)]
    courses += [entry["courseid"] for entry in objects if "batchid" not in entry and "courseid" in entry]
    batches = [entry["batchid"] for entry in objects if "batchid" in entry]
    return ListingsRequest(everything=not ids, course_ids=texts(courses), batch_ids=texts(batches))


def show_preview(preview: Preview) -> PreviewAnswer:
    """{"response": {"before": {"status": 1, …}, "after": {…}, "learners": {"active": 3, …}, "affected": …}}"""
    before, after = (
        ShownSituation(
            status=situation.status,
            enrollment_open=situation.enrolment_is_open,
            effective_enrollment_end_date=show_date(situation.last_enrolment_day),
            may_leave=situation.may_leave,
            places_left=situation.seats_left,
        )
        for situation in (preview.before, preview.after)
    )
    return PreviewAnswer(
        BatchPreview(
            batch_id=preview.batch_id,
            before=before,
            after=after,
            learners=LearnersInBatch(preview.active, preview.unfinished),
            affected=AffectedLearners(preview.affected, list(preview.effects), preview.user_ids),
        )
    )
