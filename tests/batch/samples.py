"""A batch to try rules on."""

from __future__ import annotations

from datetime import UTC, date, datetime

from lernbatch.batch.model import Batch, BatchStatus
from tests.people import HOME_ORG, MEERA, VIKRAM
from tests.seeds import COURSE

JUNE = Batch(
    batch_id="01400123456789012345",
    course_id=COURSE,
    course_version=None,
    name="June cohort",
    description=None,
    enrolment_type="open",
    created_by=VIKRAM.user_id,
    created_for=[HOME_ORG],
    mentors=[MEERA.user_id],
    start_date=date(2026, 6, 1),
    end_date=date(2026, 6, 30),
    enrolment_start_date=None,
    enrolment_end_date=None,
    time_zone=None,
    capacity=None,
    leave_policy=None,
    status=BatchStatus.UPCOMING,
    templates={},
    created_at=datetime(2026, 5, 1, 6, 30, tzinfo=UTC),
    updated_at=None,
    revision=1,
)
