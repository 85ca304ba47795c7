"""What can be done about learners who need help: list them, note that somebody spoke to them, undo that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from lernbatch.batch.model import Batch
from lernbatch.batch.rules import may_manage
from lernbatch.database import db, sql
from lernbatch.database.db import Connection
from lernbatch.enrolment.actions import eligibilities
from lernbatch.enrolment.rules import NotEnrolled
from lernbatch.errors import Unauthorized
from lernbatch.figures import actions as figures
from lernbatch.figures import rules as figure_rules
from lernbatch.mentoring import rules
from lernbatch.mentoring.model import (
    Contact,
    HelpEntry,
    HelpList,
    HistoryEntry,
    NeedyLearner,
    NewContact,
    ShownContact,
    StatesOfLearner,
)
from lernbatch.progress.model import STATES
from lernbatch.sealing import seal_of
from lernbatch.services import Services
from lernbatch.web import audit
from lernbatch.web.audit import By
from lernbatch.web.caller import Caller

Q = sql.load("lernbatch.mentoring")
LATELY = timedelta(days=14)
MOST_LATELY = 50  # contacts that are listed
MOST_HAPPENED = 200


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who is in the batch, or was."""

    user_id: str


@dataclass(frozen=True, slots=True)
class OpenContact:
    """A contact that may be undone."""

    contacted_at: datetime


async def help_first(
    services: Services, managed: Sequence[Batch], *, added_by: str | None = None, contacted_by: str | None = None
) -> HelpList:
    """Whom to help first in these batches, which the caller manages, and what came of the last contacts.

    `added_by`: only of learners whom this person brought in; `contacted_by`: only contacts by this person.
    """
    measures = await figures.bring_up_to_date(services, managed)
    now = services.clock.now()
    parameters = {
        "batch_ids": list(measures),
        "added_by": added_by,
        "rested_before": now - rules.REST,
        "most": rules.MOST_TODAY,
    }

    async def read(conn: Connection) -> list[NeedyLearner]:
        await db.run(conn, figures.Q.plan_by_values)
        needy = await db.all(conn, NeedyLearner, Q.needy, **parameters)
        if len(needy) < rules.MOST_TODAY:
            needy += await db.all(conn, NeedyLearner, Q.never_began, **parameters, large_school=rules.LARGE_SCHOOL)
        return needy

    first = rules.helped_first(await services.reports.read(read))
    rows = await db.all(
        services.pool, StatesOfLearner, Q.states_of, **db.columns(first, user_ids="user_id", batch_ids="batch_id")
    )
    states = {(row.user_id, row.batch_id): STATES.decode(row.states) for row in rows}
    today = [
        HelpEntry(
            learner,
            rules.is_school(learner),
            figure_rules.sentence(learner, measures[learner.batch_id], now),
            rules.active_days(
                states.get((learner.user_id, learner.batch_id), {}),
                now.astimezone(measures[learner.batch_id].zone).date(),
                measures[learner.batch_id].zone,
            ),
        )
        for learner in first
    ]
    lately = await db.all(
        services.pool,
        Contact,
        Q.lately,
        batch_ids=[batch.batch_id for batch in managed],
        since=now - LATELY,
        contacted_by=contacted_by,
        limit=MOST_LATELY,
    )
    return HelpList(today, _shown(services, lately))


async def contacts_of(services: Services, caller: Caller, batch_id: str, user_id: str) -> list[ShownContact]:
    """The newest contacts of one learner of a batch, with what came of them. Raises: InvalidBatch, Unauthorized."""
    await figures.managed_batch(services, caller, batch_id)
    rows = await db.all(
        services.pool, Contact, Q.contacts_of_learner, user_id=user_id, batch_id=batch_id, limit=MOST_LATELY
    )
    return _shown(services, rows)


def _shown(services: Services, contacts: Sequence[Contact]) -> list[ShownContact]:
    seal, now = seal_of(services.config), services.clock.now()
    return [
        ShownContact(
            contact,
            seal.open(contact.sealed, contact.contact_id).decode() if contact.sealed else "",
            rules.outcome(contact.contacted_at, contact.completed_at, STATES.decode(contact.states), now),
        )
        for contact in contacts
    ]


async def history(services: Services, caller: Caller, batch_id: str, user_id: str) -> list[HistoryEntry]:
    """What happened to a learner in a batch, the newest MOST_HAPPENED; contacts for who manages the batch alone.

    Raises: NotEnrolled; Unauthorized, when it is neither the caller's own nor of a batch they manage.
    """
    eligibility = (await eligibilities(services.pool, [(user_id, batch_id)])).get((user_id, batch_id))
    if eligibility is None or eligibility.active is None:
        raise NotEnrolled
    manages = may_manage(caller, eligibility, services.config)
    if not (manages or caller.speaks_for(user_id)):
        raise Unauthorized
    return await db.all(
        services.pool,
        HistoryEntry,
        Q.history,
        user_id=user_id,
        batch_id=batch_id,
        manages=manages,
        limit=MOST_HAPPENED,
    )


@dataclass(frozen=True, slots=True)
class Noted:
    """User id → contact id, and the moment that those of one go have in common."""

    contact_ids: dict[str, str]
    noted_at: datetime


async def contact(services: Services, caller: Caller, new: NewContact, by: By) -> Noted:
    """Note that learners of a batch were spoken to, in one transaction with the audit's line.

    Raises: InvalidBatch, Unauthorized; NotEnrolled, when one of them was never in the batch: then nothing is noted.
    """
    await figures.managed_batch(services, caller, new.batch_id)
    user_ids, now, seal = list(dict.fromkeys(new.user_ids)), services.clock.now(), seal_of(services.config)
    contact_ids = [str(uuid4()) for _ in user_ids]
    note = new.note.encode()
    async with services.pool.acquire() as conn, conn.transaction():
        members = await db.all(conn, Member, Q.members_of, batch_id=new.batch_id, user_ids=user_ids)
        if len(members) < len(user_ids):
            raise NotEnrolled
        await db.run(
            conn,
            Q.save_contacts,
            batch_id=new.batch_id,
            user_ids=user_ids,
            contact_ids=contact_ids,
            sealed=[seal.close(note, contact_id) if note else None for contact_id in contact_ids],
            how=new.how,
            leave_alone=new.leave_alone,
            contacted_by=caller.user_id or "",
            now=now,
        )
        await audit.write(conn, now, by, "learner.contact", whom=user_ids, about=new.batch_id)
    return Noted(dict(zip(user_ids, contact_ids, strict=True)), now)


async def undo(services: Services, caller: Caller, batch_id: str, user_id: str, contact_id: str, by: By) -> None:
    """Take a contact back, with the audit's line. Raises: InvalidBatch, Unauthorized, UnknownContact, TooLateToUndo."""
    await figures.managed_batch(services, caller, batch_id)
    key, now = {"user_id": user_id, "batch_id": batch_id, "contact_id": contact_id}, services.clock.now()
    async with services.pool.acquire() as conn, conn.transaction():
        contact = await db.one(conn, OpenContact, Q.contact_to_undo, **key)
        if contact is None:
            raise rules.UnknownContact
        rules.check_undo(contact.contacted_at, now)
        await db.run(conn, Q.undo_contact, **key, now=now)
        await audit.write(conn, now, by, "learner.contact-undone", whom=[user_id], about=batch_id)


async def undo_together(services: Services, caller: Caller, batch_id: str, contacted_at: datetime, by: By) -> int:
    """Take back all contacts that the caller noted at that moment in a batch, with the audit's line; how many.

    Raises: InvalidBatch, Unauthorized, UnknownContact, TooLateToUndo.
    """
    await figures.managed_batch(services, caller, batch_id)
    now = services.clock.now()
    rules.check_undo(contacted_at, now)
    async with services.pool.acquire() as conn, conn.transaction():
        members = await db.all(
            conn,
            Member,
            Q.undo_contacts,
            batch_id=batch_id,
            contacted_by=caller.user_id,
            contacted_at=contacted_at,
            now=now,
        )
        if not members:
            raise rules.UnknownContact
        user_ids = [member.user_id for member in members]
        await audit.write(conn, now, by, "learner.contact-undone", whom=user_ids, about=batch_id)
    return len(members)


async def contacted_together(services: Services, caller: Caller, batch_id: str, contacted_at: datetime) -> int:
    """How many learners of a batch the caller noted at that moment, and has not taken back."""
    count: int = await db.value(
        services.pool, Q.count_contacts, batch_id=batch_id, contacted_by=caller.user_id, contacted_at=contacted_at
    )
    return count
