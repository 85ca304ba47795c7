"""The figures of a batch: contract enrolment §4.1, case by case."""

from __future__ import annotations

from typing import Any

import pytest

from tests.learning import enrol, enrolled, new_batch, refusal, unenrol
from tests.people import ADMIN, ASHA, KAVYA, RAVI, VIKRAM, Person
from tests.running import Running
from tests.seeds import COURSE

PATH = "/v1/collection/summary"


def ask(service: Running, batch_id: str, person: Person | None = None, **more: Any) -> Any:
    request = {"filters": {"collectionId": COURSE, "batchId": batch_id}, **more}
    return service.call("POST", PATH, person, request)


def award(service: Running, user_id: str, batch_id: str, days_ago: int = 0) -> None:
    service.sql(
        """INSERT INTO certificate (user_id, batch_id, template_id, revision, certificate_id, course_id, name,
                                    status_index, credential, template, decision, earned_at, issued_at, changed_at)
           SELECT $1, $2, 't', 1, $1 || $2, $3, 'Completion', 1, '{}', '{}', '{}', at, at, at
             FROM (SELECT now() - $4 * interval '1 day' AS at) moment""",
        user_id,
        batch_id,
        COURSE,
        days_ago,
    )


def test_enrolments_and_awards_are_counted_and_leavers_are_not(service: Running) -> None:
    batch_id = new_batch(service)
    asha, kavya, _ = (enrolled(service, batch_id) for _ in range(3))
    unenrol(service, kavya, batch_id)
    award(service, asha.user_id, batch_id)
    result = ask(service, batch_id).json()["result"]
    assert result.pop("lastUpdatedOn") > 1_700_000_000_000
    assert result == {
        "batchId": batch_id,
        "collectionId": COURSE,
        "metrics": [{"type": "enrolment", "count": 2}, {"type": "certificate-issued", "count": 1}],
    }


def test_without_figures_the_lists_are_null(service: Running) -> None:
    result = ask(service, new_batch(service), groupBy=["dist"]).json()["result"]
    assert (result["metrics"], result["groupBy"]) == (None, None)


def test_groups_are_by_state_and_district_as_asked(service: Running) -> None:
    batch_id = new_batch(service)
    enrol(service, ASHA, batch_id)
    enrol(service, KAVYA, batch_id)
    enrolled(service, batch_id)  # of whom the user service knows nothing
    counted = [{"type": "enrolment", "count": 2}]
    result = ask(service, batch_id, VIKRAM, groupBy=["dist", "state"]).json()["result"]
    assert {"state": "Karnataka", "district": "Tumkur", "values": counted} in result["groupBy"]
    assert {"state": None, "district": None, "values": [{"type": "enrolment", "count": 1}]} in result["groupBy"]
    (first, *_) = ask(service, batch_id, VIKRAM, groupBy=["dist"]).json()["result"]["groupBy"]
    assert set(first) == {"district", "values"}


@pytest.mark.parametrize("granularity", ["ALL", "LAST_7DAYS"])
@pytest.mark.parametrize("group_by", [["dist"], ["state"], ["state", "dist"]])
def test_anonymous_aggregates_merge_groups_under_five(service: Running, group_by: list[str], granularity: str) -> None:
    """By whatever place, for each figure by itself; who manages the batch sees them all."""
    batch_id = new_batch(service)
    for number, district in enumerate(["Pune"] * 5 + ["Nagpur"] * 4 + ["North Goa"]):
        learner = enrolled(service, batch_id)
        place = ("Goa" if district == "North Goa" else "Maharashtra", district)
        service.sql(
            "INSERT INTO sandbox_person (user_id, first_name, state, district) VALUES ($1, 'A', $2, $3)",
            learner.user_id,
            *place,
        )
        if number in (0, 9):  # one in Pune and the one in Goa: fewer than five at either place
            award(service, learner.user_id, batch_id)

    def places(person: Person | None) -> dict[tuple[str | None, str], int]:
        more = {"groupBy": group_by, "granularity": granularity}
        groups = ask(service, batch_id, person, **more).json()["result"]["groupBy"]
        key = {"dist": "district", "state": "state"}[group_by[-1]]
        return {(group[key], value["type"]): value["count"] for group in groups for value in group["values"]}

    came, awarded = "enrolment", "certificate-issued"
    whole: dict[tuple[str | None, str], int]
    told: dict[tuple[str | None, str], int]
    if group_by == ["state"]:
        whole = {("Goa", came): 1, ("Maharashtra", came): 9, ("Goa", awarded): 1, ("Maharashtra", awarded): 1}
        told = {(None, came): 1, ("Maharashtra", came): 9, (None, awarded): 2}
    else:
        whole = {("Pune", came): 5, ("Nagpur", came): 4, ("North Goa", came): 1}
        whole |= {("Pune", awarded): 1, ("North Goa", awarded): 1}
        told = {(None, came): 5, ("Pune", came): 5, (None, awarded): 2}
    assert places(VIKRAM) == places(ADMIN) == whole
    assert places(None) == places(ASHA) == places(RAVI) == told


def test_the_last_days_leave_out_what_was_before(service: Running) -> None:
    batch_id = new_batch(service)
    asha, kavya = enrolled(service, batch_id), enrolled(service, batch_id)
    service.sql("UPDATE enrolment SET enrolled_at = now() - interval '9 days' WHERE user_id = $1", kavya.user_id)
    award(service, asha.user_id, batch_id, days_ago=9)
    assert ask(service, batch_id, granularity="LAST_7DAYS").json()["result"]["metrics"] == [
        {"type": "enrolment", "count": 1}
    ]
    assert len(ask(service, batch_id, granularity="all").json()["result"]["metrics"]) == 2


def test_e51_filters_are_needed(service: Running) -> None:
    assert refusal(service.call("POST", PATH, None, {}))[:2] == (500, "INTERNAL_ERROR")


@pytest.mark.parametrize(
    ("filters", "parameter"),
    [
        pytest.param({"batchId": "1"}, "courseId/collectionId", id="e52"),
        pytest.param({"collectionId": "do_1"}, "batchId", id="e53"),
    ],
)
def test_e52_e53_a_missing_id_is_named(service: Running, filters: object, parameter: str) -> None:
    answer = service.call("POST", PATH, None, {"filters": filters})
    text = f"Mandatory parameter {parameter} is missing."
    assert refusal(answer) == (400, "MANDATORY_PARAMETER_MISSING", text)


def test_e54_all_of_an_unknown_batch_is_refused(service: Running) -> None:
    assert refusal(ask(service, "0404")) == (400, "INVALID_COURSE_BATCH_ID", "Invalid course batch id ")
    assert ask(service, "0404", granularity="LAST_7DAYS").json()["result"]["metrics"] is None


def test_a_long_granularity_is_a_failure_that_takes_no_time(service: Running) -> None:
    assert refusal(ask(service, new_batch(service), granularity="LAST_7DAYS" + "x" * 900_000))[:2] == (
        500,
        "INTERNAL_ERROR",
    )


def test_e55_a_granularity_without_digits_is_a_failure(service: Running) -> None:
    assert refusal(ask(service, new_batch(service), granularity="WEEKLY"))[:2] == (500, "INTERNAL_ERROR")
