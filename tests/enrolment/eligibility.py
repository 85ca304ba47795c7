"""A learner who may enrol: what tables of rules begin with."""

from __future__ import annotations

from datetime import date

from lernbatch.enrolment.model import Eligibility

OPEN = Eligibility(
    user_id="asha",
    batch_id="b",
    course_id="do_1",
    name="June",
    enrolment_type="open",
    start_date=date(2026, 6, 1),
    end_date=None,
    enrolment_start_date=None,
    enrolment_end_date=None,
    time_zone=None,
    capacity=None,
    leave_policy=None,
    created_by="vikram",
    created_for=["org"],
    mentors=[],
    active=None,
    status=None,
)
