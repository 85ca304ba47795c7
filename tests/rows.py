"""What a test begins with, put into the database where no call leads there: rows from before, the end of long times."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.people import Person
from tests.running import Running
from tests.seeds import COURSE


def templates_of(service: Running, batch_id: str, templates: dict[str, Any]) -> None:
    """The batch awards these, by template id, whatever the calls for templates check."""
    service.sql("UPDATE batch SET templates = $2 WHERE batch_id = $1", batch_id, templates)


def status_of(service: Running, batch_id: str, status: int) -> None:
    """The status that is stored, as if the days had moved it."""
    service.sql("UPDATE batch SET status = $2 WHERE batch_id = $1", batch_id, status)


def mentors_of(service: Running, batch_id: str, *user_ids: str) -> None:
    """The batch's mentors, also people who are nobody's mentors to the user service."""
    service.sql("UPDATE batch SET mentors = $2 WHERE batch_id = $1", batch_id, list(user_ids))


def long_texts(service: Running, *batch_ids: str) -> None:
    """Batches from before names and organisations had a bound: a name of 4 million letters, 100,000 organisations."""
    service.sql(
        """UPDATE batch
              SET name = repeat('x', 4000000),
                  created_for = CASE WHEN batch_id = $2 THEN array_fill('x'::text, ARRAY[100000]) ELSE created_for END
            WHERE batch_id = ANY($1)""",
        list(batch_ids),
        batch_ids[0],
    )


def many_batches(service: Running, count: int, name: str) -> None:
    """So many running batches of the course, all older than what is made from now on."""
    service.sql(
        """INSERT INTO batch (batch_id, course_id, name, enrolment_type, start_date, status, created_at)
           SELECT '00' || n, $1, $2, 'open', $3, 1, now() FROM generate_series(1, $4::integer) AS n""",
        COURSE,
        name,
        service.clock.today(),
        count,
    )


def batch(service: Running, batch_id: str, course_id: str, status: int) -> None:
    """A batch since yesterday of a course that need not exist."""
    service.sql(
        """INSERT INTO batch (batch_id, course_id, name, enrolment_type, start_date, status, created_at)
           VALUES ($1, $2, 'A batch', 'open', $3, $4, $5)""",
        batch_id,
        course_id,
        service.clock.today(),
        status,
        service.clock.now() - timedelta(days=1),
    )


def no_batches(service: Running) -> None:
    """Nothing is left of batches, nor of what was to be sent."""
    service.sql("DELETE FROM batch")
    no_events(service)


def no_events(service: Running) -> None:
    """Nothing is left to be sent."""
    service.sql("DELETE FROM outbox")


def enrolled(service: Running, batch_id: str, *people: Person, active: bool = True) -> None:
    """`people` are in the batch, or have left it, as enrolling leaves them."""
    service.sql(
        "INSERT INTO enrolment (user_id, batch_id, course_id, active, enrolled_at, updated_at)"
        " SELECT user_id, $2, $3, $4, $5, $5 FROM unnest($1::text[]) AS user_id",
        [person.user_id for person in people],
        batch_id,
        COURSE,
        active,
        service.clock.now(),
    )


def completed(service: Running, batch_id: str, person: Person) -> None:
    """A learner of the batch has completed it."""
    service.sql("UPDATE enrolment SET status = 2 WHERE batch_id = $1 AND user_id = $2", batch_id, person.user_id)


def snapshots_fetched(service: Running, later: timedelta, **columns: str) -> None:
    """Another process has fetched all courses, so much later, with this `status`."""
    status = columns.get("status")
    service.sql("UPDATE course SET fetched_at = fetched_at + $1, status = coalesce($2, status)", later, status)
