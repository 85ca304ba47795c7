"""The rules of figures: where a learner stands, how far he came, who needs help first."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta, tzinfo
from typing import Any, Protocol

import msgspec

from lernbatch.batch.model import Batch
from lernbatch.course.model import Course
from lernbatch.enrolment.model import Progress
from lernbatch.errors import Refused
from lernbatch.figures.model import (
    BatchFigures,
    CertificatePath,
    CountedEnrolment,
    LearnerFigures,
    LearnersFilter,
    Measure,
    MeasuredUnit,
    Reached,
    Sentence,
    Standing,
)
from lernbatch.progress.model import COMPLETED, SCORES, STATES
from lernbatch.progress.rules import missing
from lernbatch.template import criteria
from lernbatch.template.model import AssessmentCriterion, BestScore, CriteriaOutcome, LearnerFacts, Mode, Template

PICTURE_COLUMNS, PICTURE_ROWS = 160, 16  # of a batch: equal parts of its learners, and its first units
MOST_UNITS = 200  # of a course, that are counted
GRACE = timedelta(days=7)  # after the beginning nobody is behind
SLIPPING_AFTER, STOPPED_AFTER = timedelta(days=7), timedelta(days=14)  # without being seen
NEEDS_NOTHING = 6
MOST_ATTEMPTS = 32_767  # that are counted of one content
# Who needs help first. One who cannot help himself any more comes last: only a new attempt helps.
NEED: Mapping[Standing, int] = {
    Standing.ONE_STEP: 1,
    Standing.SLIPPING: 2,
    Standing.BEHIND: 3,
    Standing.STOPPED: 3,
    Standing.NEVER_STARTED: 4,
    Standing.NO_ATTEMPT_LEFT: 5,
}


class Stood(Protocol):
    """What a sentence is made of: a learner's row of the table, or of the list of whom to help."""

    @property
    def standing(self) -> int: ...
    @property
    def percentage(self) -> int: ...
    @property
    def unit(self) -> int: ...
    @property
    def best(self) -> int | None: ...
    @property
    def step(self) -> str | None: ...
    @property
    def enrolled_at(self) -> datetime: ...
    @property
    def seen_at(self) -> datetime | None: ...


class NothingToLookFor(Refused):
    """An addition: a name is looked for by at least two letters of a word."""

    code = "INVALID_REQUEST"
    message = "Give at least two letters of a word of the name, or the whole id."


class TooManyFigures(Refused):
    """An addition: the figures of so many batches are not counted at once."""

    code = "DATA_SIZE_EXCEEDED"
    message = "The figures of at most 50 batches can be read at once."


def measure(batch: Batch, course: Course, templates: Sequence[Template], zone: tzinfo) -> Measure:
    """What the learners of `batch` are measured by. `zone`: the batch's."""
    units = [unit for unit in course.units if unit.depth == 1]
    rules = [batch.batch_id, course.version, batch.start_date, batch.end_date, str(zone), batch.templates]
    return Measure(
        batch_id=batch.batch_id,
        course=course,
        units=tuple(
            MeasuredUnit(unit, course.required_ids.intersection(unit.leaf_node_ids)) for unit in units[:MOST_UNITS]
        ),
        templates=tuple(templates),
        assessments={leaf.content_id: leaf for leaf in course.assessments},
        begins_at=datetime.combine(batch.start_date, time(), zone),
        ends_at=None if batch.end_date is None else datetime.combine(batch.end_date, time.max, zone),
        zone=zone,
        digest=zlib.crc32(msgspec.json.encode(rules)) - 2**31,
    )


def counted(enrolment: CountedEnrolment, measure: Measure, now: datetime) -> LearnerFigures:
    """The figures of one learner at `now`."""
    states = STATES.decode(enrolment.states)
    scores = {
        content_id: BestScore(score.best, score.max_score, score.attempts)
        for content_id, score in SCORES.decode(enrolment.scores).items()
    }
    done = {content_id for content_id, state in states.items() if state.status == COMPLETED}
    units = [
        100 * len(unit.required_ids & done) // len(unit.required_ids) if unit.required_ids else 100
        for unit in measure.units
    ]
    lacking = missing(measure.course, states)
    paths = [path_to(template, enrolment, lacking, scores, measure) for template in measure.templates]
    seen_at = None
    if enrolment.last_access_at is not None:  # but not after this service was told of it (a phone's clock)
        seen_at = min(enrolment.last_access_at, enrolment.updated_at)
    standing, until = standing_of(enrolment, paths, seen_at, measure, now)
    counting = [scores[content_id] for content_id in measure.assessments if content_id in scores]
    best = max(counting, key=lambda score: score.percent, default=None)
    return LearnerFigures(
        user_id=enrolment.user_id,
        batch_id=enrolment.batch_id,
        revision=enrolment.revision,
        active=enrolment.active,
        certificates=enrolment.certificates,
        measure=measure.digest,
        standing=standing,
        standing_until=until,
        need=NEED.get(standing, NEEDS_NOTHING),
        reached=reached(enrolment, paths),
        percentage=enrolment.percentage,
        unit=next((number for number, percent in enumerate(units, 1) if percent < 100), 0),
        units=units,
        best=None if best is None else round(best.percent),
        attempts=0 if best is None else min(best.attempts, MOST_ATTEMPTS),
        step=step_of(standing, paths, measure),
        enrolled_at=enrolment.enrolled_at,
        seen_at=seen_at,
        completed_at=enrolment.completed_at,
        added_how=enrolment.added_how,
    )


def standing_of(
    enrolment: CountedEnrolment,
    paths: Sequence[CertificatePath],
    seen_at: datetime | None,
    measure: Measure,
    now: datetime,
) -> tuple[Standing, datetime | None]:
    """Where a learner stands at `now`, and until when, if nobody does anything; None: for good.

    `paths`: to each certificate of the batch; `seen_at`: when the learner was last seen.
    """
    if not enrolment.active:
        return Standing.LEFT, None
    if enrolment.certificates:
        return Standing.CERTIFIED, None
    if paths and all(path.is_closed for path in paths):
        return Standing.NO_ATTEMPT_LEFT, None
    if any(len(path.steps) == 1 and not path.is_closed for path in paths):
        return Standing.ONE_STEP, None
    if enrolment.status == Progress.COMPLETED:
        return Standing.COMPLETED, None
    if enrolment.status == Progress.NOT_STARTED and not enrolment.percentage:
        return Standing.NEVER_STARTED, None
    seen_at = seen_at or enrolment.enrolled_at
    slipping_at, stopped_at = seen_at + SLIPPING_AFTER, seen_at + STOPPED_AFTER
    if now >= stopped_at:
        return Standing.STOPPED, None
    if now >= slipping_at:
        return Standing.SLIPPING, stopped_at
    late_at = behind_from(max(enrolment.enrolled_at, measure.begins_at), measure.ends_at, enrolment.percentage)
    if late_at is None or now < late_at:
        return Standing.ON_PACE, slipping_at if late_at is None else min(late_at, slipping_at)
    return Standing.BEHIND, slipping_at


def step_of(standing: Standing, paths: Sequence[CertificatePath], measure: Measure) -> str | None:
    """The content that one who is a step short must still do, or the assessment that closes the path; else None."""
    if standing is Standing.ONE_STEP:
        return next(min(path.steps) for path in paths if len(path.steps) == 1 and not path.is_closed)
    if standing is Standing.NO_ATTEMPT_LEFT:
        return next((step for path in paths for step in sorted(path.steps) if step in measure.assessments), None)
    return None


def behind_from(began_at: datetime, ends_at: datetime | None, percentage: int) -> datetime | None:
    """From when on a learner who stays at `percentage` will not finish in time at the own pace; None: never.

    The pace is the mean since `began_at`. In the first days, GRACE, nobody is behind.
    """
    if ends_at is None:
        return None
    return max(began_at + GRACE, began_at + (ends_at - began_at) * percentage / 100)


def path_to(
    template: Template,
    enrolment: CountedEnrolment,
    lacking: Sequence[str],
    scores: Mapping[str, BestScore],
    measure: Measure,
) -> CertificatePath:
    """What lies between a learner and a certificate. `lacking`: required contents that are not completed.

    Who the learner is, which only the user service knows, is taken to be as asked.
    """
    required = template.criteria
    learner = LearnerFacts(
        user_id=enrolment.user_id,
        active=True,
        status=enrolment.status,
        completed_at=enrolment.completed_at,
        updated_at=enrolment.updated_at,
        scores=scores,
        issued={},
        attributes=required.user,
    )
    parts = criteria.evaluate(template, learner, list(measure.assessments)).parts
    unmet = [part for part in parts if part.outcome is not CriteriaOutcome.MET]
    short = frozenset(
        content_id
        for criterion in required.assessments
        for content_id in short_of(criterion, scores, measure)
        if any(part.rule.startswith("assessment") for part in unmet)
    )
    completes = required.enrolment_status == Progress.COMPLETED
    return CertificatePath(
        steps=short.union(lacking) if completes else short,
        is_passed=all(part.rule == "enrolment" for part in unmet),
        is_closed=any(part.rule == "attempts" for part in unmet)
        or any(not has_attempts_left(content_id, scores, measure) for content_id in short),
    )


def short_of(criterion: AssessmentCriterion, scores: Mapping[str, BestScore], measure: Measure) -> list[str]:
    """The assessments whose score must still rise; of those of which one suffices, the likeliest."""
    short = [
        content_id
        for content_id, bound in criterion.contents.items()
        if content_id not in scores or not criteria.holds(bound, scores[content_id].percent)
    ]
    bound = criterion.score
    if bound is None or not measure.assessments:
        return short
    percents = {
        content_id: scores[content_id].percent if content_id in scores else 0.0 for content_id in measure.assessments
    }
    below = [
        content_id
        for content_id, percent in percents.items()
        if content_id not in scores or not criteria.holds(bound, percent)
    ]
    if criterion.mode is Mode.ALL:
        return short + below
    if criterion.mode is Mode.AVERAGE:
        enough = criteria.holds(bound, sum(percents.values()) / len(percents))
    else:
        enough = len(below) < len(percents)
    if enough:
        return short
    likeliest = max(
        percents, key=lambda content_id: (has_attempts_left(content_id, scores, measure), percents[content_id])
    )
    return [*short, likeliest]


def has_attempts_left(content_id: str, scores: Mapping[str, BestScore], measure: Measure) -> bool:
    """Whether the course lets a learner try this assessment again."""
    leaf, score = measure.assessments.get(content_id), scores.get(content_id)
    return leaf is None or leaf.max_attempts is None or score is None or score.attempts < leaf.max_attempts


def reached(enrolment: CountedEnrolment, paths: Sequence[CertificatePath]) -> Reached:
    """How far a learner came. Without certificates who completes has passed."""
    if enrolment.status != Progress.COMPLETED:
        if enrolment.percentage >= 50:
            return Reached.HALF
        started = enrolment.status == Progress.STARTED or enrolment.percentage > 0
        return Reached.STARTED if started else Reached.ENROLLED
    if enrolment.certificates:
        return Reached.CERTIFIED
    return Reached.PASSED if not paths or any(path.is_passed for path in paths) else Reached.COMPLETED


def ranks_of(column: int, columns: int, learners: int) -> tuple[int, int]:
    """The first and the last place, from 1, of those in a column of the picture, from 0."""
    return -(-column * learners // columns) + 1, -(-(column + 1) * learners // columns)


def total_of(filters: LearnersFilter, figures: BatchFigures) -> int | None:
    """How many learners a filter leaves, where the counts of the batch say it; None: they do not."""
    if not figures.standings:
        return None
    if filters == LearnersFilter():
        return figures.enrolled
    if filters.standings is not None and filters == LearnersFilter(standings=filters.standings):
        return sum(figures.standings[standing] for standing in set(filters.standings))
    if filters.reached is not None and filters == LearnersFilter(
        reached=filters.reached, not_reached=filters.not_reached
    ):
        beyond = 0 if filters.not_reached is None else figures.reached[filters.not_reached]
        return max(figures.reached[filters.reached] - beyond, 0)
    return None


def sentence(learner: Stood, measure: Measure, now: datetime) -> Sentence:
    """What is said of where a learner stands; names of contents and units are those of the course."""
    standing = Standing(learner.standing)
    key = standing.name.lower().replace("_", "-")
    if standing is Standing.NEVER_STARTED:
        return Sentence(key, {"days": (now - learner.enrolled_at).days})
    if standing in (Standing.SLIPPING, Standing.STOPPED):
        unit = measure.units[learner.unit - 1].unit.name if 0 < learner.unit <= len(measure.units) else None
        seen_at = learner.seen_at or learner.enrolled_at
        return Sentence(key, {"days": (now - seen_at).days, "unit": learner.unit or None, "unitName": unit})
    if standing in (Standing.BEHIND, Standing.ON_PACE):
        return Sentence(key, {"percentage": learner.percentage})
    if standing in (Standing.ONE_STEP, Standing.NO_ATTEMPT_LEFT):
        leaf = measure.course.leaf_node_by_id.get(learner.step or "")
        values: dict[str, Any] = {"contentId": learner.step, "name": leaf.name if leaf else None}
        if learner.step is not None and learner.step in measure.assessments and learner.best is not None:
            values |= {"percent": learner.best, "wanted": wanted_of(learner.step, measure)}
            return Sentence(f"{key}-score", values)
        return Sentence(key, values)
    return Sentence(key, {})


def wanted_of(content_id: str, measure: Measure) -> str | None:
    """The score that certificates ask for in an assessment, as `>= 70`; None: none."""
    for template in measure.templates:
        for criterion in template.criteria.assessments:
            bound = criterion.contents.get(content_id) or criterion.score
            if bound is not None:
                return str(bound)
    return None
