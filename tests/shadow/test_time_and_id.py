"""M56 and M57: a service in shadow mode takes times and ids from the proxy, and from nobody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from lernbatch.config import Config
from lernbatch.shadowing import ID_HEADER, SIGNATURE_HEADER, TIME_HEADER, Given, sign
from tests.learning import enrol, item, new_batch, new_learner, row, states
from tests.people import HOME_ORG, VIKRAM
from tests.running import Running
from tests.seeds import COURSE, VIDEO
from tests.shadow.conftest import SHADOW_KEY

CREATE = "/v1/course/batch/create"
ID = "014000000000000000001"


def signed(method: str, path: str, given: Given, **changed: Any) -> dict[str, str]:
    now = changed.get("signed_at", datetime.now(UTC))
    return sign(changed.get("key", SHADOW_KEY).encode(), method, path.encode(), given, now)


def create(service: Running, headers: dict[str, str], start: str) -> httpx.Response:
    request = {
        "courseId": COURSE,
        "name": "June",
        "enrollmentType": "open",
        "startDate": start,
        "createdFor": [HOME_ORG],
    }
    return service.call("POST", CREATE, VIKRAM, request, headers=headers)


def today(service: Running) -> str:
    return service.clock.today().isoformat()


def test_m56_a_batch_gets_the_id_that_the_other_service_gave(muted_service: Callable[[str], Running]) -> None:
    service = muted_service("shadow")
    headers = signed("POST", CREATE, Given(datetime.now(UTC), ID))
    assert create(service, headers, today(service)).json()["result"]["batchId"] == ID
    assert service.call("GET", f"/v1/course/batch/read/{ID}", VIKRAM).status_code == 200


def test_m56_a_file_of_people_gets_the_id_of_its_process(muted_service: Callable[[str], Running]) -> None:
    service = muted_service("shadow")
    batch_id, path = new_batch(service), "/v1/batch/bulk/enrollment"
    file = {"file": ("people.csv", f"batchId,userIds\n{batch_id},{new_learner().user_id}\n")}
    headers = signed("POST", path, Given(datetime.now(UTC), "0140000000000000000777"))
    answer = service.call("POST", path, VIKRAM, headers=headers, files=file)
    assert answer.json()["result"]["processId"] == "0140000000000000000777"


def test_m56_a_second_create_gets_an_id_of_its_own(muted_service: Callable[[str], Running]) -> None:
    service = muted_service("shadow")
    assert new_batch(service) != new_batch(service)


def test_m57_a_day_s_edge_is_that_of_the_request(muted_service: Callable[[str], Running]) -> None:
    service = muted_service("shadow")
    before = datetime.now(UTC) - timedelta(days=3)
    day = before.astimezone(service.clock.zone).date().isoformat()
    assert create(service, {}, day).status_code == 400  # the day is over
    service.clock.move(days=-3)
    of_that_day = service.headers(VIKRAM)  # whoever calls has the token already
    service.clock.move(days=3)
    given = signed("POST", CREATE, Given(before, "014000000000000000031"))
    answer = create(service, {**of_that_day, **given}, day)
    assert answer.status_code == 200, answer.text


def test_m57_enrolment_and_progress_are_dated_by_the_request(muted_service: Callable[[str], Running]) -> None:
    service = muted_service("shadow")
    batch_id, learner = new_batch(service), new_learner()
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=5)
    path = "/v1/course/enroll"
    assert enrol(service, learner, batch_id, headers=signed("POST", path, Given(at))).status_code == 200
    assert row(service, learner, batch_id)["enrolled_at"] == at
    later, path = at + timedelta(minutes=7), "/v1/content/state/update"
    request = {"userId": learner.user_id, "contents": [item(batch_id, VIDEO)]}
    answer = service.call("PATCH", path, learner, request, headers=signed("PATCH", path, Given(later)))
    assert answer.status_code == 200
    assert row(service, learner, batch_id)["updated_at"] == later
    assert states(service, learner, batch_id)[VIDEO]["status"] == 2


NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
GIVEN = Given(NOW, ID)


@pytest.mark.parametrize(
    "headers",
    [
        {TIME_HEADER: NOW.isoformat()},
        {ID_HEADER: ID},
        {SIGNATURE_HEADER: "1.x"},
        signed("POST", CREATE, GIVEN, key="another-key-that-is-as-long-as-the-right-one"),
        signed("POST", CREATE, GIVEN, signed_at=datetime.now(UTC) - timedelta(hours=1)),
        signed("POST", CREATE, GIVEN, signed_at=datetime.now(UTC) + timedelta(hours=1)),
        signed("PATCH", CREATE, GIVEN),
        signed("POST", CREATE + "?x=1", GIVEN),
        {**signed("POST", CREATE, GIVEN), ID_HEADER: "0999"},
        {**signed("POST", CREATE, GIVEN), TIME_HEADER: (NOW - timedelta(days=1)).isoformat()},
        signed("POST", CREATE, Given(NOW.replace(tzinfo=None), ID)),
        signed("POST", CREATE, Given(NOW, "not an id; rather a sentence")),
        signed("POST", CREATE, Given(NOW, "9" * 65)),
    ],
)
def test_m56_m57_nobody_but_the_proxy_gives_ids_and_times(
    muted_service: Callable[[str], Running], headers: dict[str, str]
) -> None:
    service = muted_service("shadow")
    answer = create(service, headers, today(service))
    assert (answer.status_code, answer.json()["params"]["err"]) == (403, "SHADOW_SIGNATURE_INVALID")
    assert answer.headers["x-lernbatch-takeover"] == "shadow"


@pytest.mark.parametrize("takeover", ["off", "copy"])
def test_m56_m57_outside_shadow_mode_the_headers_mean_nothing(
    muted_service: Callable[[str], Running], takeover: str
) -> None:
    service = muted_service(takeover)
    answer = create(service, signed("POST", CREATE, GIVEN), today(service))
    assert answer.status_code == 200
    assert answer.json()["result"]["batchId"] != ID


def test_m56_a_key_that_is_too_short_to_be_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32"):
        Config(shadow_key="short")
