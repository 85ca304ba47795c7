"""The JSON of a group's progress (contract enrolment §4.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from lernbatch.errors import Refused
from lernbatch.progress import rules
from lernbatch.progress.model import GroupQuery, Metric
from lernbatch.web.fields import blank, text
from lernbatch.web.schema import Fields, Milliseconds, UserId

if TYPE_CHECKING:
    from lernbatch.sunbird.groups import GroupMember


class GroupActivityRequest(Fields):
    """What a group has done in a course."""

    group_id: Annotated[str, Meta(description="A group that the caller is in.", examples=["g-1"])]
    activity_id: Annotated[str, Meta(description="A course, or a unit of one.", examples=["do_31412345678901234561"])]
    activity_type: Annotated[str, Meta(description="Echoed.", examples=["Course"])]


class ShownMetric(Fields):
    """One figure of a learner or of a group."""

    metric: Annotated[str, Meta(examples=["completedCount"])]
    value: float
    last_updated_on: Milliseconds


class EnrolmentCount(Fields):
    """How many members are enrolled."""

    metric: str
    last_updated_on: Milliseconds
    value: int


class GroupActivity(Fields):
    """The course or unit, and the group's figures."""

    id: str
    type: str
    agg: list[EnrolmentCount]


class MemberProgress(Fields, kw_only=True):
    """A member with any progress."""

    user_id: UserId
    name: str | UnsetType = UNSET
    role: str | UnsetType = UNSET
    status: str | UnsetType = UNSET
    created_by: str | UnsetType = UNSET
    agg: list[ShownMetric]


class GroupProgress(Fields):
    """What a group has done."""

    group_id: str
    activity: GroupActivity
    members: list[MemberProgress]


def read_group_query(request: Mapping[str, Any]) -> GroupQuery:
    """{"groupId": "g-1", "activityId": "do_1", "activityType": "Course"}. Complains as E56 to E58."""
    values = []
    missing: Sequence[tuple[str, type[Refused]]] = (
        ("groupId", rules.GroupIdMissing),
        ("activityId", rules.ActivityIdMissing),
        ("activityType", rules.ActivityTypeMissing),
    )
    for key, refusal in missing:
        value = text(request, key)
        if value is None or blank(value):
            raise refusal
        values.append(value)
    return GroupQuery(*values)


def show_group(
    query: GroupQuery, members: Sequence[GroupMember], figures: Sequence[tuple[str, Sequence[Metric]]], now: datetime
) -> GroupProgress:
    """The members with any progress, each with the figures; those without are left out."""
    by_id = {member.user_id: member for member in members}
    latest = max((metric.updated_at for _, metrics in figures for metric in metrics), default=now)
    count = EnrolmentCount("enrolmentCount", _milliseconds(latest), len({user_id for user_id, _ in figures}))
    return GroupProgress(
        query.group_id,
        GroupActivity(query.activity_id, query.activity_type, [count]),
        [
            MemberProgress(
                user_id=member.user_id,
                name=UNSET if member.name is None else member.name,
                role=UNSET if member.role is None else member.role,
                status=UNSET if member.status is None else member.status,
                created_by=UNSET if member.created_by is None else member.created_by,
                agg=[ShownMetric(metric.name, metric.value, _milliseconds(metric.updated_at)) for metric in metrics],
            )
            for member, metrics in ((by_id[user_id], metrics) for user_id, metrics in figures)
        ],
    )


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
