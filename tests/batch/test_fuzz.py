"""Whatever comes in: no failure of our own, and never half a write."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lernbatch import metrics
from tests.batch.calls import CREATE, LEFT_OUT, PARTICIPANTS, SEARCH, UPDATE, create, creation_request, read, stored
from tests.people import HOME_ORG, MEERA, VIKRAM
from tests.running import Running
from tests.seeds import COURSE

FEW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
# What the contract itself answers with 500 (forms D, E and F), and nothing else.
FORMS_OF_500 = {
    ("INTERNAL_ERROR", "Process failed,please try again later."),
    (None, None),
}
ODD_DATES = ["2025-02-30", "9999-12-31", "0001-01-01", "2030-06-01T25:00:00Z", "2030-06-01T00:00:00+14:00"]
ODD_WORDS = ["", " ", "null", "0", "a\x00b", "हिन्दी", "\u200b", "𝔘𝔫𝔦", "%s", "' OR 1=1 --", "x" * 5000]
KNOWN_WORDS = ["do_1", "open", "Asia/Kolkata", HOME_ORG, MEERA.user_id]
ODD_TEXTS = st.sampled_from([*ODD_DATES, *ODD_WORDS, *KNOWN_WORDS])
TEXTS = ODD_TEXTS | st.text(max_size=30)
SCALARS = (
    TEXTS
    | st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)
BATCH_KEYS = ("courseId", "collectionId", "name", "enrollmentType", "startDate", "endDate", "enrollmentEndDate")
MORE_KEYS = ("description", "createdFor", "mentors", "participants", "status", "createdBy", "capacity", "timeZone")
OWN_KEYS = ("leavePolicy", "enrollmentStartDate", "hashTagId", "id", "batchId")
CHANGES = st.dictionaries(
    st.sampled_from(BATCH_KEYS + MORE_KEYS + OWN_KEYS), VALUES | st.just(LEFT_OUT), min_size=1, max_size=4
)
FIELDS = st.sampled_from(
    ["courseId", "name", "status", "startDate", "createdDate", "createdFor", "mentors", "$or", "tandc", "capacity"]
)
OPERATORS = st.sampled_from(["<", "<=", ">", ">=", "startsWith", "endsWith", "min", "<>"])
FILTERS = st.dictionaries(FIELDS, VALUES | st.dictionaries(OPERATORS, SCALARS, max_size=2), max_size=3)


def answered(service: Running, method: str, path: str, request: Any) -> int:
    """The status of a call; if it is 500, it is one that the contract has."""
    answer = service.call(method, path, VIKRAM, request)
    params = answer.json()["params"]
    assert answer.status_code in (200, 400, 401, 404, 500), answer.text
    if answer.status_code == 500:
        assert (params["err"], params["errmsg"]) in FORMS_OF_500, answer.text
    return answer.status_code


@pytest.fixture
def bugs(service: Running) -> Any:
    """How many failures nobody foresaw the service has counted."""
    return metrics.BUGS._value.get


@FEW
@given(changes=CHANGES)
def test_a_create_is_made_whole_or_not_at_all(service: Running, bugs: Any, changes: dict[str, Any]) -> None:
    before, unforeseen = (stored(service), events(service)), bugs()
    status = answered(service, "POST", CREATE, creation_request(service, **changes))
    made = 1 if status == 200 else 0
    assert (stored(service) - before[0], events(service) - before[1]) == (made, made)
    assert bugs() == unforeseen


@pytest.fixture
def victim(service: Running) -> str:
    return create(service)


@FEW
@given(changes=CHANGES)
def test_an_update_is_made_whole_or_not_at_all(
    service: Running, bugs: Any, victim: str, changes: dict[str, Any]
) -> None:
    before, told, unforeseen = read(service, victim), events(service), bugs()
    request = {"courseId": COURSE, "id": victim, "startDate": before["startDate"], **changes}
    request = {key: value for key, value in request.items() if value is not LEFT_OUT}
    status = answered(service, "PATCH", UPDATE, request)
    assert events(service) - told == (1 if status == 200 else 0)
    if status != 200:
        assert read(service, victim) == before
    assert bugs() == unforeseen


@FEW
@given(
    filters=FILTERS | VALUES,
    more=st.dictionaries(
        st.sampled_from(["query", "sort_by", "fields", "facets", "limit", "offset", "exists", "cursor", "queryFields"]),
        VALUES,
        max_size=2,
    ),
)
def test_any_search_is_answered(service: Running, bugs: Any, filters: Any, more: dict[str, Any]) -> None:
    unforeseen = bugs()
    answered(service, "POST", SEARCH, {"filters": filters, **more})
    assert bugs() == unforeseen


@FEW
@given(batch=VALUES)
def test_any_question_for_participants_is_answered(service: Running, bugs: Any, batch: Any) -> None:
    unforeseen = bugs()
    answered(service, "POST", PARTICIPANTS, {"batch": batch})
    assert bugs() == unforeseen


def events(service: Running) -> int:
    """How many lists of batches wait to be told."""
    return int(service.sql("SELECT count(*) FROM outbox WHERE destination = 'content'")[0][0])
