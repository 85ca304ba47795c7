"""The JSON of figures. All of these calls are additions."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lernbatch.batch.rules import InvalidRequest
from lernbatch.errors import Missing
from lernbatch.figures import rules
from lernbatch.figures.model import (
    CertificateGroup,
    CountedBatch,
    LearnerRow,
    LearnersFilter,
    LearnersPage,
    LearnersQuery,
    Position,
    Reached,
    Sort,
    Standing,
)
from lernbatch.person.names import is_searchable
from lernbatch.web.fields import blank
from lernbatch.web.schema import BatchId, Day, Fields, UserId

MOST_ROWS = 50  # of a page
MOST_NAMED = 500  # learners of a filter
LONGEST_NAME = 200
STANDINGS = {standing.name.lower().replace("_", "-"): standing for standing in Standing}
STANDING_NAMES: dict[int, Any] = {number: name for name, number in STANDINGS.items()}
LEVELS = {level.name.lower(): level for level in Reached}
StandingName = Literal[
    "left",
    "never-started",
    "on-pace",
    "behind",
    "slipping",
    "stopped",
    "one-step",
    "no-attempt-left",
    "completed",
    "certified",
]
LevelName = Literal["enrolled", "started", "half", "completed", "passed", "certified"]
Number = Annotated[int, Meta(ge=1, le=rules.MOST_UNITS, description="From 1.")]
Rank = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Asked = TypeVar("Asked", bound=Fields)


class FiguresRequest(Fields):
    """Whose figures: of at most 50 batches."""

    batch_ids: list[BatchId]


class ShownUnit(Fields):
    """How many learners finished one unit of the first level."""

    unit_id: str
    name: str
    finished: int


class ShownDay(Fields):
    """What happened on one day."""

    date: Day
    enrolled: int
    completed: int
    certified: int


class ShownFigures(Fields):
    """The counts of a batch. `countedAt` null: it is being counted for the first time; ask again in a minute."""

    batch_id: BatchId
    counted_at: datetime | None
    enrolled: int
    active: Annotated[int, Meta(description="Seen within seven days.")]
    certified: int
    reached: Annotated[dict[str, int], Meta(description="How many came so far: each counts those beyond it, too.")]
    standings: Annotated[dict[str, int], Meta(description="How many stand so: each learner is counted once.")]
    units: list[ShownUnit]
    days: Annotated[list[ShownDay], Meta(description="The newest 400 on which anything happened.")]
    picture: Annotated[
        list[list[int]],
        Meta(description="Of up to 160 equal parts of the learners, who came farthest first, percent of each unit."),
    ]


class FiguresAnswer(Fields):
    """The figures of one batch."""

    response: ShownFigures


class FiguresListAnswer(Fields):
    """The figures of several batches, in the order of the request."""

    response: list[ShownFigures]


class ShownCertificateGroup(Fields):
    """So many of those who completed a batch."""

    state: Annotated[
        str,
        Meta(
            examples=["issued"],
            description="issued, being-issued, held (tried again), failed (given up), revoked, suspended, not-earned.",
        ),
    ]
    reason: Annotated[str | None, Meta(description="Why it is held or failed.")]
    learners: int
    since: Annotated[datetime | None, Meta(description="Of being-issued: when the oldest was, or is, due.")]


class CertificateGroupsAnswer(Fields):
    """What became of those who completed a batch; the groups add up to them."""

    response: list[ShownCertificateGroup]


class AskedFilters(Fields):
    """Which learners: all that is given must hold."""

    standings: list[StandingName] | UnsetType = UNSET
    unit: Annotated[Number | UnsetType, Meta(description="Where those who stopped did.")] = UNSET
    reached: LevelName | UnsetType = UNSET
    not_reached: LevelName | UnsetType = UNSET
    certified: bool | UnsetType = UNSET
    finished_unit: Number | UnsetType = UNSET
    unfinished_unit: Number | UnsetType = UNSET
    seen_from: datetime | UnsetType = UNSET
    seen_before: datetime | UnsetType = UNSET
    added_how: Literal["self", "hand", "file"] | UnsetType = UNSET
    added_by: UserId | UnsetType = UNSET
    state: str | UnsetType = UNSET
    district: str | UnsetType = UNSET
    block: str | UnsetType = UNSET
    school_id: str | UnsetType = UNSET
    organisation_id: str | UnsetType = UNSET
    user_ids: Annotated[list[UserId], Meta(max_length=MOST_NAMED)] | UnsetType = UNSET
    name: Annotated[
        str | UnsetType, Meta(description="The beginnings of words of the name, of two letters and more; or the id.")
    ] = UNSET
    from_rank: Annotated[Rank | UnsetType, Meta(description="Of those who came farthest; with toRank.")] = UNSET
    to_rank: Rank | UnsetType = UNSET


class LearnersRequest(Fields):
    """A page of the learners of a batch."""

    batch_id: BatchId
    filters: AskedFilters | UnsetType = UNSET
    sort_by: Annotated[Sort, Meta(description="need: who needs help first.", examples=["need"])] = "need"
    descending: bool = False
    limit: Annotated[int, Meta(ge=1, le=MOST_ROWS)] = MOST_ROWS
    cursor: Annotated[str, Meta(description="`nextCursor` of the page before.", examples=[""])] = ""


class ShownSentence(Fields):
    """Which sentence says it, and what stands in it."""

    key: Annotated[str, Meta(examples=["one-step-score"])]
    values: dict[str, Any]


class ShownLearner(Fields):
    """One learner of a batch. `units`: percent of each unit; `bestScore`: percent of the best score that counts."""

    user_id: UserId
    standing: StandingName
    because: ShownSentence
    reached: LevelName
    completion_percentage: Annotated[int, Meta(ge=0, le=100)]
    units: list[int]
    best_score: int | None
    attempts: int
    enrolled_date: datetime
    last_access_time: datetime | None
    completed_on: datetime | None
    added_how: str


class LearnersOfBatch(Fields):
    """A page of learners. `count`: of all pages."""

    count: int
    counted_at: datetime | None
    learners: list[ShownLearner]
    next_cursor: Annotated[str, Meta(description="Absent on the last page.")] | UnsetType = UNSET
    names_known: Annotated[
        bool | UnsetType,
        Meta(description="Of a search by name; false: some names are still being fetched, look again in a minute."),
    ] = UNSET


class LearnersAnswer(Fields):
    """A page of the learners of a batch."""

    response: LearnersOfBatch


def read(request: Mapping[str, Any], shape: type[Asked]) -> Asked:
    """`request` as the structure that it must have. Raises: InvalidRequest, which names what is wrong."""
    try:
        return msgspec.convert(request, shape)
    except msgspec.ValidationError as wrong:
        raise InvalidRequest(str(wrong)) from wrong


def read_batch_ids(request: Mapping[str, Any]) -> list[str]:
    """{"batchIds": ["0140…"]} Raises: Missing, InvalidRequest."""
    if not request.get("batchIds"):
        raise Missing("batchIds")
    return list(dict.fromkeys(read(request, FiguresRequest).batch_ids))


def read_learners(request: Mapping[str, Any]) -> LearnersQuery:
    """{"batchId": "0140…", "filters": {"standings": ["stopped"], "unit": 2}, "sort_by": "seen", "limit": 50}

    Raises: Missing, InvalidRequest; a cursor belongs to the order that it was given in.
    """
    if blank(request.get("batchId")):
        raise Missing("batchId")
    given = read({**request, "sortBy": request.get("sort_by", request.get("sortBy", "need"))}, LearnersRequest)
    return LearnersQuery(
        batch_id=given.batch_id,
        filters=LearnersFilter() if given.filters is UNSET else _filters(given.filters),
        sort=given.sort_by,
        descending=given.descending,
        limit=given.limit,
        after=_read_cursor(given.cursor, given.sort_by, descending=given.descending) if given.cursor else None,
    )


def _filters(filters: AskedFilters) -> LearnersFilter:
    fields: dict[str, Any] = {
        name: value for name in filters.__struct_fields__ if (value := getattr(filters, name)) is not UNSET
    }
    if "standings" in fields:
        fields["standings"] = [STANDINGS[name] for name in fields["standings"]]
    for name in ("reached", "not_reached"):
        if name in fields:
            fields[name] = LEVELS[fields[name]]
    for name in ("seen_from", "seen_before"):
        if name in fields and fields[name].tzinfo is None:
            raise InvalidRequest(f"{name} has no zone.")
    if "name" in fields and not (len(fields["name"]) <= LONGEST_NAME and is_searchable(fields["name"])):
        raise rules.NothingToLookFor
    if ("from_rank" in fields) != ("to_rank" in fields) or fields.get("from_rank", 0) > fields.get("to_rank", 0):
        raise InvalidRequest("fromRank and toRank are given together, the lower one first.")
    return LearnersFilter(**fields)


def _read_cursor(text: str, sort: str, *, descending: bool) -> Position:
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii"))
        named, first, second, user_id = msgspec.json.decode(raw, type=tuple[str, float, float, str])
    except (binascii.Error, ValueError) as wrong:
        raise InvalidRequest from wrong
    if named != _order(sort, descending=descending):
        raise InvalidRequest
    return Position(first, second, user_id)


def show_cursor(position: Position, query: LearnersQuery) -> str:
    """Where the next page begins, as a text of letters, digits, `-`, `_` and `=`."""
    order = _order(query.sort, descending=query.descending)
    values = (order, position.first, position.second, position.user_id)
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode("ascii")


def _order(sort: str, *, descending: bool) -> str:
    return f"{'-' if descending else '+'}{sort}"


def show_figures(batch: CountedBatch) -> ShownFigures:
    """{"batchId": "0140…", "countedAt": "2026-…", "enrolled": 120, "reached": {"started": 97, …}, …}"""
    figures = batch.figures
    return ShownFigures(
        batch_id=figures.batch_id,
        counted_at=figures.counted_at,
        enrolled=figures.enrolled,
        active=figures.active,
        certified=figures.certified,
        reached={name: figures.reached[level] if figures.reached else 0 for name, level in LEVELS.items()},
        standings={name: figures.standings[number] if figures.standings else 0 for name, number in STANDINGS.items()},
        units=[
            ShownUnit(unit.unit_id, unit.name, figures.units[place] if place < len(figures.units) else 0)
            for place, unit in enumerate(batch.units)
        ],
        days=[
            ShownDay(str(day), enrolled, completed, certified) for day, enrolled, completed, certified in figures.days
        ],
        picture=[list(percents) for percents in figures.picture],
    )


def show_certificate_groups(groups: Iterable[CertificateGroup]) -> CertificateGroupsAnswer:
    """{"response": [{"state": "issued", "reason": null, "learners": 380, "since": null}, …]}"""
    return CertificateGroupsAnswer(
        [ShownCertificateGroup(group.state, group.reason, group.learners, group.due_at) for group in groups]
    )


def show_learners(page: LearnersPage, query: LearnersQuery, now: datetime) -> LearnersAnswer:
    """{"response": {"count": 1, "countedAt": "2026-…", "learners": [{"userId": "…", …}]}}"""
    return LearnersAnswer(
        LearnersOfBatch(
            count=page.total,
            counted_at=page.figures.counted_at,
            learners=[_learner(row, page, now) for row in page.rows],
            next_cursor=UNSET if page.next is None else show_cursor(page.next, query),
            names_known=UNSET if query.filters.name is None else page.names_are_known,
        )
    )


def _learner(row: LearnerRow, page: LearnersPage, now: datetime) -> ShownLearner:
    because = rules.sentence(row, page.measure, now)
    levels: dict[int, Any] = {number: name for name, number in LEVELS.items()}
    return ShownLearner(
        user_id=row.user_id,
        standing=STANDING_NAMES[row.standing],
        because=ShownSentence(because.key, dict(because.values)),
        reached=levels[row.reached],
        completion_percentage=row.percentage,
        units=list(row.units),
        best_score=row.best,
        attempts=row.attempts,
        enrolled_date=row.enrolled_at,
        last_access_time=row.seen_at,
        completed_on=row.completed_at,
        added_how=row.added_how,
    )
