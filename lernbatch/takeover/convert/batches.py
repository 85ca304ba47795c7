"""Rows of `course_batch` to batches: days by zone, which of two rows of one id stays, templates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from lernbatch.batch import rules
from lernbatch.batch.model import OPEN
from lernbatch.sunbird_source.model import SourceRow
from lernbatch.takeover.convert.model import (
    Converted,
    ConvertedBatch,
    ConvertOptions,
    Fate,
    HeldRow,
    MoveProblem,
)
from lernbatch.takeover.convert.values import (
    LONGEST_KEY,
    cleaned,
    date_ms,
    day_of_text,
    integer,
    is_absent,
    mapping,
    moment,
    parsed,
    text,
    texts,
)

PARSED_FIELDS = ("criteria", "issuer", "signatoryList", "notifyTemplate", "additionalProps")
DATES = (("start_date", "startdate"), ("end_date", "enddate"), ("enrollment_enddate", "enrollmentenddate"))
MIDNIGHT, END_OF_DAY = time(), time(23, 59, 59, 999000)


@dataclass(slots=True)
class _Candidate:
    """A row that can become a batch, before it is known whether another one has its id."""

    row: SourceRow
    batch: ConvertedBatch
    problems: list[MoveProblem]


def duplicated(rows: Iterable[SourceRow], options: ConvertOptions) -> set[str]:
    """The batch ids of more than one course: of these the learners must be counted."""
    courses: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if (key := _key(row, options)) is not None:
            courses[key[1]].add(key[0])
    return {batch_id for batch_id, wanting in courses.items() if len(wanting) > 1}


def convert_batches(
    rows: Sequence[SourceRow], options: ConvertOptions, learners: Mapping[tuple[str, str], int]
) -> Converted:
    """All rows of `course_batch`. `learners`: (course, batch) → active enrolments, for ids that are there twice."""
    converted = Converted()
    candidates: dict[str, list[_Candidate]] = defaultdict(list)
    for row in rows:
        key, values = _key(row, options), row.values
        people = [text(values.get("createdby")) or "", *texts(values.get("createdfor")), *texts(values.get("mentors"))]
        # No index of ours can hold a longer id of what it is about, or of who may change it.
        if key is None or len("".join(key)) > LONGEST_KEY or any(len(user_id) > LONGEST_KEY for user_id in people):
            reason = "it has no course or batch" if key is None else f"an id has more than {LONGEST_KEY} characters"
            said = {"place": row.place, "reason": reason}
            _hold(converted, row, MoveProblem("row-unreadable", (row.table,), said))
            continue
        candidate = _candidate(row, *key, options, converted)
        if candidate is None:
            _hold(converted, row, MoveProblem("batch-without-start", (key[1],)))
        else:
            candidates[key[1]].append(candidate)
    for batch_id, rivals in candidates.items():
        rivals.sort(
            key=lambda rival: (
                learners.get((rival.batch.course_id, batch_id), 0), rival.batch.created_at, rival.batch.course_id
            ),
            reverse=True,
        )  # fmt: skip
        converted.batches.append(rivals[0].batch)
        converted.problems += rivals[0].problems
        converted.fates["course_batch", Fate.TAKEN] += 1
        for other in rivals[1:]:
            if other.batch.course_id == rivals[0].batch.course_id:  # the same row of another source (M11)
                converted.fates["course_batch", Fate.JOINED] += 1
                continue
            _hold(converted, other.row, MoveProblem("batch-id-twice", (batch_id, other.batch.course_id)))
    return converted


def _key(row: SourceRow, options: ConvertOptions) -> tuple[str, str] | None:
    course_id, batch_id = text(row.values.get("courseid")), text(row.values.get("batchid"))
    if not course_id or not batch_id:
        return None
    return cleaned(course_id)[0], cleaned(options.batch_id(course_id, batch_id))[0]


def _hold(converted: Converted, row: SourceRow, problem: MoveProblem) -> None:
    converted.problems.append(problem)
    converted.held.append(HeldRow(problem.kind, row.table, problem.key, row.values))
    converted.fates["course_batch", Fate.HELD] += 1


def _candidate(
    row: SourceRow, course_id: str, batch_id: str, options: ConvertOptions, converted: Converted
) -> _Candidate | None:
    """The batch of a row; None where no column says when it starts."""
    values, had_nul = cleaned(row.values)
    key = (batch_id,)
    days: list[date | None] = []
    kinds: list[str] = []
    for place, (stamp, said) in enumerate(DATES):
        day, kind = _day(values.get(stamp), options, is_last=place > 0, converted=converted)
        if day is None and not is_absent(values.get(said)) and (day := day_of_text(values.get(said))) is not None:
            kind = "batch-date-from-text"
        days.append(day)
        kinds += [kind] if kind else []
    start, end, enrolment_end = days
    if start is None:
        return None
    problems = [MoveProblem(kind, key) for kind in dict.fromkeys(kinds)]
    if end is not None and end < start:
        problems.append(MoveProblem("batch-dates-reversed", key, {"start": start.isoformat(), "end": end.isoformat()}))
        end = start
    missing = sorted(column for column in ("name", "enrollmenttype") if text(values.get(column)) is None)
    if missing:
        problems.append(MoveProblem("batch-field-missing", key, {"fields": missing}))
    status, stored = rules.status_on(options.today, start, end), integer(values.get("status"))
    if stored is not None and stored != status:
        problems.append(MoveProblem("batch-status-stale", key, {"stored": stored, "reckoned": int(status)}))
    templates = _templates(values.get("cert_templates"), batch_id, problems)
    if had_nul or cleaned(templates)[1]:
        problems.append(MoveProblem("text-nul", key))
    created = _first_date(values, "created_date", "createddate", "updated_date", "updateddate")
    batch = ConvertedBatch(
        batch_id=batch_id,
        course_id=course_id,
        name=text(values.get("name")) or "",
        description=text(values.get("description")),
        enrolment_type=text(values.get("enrollmenttype")) or OPEN,
        created_by=text(values.get("createdby")),
        created_for=texts(values.get("createdfor")),
        mentors=list(dict.fromkeys(texts(values.get("mentors")))),
        start_date=start,
        end_date=end,
        enrolment_end_date=enrolment_end,
        status=status,
        templates=cleaned(templates)[0],
        created_at=created or datetime.combine(start, MIDNIGHT, options.zone).astimezone(UTC),
        updated_at=_first_date(values, "updated_date", "updateddate"),
    )
    return _Candidate(row, batch, problems)


def _first_date(values: Mapping[str, Any], *columns: str) -> datetime | None:
    times = (date_ms(values.get(column)) for column in columns)
    return next((moment(at) for at in times if at is not None), None)


def _day(value: Any, options: ConvertOptions, *, is_last: bool, converted: Converted) -> tuple[date | None, str | None]:
    """The day that a timestamp stands for: by the zone, or by UTC where it is an edge of a day only there."""
    at = date_ms(value)
    if at is None:
        return None, None
    universal = moment(at)
    edge = END_OF_DAY if is_last else MIDNIGHT
    local = universal.astimezone(options.zone)
    if local.timetz().replace(tzinfo=None) == edge:
        converted.zones["zone"] += 1
        return local.date(), None
    if universal.time() == edge:
        converted.zones["utc"] += 1
        return universal.date(), "batch-day-by-zone"
    converted.zones["neither"] += 1
    return local.date(), None


def _templates(value: Any, batch_id: str, problems: list[MoveProblem]) -> dict[str, dict[str, Any]]:
    """Template id → its members; those that are JSON in a text become what they say."""
    templates: dict[str, dict[str, Any]] = {}
    for template_id, members in mapping(value).items():
        template: dict[str, Any] = {}
        for name, member in mapping(members).items():
            if member is None:
                continue
            template[name] = member
            if name in PARSED_FIELDS and isinstance(member, str):
                try:
                    template[name] = parsed(member)
                except ValueError:
                    problems.append(MoveProblem("template-unreadable", (batch_id, template_id), {"field": name}))
        templates[template_id] = template
    return templates


def unknown_courses(batches: Iterable[ConvertedBatch], unknown: set[str]) -> list[MoveProblem]:
    """The problems of batches whose course the content service does not know."""
    return [
        MoveProblem("batch-course-unknown", (batch.batch_id,), {"course_id": batch.course_id})
        for batch in batches
        if batch.course_id in unknown
    ]
