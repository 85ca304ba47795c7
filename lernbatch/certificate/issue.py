"""Issuing: judge learners who are due, sign what they earned, write it once.

A set of due rows is claimed, judged and signed outside any transaction; one transaction then takes the claims away and
writes certificates, entries and events together. Whatever happens in between, a claim that was not taken away becomes
due again, and a certificate's id is computed from what it is for: nothing is lost and nothing is issued twice.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from lernbatch import db, log, metrics, sql
from lernbatch.certificate import actions, credential, events, rules, wire
from lernbatch.certificate.credential import Award
from lernbatch.certificate.files import real_url
from lernbatch.certificate.model import Finding, Learner, Outcome, Score, Standing, Template
from lernbatch.certificate.status import LIST_SIZE
from lernbatch.course import actions as courses
from lernbatch.course.model import Course
from lernbatch.errors import Unusable, Upstream
from lernbatch.outbox import actions as outbox
from lernbatch.services import Services
from lernbatch.sunbird.users import ACTIVE, Profile

Q = sql.load("lernbatch.certificate")
LONGEST_PAUSE = timedelta(hours=1)
_BREATHE_EVERY = 25  # learners signed before other tasks of the process get a turn

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Due:
    """A learner who is to be judged in a batch."""

    user_id: str
    batch_id: str
    reason: str
    re_issue: bool
    attempts: int

    @property
    def key(self) -> Key:
        return self.user_id, self.batch_id


@dataclass(frozen=True, slots=True)
class Batch:
    """What judging needs of a batch."""

    batch_id: str
    course_id: str
    course_version: str | None
    templates: Mapping[str, Any]
    created_for: Sequence[str]


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What judging needs of an enrolment."""

    user_id: str
    batch_id: str
    active: bool
    status: int
    completed_at: datetime | None
    updated_at: datetime
    scores: Mapping[str, Any]
    certificates: Sequence[Mapping[str, Any]]

    @property
    def key(self) -> Key:
        return self.user_id, self.batch_id


@dataclass(frozen=True, slots=True)
class Taken:
    """A due row whose claim was still ours."""

    user_id: str
    batch_id: str


@dataclass(frozen=True, slots=True)
class Held:
    """The latest certificate that a learner has of a template."""

    user_id: str
    batch_id: str
    template_id: str
    revision: int
    certificate_id: str
    name: str
    status: str


@dataclass(frozen=True, slots=True)
class Earned:
    """A template that a learner has earned: what its certificate will say."""

    due: Due
    batch: Batch
    template: Template
    revision: int
    course_name: str
    person: Profile
    finding: Finding
    related: Mapping[str, Any]  # what the template wants copied beside the certificate
    earned_at: datetime

    @property
    def certificate_id(self) -> str:
        return rules.certificate_id(self.due.batch_id, self.due.user_id, self.template.template_id, self.revision)


@dataclass(frozen=True, slots=True)
class Made:
    """A certificate, signed and not yet written."""

    earned: Earned
    status_index: int
    credential: Mapping[str, Any]
    expires_at: datetime | None


@dataclass(slots=True)
class Judged:
    """What came of a claimed set: what was earned, and why some learners could not be judged or served."""

    earned: list[Earned] = field(default_factory=list)
    failures: dict[Key, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Known:
    """Everything a set of due rows is judged by."""

    batches: Mapping[str, Batch]
    templates: Mapping[str, Sequence[Template]]  # batch id → what it awards
    courses: Mapping[str, Course | None]
    enrolments: Mapping[Key, Enrolment]
    held: Mapping[Key, Mapping[str, Held]]
    people: Mapping[str, Profile | None]
    failures: Mapping[str, str]  # user or batch id → why it could not be loaded


async def issue_due(services: Services) -> int:
    """Judge one set of due learners; how many. Safe to kill, to repeat, and to run beside its twin."""
    claim = str(uuid4())
    now = services.clock.now()
    due = await db.all(
        services.pool,
        Due,
        Q.claim_due,
        now=now,
        until=now + timedelta(seconds=services.config.lease_seconds),
        limit=services.config.certificate_set_size,
        claim=claim,
    )
    if due:
        judged = await _judge(services, due)
        try:
            made = await _signed(services, judged.earned)
        except Unusable as unusable:  # a key that cannot be read: everybody waits, and explain says for what
            log.warning("certificates cannot be signed", error=str(unusable))
            made, judged = [], Judged(failures={row.key: str(unusable) for row in due})
        await _write(services, claim, due, made, judged.failures)
    return len(due)


async def _judge(services: Services, due: Sequence[Due]) -> Judged:
    known, judged = await load(services, due), Judged()
    for row in due:
        enrolment, batch = known.enrolments.get(row.key), known.batches.get(row.batch_id)
        failure = known.failures.get(row.user_id) or known.failures.get(row.batch_id)
        if failure:
            judged.failures[row.key] = failure
        elif enrolment is not None and batch is not None:
            _judge_one(judged, row, batch, enrolment, known)
    return judged


def findings(row: Due, batch: Batch, enrolment: Enrolment, known: Known) -> Iterator[tuple[Template, Finding]]:
    """Every template of the batch, judged on its own."""
    course = known.courses[batch.batch_id]
    assessments = [leaf.content_id for leaf in course.assessments] if course else []
    learner = learner_of(enrolment, known.people.get(row.user_id), known.held.get(row.key, {}))
    for template in known.templates[batch.batch_id]:
        yield template, rules.judge(template, learner, assessments, again=row.re_issue)


def _judge_one(judged: Judged, row: Due, batch: Batch, enrolment: Enrolment, known: Known) -> None:
    course, person = known.courses[batch.batch_id], known.people.get(row.user_id)
    held = known.held.get(row.key, {})
    for template, finding in findings(row, batch, enrolment, known):
        if finding.outcome is not Outcome.MET or person is None or person.status != ACTIVE:
            continue
        lacking = rules.lacking(template, person.name)
        if lacking:
            judged.failures[row.key] = lacking
            continue
        last = held.get(template.template_id)
        revision = last.revision + 1 if last else 1
        name = course.name if course else batch.course_id
        earned_at = enrolment.completed_at or enrolment.updated_at
        related = rules.related(template, learner_of(enrolment, person, held), _places(person), name)
        judged.earned.append(Earned(row, batch, template, revision, name, person, finding, related, earned_at))


def _places(person: Profile) -> dict[str, str]:
    return {"state": person.state, "district": person.district, "block": person.block, "cluster": person.cluster}


async def _signed(services: Services, earned: Sequence[Earned]) -> list[Made]:
    """The certificates, signed; other tasks of the process get their turn in between. Raises: Unusable."""
    if not earned:
        return []
    indices: list[int] = await db.value(services.pool, Q.status_indices, count=len(earned))
    ring, now, made = actions.ring(services.config), services.clock.now(), []
    for count, (one, index) in enumerate(zip(earned, indices, strict=True), start=1):
        days = one.template.valid_days
        expires_at = None if days is None else one.earned_at + timedelta(days=days)
        award = award_of(services, one, index, expires_at)
        signed = credential.sign(credential.build(award, ring.did), ring, now)
        made.append(Made(one, index, signed, expires_at))
        if count % _BREATHE_EVERY == 0:
            await asyncio.sleep(0)
    return made


async def load(services: Services, due: Sequence[Due]) -> Known:
    """Everything that `due` is judged by, in as many round trips whatever their number."""
    keys = {"user_ids": [row.user_id for row in due], "batch_ids": [row.batch_id for row in due]}
    batch_ids = sorted({row.batch_id for row in due})
    batches = {row.batch_id: row for row in await db.all(services.pool, Batch, Q.batches_of, batch_ids=batch_ids)}
    failures: dict[str, str] = {}
    trees: dict[str, Course | None] = {}
    for batch in batches.values():
        try:
            trees[batch.batch_id] = await courses.course(services, batch.course_id, batch.course_version)
        except Upstream as failed:
            failures[batch.batch_id] = f"The course {batch.course_id} cannot be read: {failed.detail}"
    enrolments = await db.all(services.pool, Enrolment, Q.enrolments_of, **keys)
    held: dict[Key, dict[str, Held]] = defaultdict(dict)
    for row in await db.all(services.pool, Held, Q.newest_of, **keys):
        held[row.user_id, row.batch_id][row.template_id] = row
    templates = {batch_id: wire.read_templates(batch.templates) for batch_id, batch in batches.items()}
    people = await _people(services, sorted({row.user_id for row in enrolments}), failures)
    return Known(batches, templates, trees, {row.key: row for row in enrolments}, held, people, failures)


async def _people(services: Services, user_ids: Sequence[str], failures: dict[str, str]) -> dict[str, Profile | None]:
    """Who the learners are. When not all can be read at once each is asked for alone, so one harms only himself."""
    try:
        return {**dict.fromkeys(user_ids), **await services.sunbird.users.profiles(user_ids)}
    except Upstream as failed:
        log.warning("profiles are read one by one", error=failed.detail)
    people: dict[str, Profile | None] = {}
    for user_id in user_ids:
        try:
            people[user_id] = await services.sunbird.users.profile(user_id)
        except Upstream as failed:
            failures[user_id] = f"The user service did not say who this is: {failed.detail}"
    return people


def learner_of(enrolment: Enrolment, person: Profile | None, held: Mapping[str, Held]) -> Learner:
    """What criteria are judged by."""
    issued = {str(entry.get("name", "")).lower(): str(entry.get("identifier", "")) for entry in enrolment.certificates}
    issued |= {one.name.lower(): one.certificate_id for one in held.values() if one.status in ("active", "suspended")}
    attributes = None
    if person is not None and person.status == ACTIVE:
        attributes = {**person.fields, "rootOrgId": person.root_org_id}
    return Learner(
        user_id=enrolment.user_id,
        active=enrolment.active,
        status=enrolment.status,
        completed_at=enrolment.completed_at,
        updated_at=enrolment.updated_at,
        scores={content_id: Score(*score[:3]) for content_id, score in enrolment.scores.items()},
        issued=issued,
        attributes=attributes,
        revoked=frozenset(template_id for template_id, one in held.items() if one.status == Standing.REVOKED),
    )


def award_of(services: Services, one: Earned, status_index: int, expires_at: datetime | None) -> Award:
    """What the credential of something earned says."""
    base = services.config.public_url.rstrip("/")
    return Award(
        identifier=f"{base}/certs/{one.certificate_id}",
        name=one.template.name,
        issuer_name=one.template.issuer.name,
        issuer_url=one.template.issuer.url,
        recipient_id=one.due.user_id,
        recipient_name=one.person.name,
        course_id=one.batch.course_id,
        course_name=one.course_name,
        batch_id=one.due.batch_id,
        narrative=rules.narrative(one.template),
        earned_at=one.earned_at,
        earned_on=one.earned_at.astimezone(services.clock.zone).date(),
        expires_at=expires_at,
        percent=rules.percent_of(one.finding),
        status_list_url=f"{base}/certs/status",
        status_list=status_index // LIST_SIZE,
        status_index=status_index % LIST_SIZE,
    )


async def _write(
    services: Services, claim: str, due: Sequence[Due], made: Sequence[Made], failures: Mapping[Key, str]
) -> None:
    """One transaction: take the claims away, and write what was made for those that were still ours."""
    now = services.clock.now()
    failed = [row for row in due if row.key in failures]
    done = [row for row in due if row.key not in failures]
    async with services.pool.acquire() as conn, conn.transaction():
        ours = await _take(conn, claim, done)
        ours |= await _postpone(conn, services, claim, failed, failures)
        # A learner with a failure who asked for a new issue gets all of it at the next try, or he would get some twice.
        written = [
            one
            for one in made
            if one.earned.due.key in ours and not (one.earned.due.re_issue and one.earned.due.key in failures)
        ]
        if written:
            await _insert(conn, written, now)
            await _add_entries(conn, services, written, now)
            await outbox.tell(conn, services, [event for one in written for event in events.issued(services, one, now)])
    metrics.BUSINESS.labels("certificate-issued").inc(len(written))
    if failed:
        metrics.BUSINESS.labels("certificate-failed").inc(len(failed))


async def _take(conn: db.Connection, claim: str, rows: Sequence[Due]) -> set[Key]:
    """Of `rows`, those whose claim was still ours; they are done with."""
    taken = await db.all(
        conn,
        Taken,
        Q.take_claimed,
        claim=claim,
        user_ids=[row.user_id for row in rows],
        batch_ids=[row.batch_id for row in rows],
    )
    return {(row.user_id, row.batch_id) for row in taken}


async def _postpone(
    conn: db.Connection, services: Services, claim: str, rows: Sequence[Due], failures: Mapping[Key, str]
) -> set[Key]:
    """Have `rows` tried again later, or parked after too many tries; of them, those whose claim was still ours."""
    now, tries = services.clock.now(), [row.attempts + 1 for row in rows]
    postponed = await db.all(
        conn,
        Taken,
        Q.postpone_claimed,
        claim=claim,
        user_ids=[row.user_id for row in rows],
        batch_ids=[row.batch_id for row in rows],
        attempts=tries,
        errors=[failures[row.key][:500] for row in rows],
        due_at=[now + min(timedelta(seconds=2.0 ** min(count, 20)), LONGEST_PAUSE) for count in tries],
        parked=[count >= services.config.certificate_attempts for count in tries],
    )
    return {(row.user_id, row.batch_id) for row in postponed}


async def _insert(conn: db.Connection, made: Sequence[Made], now: datetime) -> None:
    """The new certificates; only then are those they replace superseded."""
    identity = {
        "user_ids": [one.earned.due.user_id for one in made],
        "batch_ids": [one.earned.due.batch_id for one in made],
        "template_ids": [one.earned.template.template_id for one in made],
        "revisions": [one.earned.revision for one in made],
    }
    await db.run(
        conn,
        Q.insert_certificates,
        **identity,
        certificate_ids=[one.earned.certificate_id for one in made],
        course_ids=[one.earned.batch.course_id for one in made],
        names=[one.earned.template.name for one in made],
        status_indices=[one.status_index for one in made],
        credentials=[one.credential for one in made],
        templates=[wire.show_look(one.earned.template, one.earned.course_name, one.earned.related) for one in made],
        decisions=[wire.show_criteria_met(one.earned.finding) for one in made],
        earned_at=[one.earned.earned_at for one in made],
        expires_at=[one.expires_at for one in made],
        now=now,
    )
    if any(one.earned.revision > 1 for one in made):
        await db.run(conn, Q.supersede, **identity, now=now)


async def _add_entries(conn: db.Connection, services: Services, made: Sequence[Made], now: datetime) -> None:
    await db.run(
        conn,
        Q.add_entries,
        user_ids=[one.earned.due.user_id for one in made],
        batch_ids=[one.earned.due.batch_id for one in made],
        entries=[
            wire.show_entry(
                one.earned.template.name,
                one.earned.certificate_id,
                now,
                real_url(services.config, one.earned.template.url),
            )
            for one in made
        ],
    )
