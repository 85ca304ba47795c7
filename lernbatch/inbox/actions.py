"""What is done with messages: keep what comes, handle what is due, handle again what was given up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from lernbatch import log, metrics
from lernbatch.account import actions as account
from lernbatch.account.wire import read_deletion, read_event, read_merge
from lernbatch.batch import transfer as batch
from lernbatch.course import actions as course
from lernbatch.database import db, sql
from lernbatch.errors import LernbatchError, Upstream
from lernbatch.inbox import rules, wire
from lernbatch.inbox.model import DELETION, MERGE, PUBLICATION, TRANSFER, DueMessage, ParkedMessage, Record
from lernbatch.jobs.pauses import pause_after
from lernbatch.services import Services
from lernbatch.web.audit import By

Q = sql.load("lernbatch.inbox")
HANDLED_AT_ONCE = 100
LONGEST_PAUSE = timedelta(minutes=5)
LISTED_AT_MOST = 1000
FORGOTTEN_AT_ONCE = 1000
# So long a message that comes again is known. Topics are kept for days, so nobody can send it again after that.
HANDLED_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class _Heard:
    """What is kept of a record. `error`: why it cannot be handled; None: it can."""

    record: Record
    subject: str
    value: bytes | None
    error: str | None


async def receive(services: Services) -> int:
    """Keep the next messages of the topics; how many were new. Several processes may: each reads partitions of its own.

    They are ours before their offsets are committed, so a process that dies in between, or loses its partitions,
    leaves them to be read again, and the digest tells that they were kept. Raises: Upstream.
    """
    config = services.config
    if not config.kafka_listening or config.is_muted:
        return 0
    records = await services.consumer.poll()
    if not records:
        return 0
    heard = [heard for record in records if (heard := _read(record, config.kafka_max_event_bytes))]
    try:
        new = await db.run(
            services.pool,
            Q.save_messages,
            now=services.clock.now(),
            digests=[rules.digest(each.record) for each in heard],
            **db.columns(
                heard,
                kinds="record.kind",
                topics="record.topic",
                partitions="record.partition",
                positions="record.position",
                subjects="subject",
                values="value",
                errors="error",
            ),
        )
    except BaseException:
        await services.consumer.close()  # it has gone on in memory, and must come back to them
        raise
    await services.consumer.commit()
    services.wake.now()
    for name, count in (("message-received", new), ("message-repeated", len(heard) - new)):
        metrics.BUSINESS.labels(name).inc(count)
    return len(records)


async def handle_due(services: Services) -> int:
    """Handle one set of due messages in the order they came; how many are done with. One process at a time does this.

    The action has its own transactions and can be done twice. So a message is ended after it, and one whose process
    died in between is handled again, which also completes what follows after a commit (see account.actions.merge).
    """
    if services.config.is_muted:
        return 0
    due = await db.all(services.pool, DueMessage, Q.due_messages, now=services.clock.now(), limit=HANDLED_AT_ONCE)
    waiting: set[str] = set()  # subjects of which one failed: what follows does not overtake it
    for message in due:
        if message.subject in waiting:
            continue
        try:
            await HANDLERS[message.kind](services, read_event(message.value), By(message.topic, None, None))
        except Exception as failure:  # noqa: BLE001 - one that cannot be handled must not stop those behind it
            if not await _postpone(services, message, failure):
                waiting.add(message.subject)
        else:
            await db.run(services.pool, Q.end_message, message_id=message.message_id, now=services.clock.now())
            metrics.BUSINESS.labels("message-handled").inc()
    return sum(message.subject not in waiting for message in due)


async def parked(services: Services) -> Sequence[ParkedMessage]:
    """The messages that were given up, the oldest first, at most LISTED_AT_MOST."""
    return await db.all(services.pool, ParkedMessage, Q.parked_messages, limit=LISTED_AT_MOST)


async def replay(services: Services, kind: str | None = None) -> int:
    """Handle again the messages that were given up, of one kind or of all; how many."""
    return await db.run(services.pool, Q.replay_parked, now=services.clock.now(), kind=kind)


async def forget_old(services: Services) -> int:
    """Forget a bounded set of what was handled, or given up, long ago; how many."""
    now, pool, limit = services.clock.now(), services.pool, FORGOTTEN_AT_ONCE
    rows = await db.run(pool, Q.forget_handled, before=now - HANDLED_FOR, limit=limit)
    before = now - timedelta(days=services.config.parked_event_days)
    return rows + await db.run(pool, Q.forget_parked, before=before, limit=limit)


def _read(record: Record, most_bytes: int) -> _Heard | None:
    """What is kept of a record; None: nothing, for it is about something that is no collection."""
    if len(record.value) > most_bytes:
        return _Heard(
            record, "", None, f"{len(record.value)} bytes are too many to be kept: it stands on its topic alone"
        )
    try:
        subject = wire.read_subject(record.kind, read_event(record.value))
        rules.check_subject(subject)
    except LernbatchError as unreadable:
        return _Heard(record, "", record.value, str(unreadable))
    return _Heard(record, subject, record.value, None) if subject else None


async def _postpone(services: Services, message: DueMessage, failure: Exception) -> bool:
    """Note that a message failed; whether it was given up."""
    attempts = message.attempts + 1
    gave_up = rules.is_parked(failure, attempts)
    error = failure.detail if isinstance(failure, Upstream) else repr(failure)
    if not isinstance(failure, LernbatchError):
        log.exception("a message failed", failure, kind=message.kind)
    log.warning("a message was not handled", kind=message.kind, topic=message.topic, parked=gave_up, attempts=attempts)
    metrics.BUSINESS.labels("message-parked" if gave_up else "message-postponed").inc()
    await db.run(
        services.pool,
        Q.postpone_message,
        message_id=message.message_id,
        attempts=min(attempts, 32_000),
        due_at=services.clock.now() + pause_after(attempts, LONGEST_PAUSE),
        error=error[:500],
        parked=gave_up,
    )
    return gave_up


async def _merge(services: Services, edata: Mapping[str, Any], by: By) -> None:
    merge = read_merge(edata)
    await account.merge(services, merge.from_account_id, merge.to_account_id, by)


async def _delete(services: Services, edata: Mapping[str, Any], by: By) -> None:
    deletion = read_deletion(edata)
    await account.forget(services, deletion.user_id, by, erase=deletion.erase)


async def _transfer(services: Services, edata: Mapping[str, Any], by: By) -> None:
    await batch.transfer(services, wire.read_transfer(edata), by)


async def _refresh(services: Services, edata: Mapping[str, Any], _: By) -> None:
    course_id = wire.read_publication(edata)
    if course_id is not None:
        await course.republished(services, course_id)


HANDLERS: Mapping[str, Callable[[Services, Mapping[str, Any], By], Awaitable[None]]] = {
    MERGE: _merge,
    DELETION: _delete,
    TRANSFER: _transfer,
    PUBLICATION: _refresh,
}
