"""What all pages of one batch share: the batch itself, its head and its tabs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from lernbatch.batch import actions as batches
from lernbatch.batch import rules as batch_rules
from lernbatch.batch.model import INVITE_ONLY, Batch, BatchStatus
from lernbatch.console import rendering
from lernbatch.console.visit import Visit
from lernbatch.errors import Forbidden, NotFound
from lernbatch.wording.words import N_, Words

STATES = {
    BatchStatus.UPCOMING: ("info", N_("Upcoming")),
    BatchStatus.ONGOING: ("good", N_("Running")),
    BatchStatus.ENDED: ("", N_("Ended")),
}


class NotYourBatch(Forbidden):
    """A batch that somebody else manages."""


@dataclass(frozen=True, slots=True)
class BatchDay:
    """A batch on the day it is in its own zone. `joins_until`: the last day of enrolment, None: there is none."""

    batch: Batch
    today: date
    zone: ZoneInfo
    joins_until: date | None

    @property
    def status(self) -> BatchStatus:
        return batch_rules.status_on(self.today, self.batch.start_date, self.batch.end_date)


async def managed(visit: Visit) -> BatchDay:
    """The batch that the path names, which the reader manages. Raises: NotFound; NotYourBatch."""
    batch = await batches.find(visit.services.pool, visit.parameters["batch_id"])
    if batch is None:
        raise NotFound
    if not batch_rules.may_manage(visit.caller, batch, visit.services.config):
        raise NotYourBatch
    return on_its_day(visit, batch)


def on_its_day(visit: Visit, batch: Batch) -> BatchDay:
    clock, config = visit.services.clock, visit.services.config
    zone = ZoneInfo(batch.time_zone) if batch.time_zone else clock.zone
    closes_days_before = config.enrolment_closes_days_before_end
    joins_until = batch_rules.enrolment_end(batch.end_date, batch.enrolment_end_date, closes_days_before)
    return BatchDay(batch, batch_rules.day_in(batch.time_zone, clock.now(), clock.zone), zone, joins_until)


def frame(visit: Visit, day: BatchDay) -> dict[str, Any]:
    """What `templates/batch.html` needs beside the page's own context."""
    kind, state = STATES[day.status]
    return {
        "batch": day.batch,
        "batch_address": f"/console/batches/{day.batch.batch_id}",
        "batch_kind": kind,
        "batch_state": visit.words._(state),
        "batch_sentence": sentence(day, visit.words),
        "tabs": rendering.tabs(visit),
    }


def sentence(day: BatchDay, words: Words) -> str:
    """Where a batch is between its dates: `day 51 of 92 · until the end of Wednesday 30 September in India (…)`"""
    batch, status, place = day.batch, day.status, words.zone_text(day.zone)
    parts: list[str] = []
    if status is BatchStatus.UPCOMING:
        parts.append(words._("begins on %(day)s", day=words.day_text(batch.start_date)))
    elif status is BatchStatus.ONGOING and batch.end_date is not None:
        number, total = (day.today - batch.start_date).days + 1, (batch.end_date - batch.start_date).days + 1
        parts.append(words._("day %(day)s of %(days)s", day=words.number(number), days=words.number(total)))
    if batch.end_date is None:
        parts.append(words._("no end"))
    elif status is BatchStatus.ENDED:
        parts.append(words._("ended on %(day)s", day=words.day_text(batch.end_date)))
    else:
        last = words.day_text(batch.end_date)
        parts.append(words._("until the end of %(day)s in %(place)s", day=last, place=place))
    if status is not BatchStatus.ENDED:
        parts.append(joining(day, words))
    return " · ".join(parts)


def joining(day: BatchDay, words: Words) -> str:
    """Who may join, and until when."""
    if day.batch.enrolment_type.lower() == INVITE_ONLY:
        return words._("joining by invitation")
    starts = day.batch.enrolment_start_date
    if starts is not None and day.today < starts:
        return words._("joining from %(day)s", day=words.day_text(starts))
    if day.joins_until is None:
        return words._("joining at any time")
    if day.today > day.joins_until:
        return words._("joining ended on %(day)s", day=words.day_text(day.joins_until))
    return words._("joining until %(day)s", day=words.day_text(day.joins_until))
