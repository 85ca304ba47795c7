"""A batch's whole life, from its creation to its second end, told with a clock that can be moved."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from lernbatch.batch import jobs
from tests.batch.calls import SEARCH, change, create, day, read, refused
from tests.people import ADMIN, ASHA, IMRAN, KAVYA, MEERA, VIKRAM, Person
from tests.running import MovableClock, Running
from tests.seeds import COURSE

STATUSES = {0: "upcoming", 1: "ongoing", 2: "ended"}


class Life:
    """One batch, and what is asked of it in the test."""

    def __init__(self, service: Running) -> None:
        self.service, self.begins_on = service, service.clock.today() + timedelta(days=10)
        self.batch_id = create(
            service,
            name="Summer cohort",
            startDate=self.begins_on.isoformat(),
            endDate=self.on(20),
            mentors=[MEERA.user_id],
            capacity=2,
        )

    def on(self, days: int) -> str:
        """The day that lies `days` behind the batch's first start."""
        return (self.begins_on + timedelta(days=days)).isoformat()

    def status(self) -> str:
        """As the document says; the job has run, and the search says the same."""
        while self.service.run(jobs.move_statuses(self.service.services)):
            pass
        document = read(self.service, self.batch_id)
        request = {"filters": {"identifier": self.batch_id, "status": document["status"]}}
        found = self.service.call("POST", SEARCH, None, request).json()["result"]["response"]["count"]
        assert found == 1
        return STATUSES[document["status"]]

    def change(self, person: Person, **changes: Any) -> Any:
        return change(self.service, self.batch_id, person, **changes)

    def enrol(self, person: Person) -> Any:
        request = {"courseId": COURSE, "batchId": self.batch_id, "userId": person.user_id}
        return self.service.call("POST", "/v1/course/enroll", person, request)


def test_the_life_of_a_batch(service: Running, clock: MovableClock) -> None:
    batch = Life(service)
    assert batch.status() == "upcoming"
    assert batch.enrol(ASHA).status_code == 200

    # Vikram hands the mentoring over; from then on Meera may no longer change the batch, and Anita may.
    assert batch.change(VIKRAM, mentors=[ADMIN.user_id]).status_code == 200
    refused(batch.change(MEERA, name="mine"), "UNAUTHORIZED_USER", "You are not authorized.", 401)

    # Before it begins, its dates move freely: two days later, five days longer.
    assert batch.change(ADMIN, startDate=batch.on(2), endDate=batch.on(25)).status_code == 200
    assert read(service, batch.batch_id)["effectiveEnrollmentEndDate"] == batch.on(24)

    # It begins with its day. Now the start is fixed, and the last place is taken.
    clock.move_to(batch.begins_on + timedelta(days=1), hour=23)
    assert batch.status() == "upcoming"
    clock.move(hours=1, minutes=5)
    assert batch.status() == "ongoing"
    refused(
        batch.change(ADMIN, startDate=batch.on(3)), "INVALID_BATCH_START_DATE_ERROR", "Please provide valid Start Date."
    )
    assert batch.enrol(KAVYA).status_code == 200
    assert batch.enrol(IMRAN).json()["params"]["err"] == "COURSE_BATCH_CAPACITY_REACHED"

    # It is extended, and lasts through its last day.
    assert batch.change(ADMIN, endDate=batch.on(30), capacity=3).status_code == 200
    clock.move_to(batch.begins_on + timedelta(days=30), hour=22)
    assert batch.status() == "ongoing"
    clock.move(hours=2, minutes=1)
    assert batch.status() == "ended"
    assert batch.enrol(IMRAN).json()["params"]["err"] == "COURSE_BATCH_ALREADY_COMPLETED"

    # Days later it is reopened for the one who was late, and ends for good.
    clock.move(days=5)
    assert batch.change(ADMIN, name="Summer cohort, once more").status_code == 200
    assert batch.status() == "ended"
    assert batch.change(ADMIN, endDate=batch.on(50)).status_code == 200
    assert batch.status() == "ongoing"
    assert batch.enrol(IMRAN).status_code == 200
    clock.move_to(batch.begins_on + timedelta(days=51))
    assert batch.status() == "ended"
    assert day(service) == batch.on(51)
