"""The user info exhaust (contract jobs §5.7): only who consents is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple

from lernbatch.archive.model import Row
from lernbatch.course.model import Course
from lernbatch.person.model import Personal
from lernbatch.report import cells
from lernbatch.report import columns as columns_of
from lernbatch.report.model import Report, ReportBatch

PERSONAL_COLUMNS = frozenset({"externalId"})  # that a request may add
_ACCOUNT_STATUS = {0: "Inactive user", 1: "Active user", 2: "Deleted user"}


class UserInfoRow(NamedTuple):
    """A row of queries.sql, user_info_rows."""

    user_id: str
    sealed: bytes | None
    status: int | None
    org_name: str | None
    state: str | None
    district: str | None
    block: str | None
    cluster: str | None
    school_id: str | None
    school_name: str | None
    user_type: str | None
    user_sub_type: str | None
    consented_on: date | None
    consent_id: str


def user_info(
    course: Course,
    batch: ReportBatch,
    unseal: Callable[[str, bytes | None], Personal],
    *,
    with_status: bool,
    with_external_id: bool = False,
) -> Report:
    """The user info exhaust: only who consents is in its rows. `with_status`: the column that 7.0 added."""
    head = (course.course_id, course.name, f"BatchId_{batch.batch_id}", batch.name)
    columns = [name for name in columns_of.USER_INFO if with_status or name != "Status"]
    columns += ["External Id"] if with_external_id else []

    def expand(record: Sequence[Any]) -> Iterable[Row]:
        learner = UserInfoRow._make(record)
        person = unseal(learner.user_id, learner.sealed)
        status = (_ACCOUNT_STATUS.get(-1 if learner.status is None else learner.status, "Invalid user"),)
        return (
            (
                *head,
                learner.user_id,
                person.name,
                learner.user_type or "",
                learner.user_sub_type or "",
                learner.state or "",
                learner.district or "",
                learner.block or "",
                learner.cluster or "",
                learner.school_id or "",
                learner.school_name or "",
                *(status if with_status else ()),
                learner.org_name or "",
                person.email,
                person.phone,
                "true",
                cells.day(learner.consented_on),
                *((person.external_id,) if with_external_id else ()),
            ),
        )

    return Report(tuple(columns), expand)


def basis() -> Report:
    """On what each row of a user info exhaust rests: for the manifest, not for the report."""

    def expand(record: Sequence[Any]) -> Iterable[Row]:
        learner = UserInfoRow._make(record)
        return ((learner.user_id, learner.consent_id, cells.day(learner.consented_on)),)

    return Report(("User UUID", "Consent Id", "Consent Date"), expand)
