"""A batch with learners whose progress a test sets as it likes, and what they were issued."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lernbatch.certificate import jobs
from tests.people import VIKRAM, Person
from tests.running import Running
from tests.seeds import COURSE, QUIZ

EARNED = datetime(2026, 6, 30, 20, 0, tzinfo=UTC)  # already 1 July in Kolkata
SIGNATORIES = [{"name": "R. Meera Nair", "id": "DIR", "designation": "Director"}]
MERIT = {"enrollment": {"status": 2}, "assessment": {"score": {">=": 70}}}


def template(identifier: str = "default", **fields: Any) -> dict[str, Any]:
    return {
        "identifier": identifier,
        "name": "Certificate of completion",
        "criteria": {"enrollment": {"status": 2}},
        "signatoryList": SIGNATORIES,
        **fields,
    }


@dataclass
class Cohort:
    service: Running
    batch_id: str
    course_id: str = COURSE

    def enrol(self, person: Person, status: int = 2, percent: float | None = None, **columns: Any) -> None:
        """Put a learner there, with a best score of `percent` in the quiz."""
        self.put(person.user_id, status, {} if percent is None else {QUIZ: [percent / 10, 10, 1]}, **columns)

    def put(self, user_id: str, status: int, scores: dict[str, Any], active: bool = True) -> None:
        self.service.sql(
            """INSERT INTO enrolment (user_id, batch_id, course_id, active, enrolled_at, updated_at, status, progress,
                                      completed_at, scores)
               VALUES ($1, $2, $3, $4, $5, $5, $6, 0, $7, $8)
               ON CONFLICT (user_id, batch_id) DO UPDATE
               SET active = $4, status = $6, completed_at = $7, scores = $8""",
            user_id,
            self.batch_id,
            self.course_id,
            active,
            EARNED,
            status,
            EARNED if status == 2 else None,
            scores,
        )

    def request(self, **fields: Any) -> dict[str, Any]:
        return {"courseId": self.course_id, "batchId": self.batch_id, **fields}

    def attach(self, person: Person | None = VIKRAM, **fields: Any) -> Any:
        request = {"batch": self.request(template=template(**fields))}
        return self.service.call("PATCH", "/v1/course/batch/cert/template/add", person, request)

    def ask(self, *people: Person, again: bool = False, by: Person = VIKRAM) -> Any:
        path = "/v1/course/batch/cert/issue" + ("?reIssue=true" if again else "")
        return self.service.call("POST", path, by, self.request(userIds=[one.user_id for one in people]))

    def work(self) -> int:
        """Let the worker evaluate everybody who is due. Returns their number."""
        total = 0
        while done := self.service.run(jobs.issue_due(self.service.services)):
            total += done
        return total

    def certificates(self, person: Person | None = None) -> list[Any]:
        return self.service.sql(
            """SELECT * FROM certificate WHERE batch_id = $1 AND ($2::text IS NULL OR user_id = $2)
               ORDER BY user_id, template_id, revision""",
            self.batch_id,
            person.user_id if person else None,
        )

    def shown(self, certificate_id: str) -> dict[str, Any]:
        """What the public page says of a certificate, as JSON."""
        answer = self.service.call("GET", f"/certs/{certificate_id}", headers={"Accept": "application/json"})
        page: dict[str, Any] = answer.json()
        return page

    def entries(self, person: Person) -> list[dict[str, str]]:
        rows = self.service.sql(
            "SELECT certificates FROM enrolment WHERE user_id = $1 AND batch_id = $2", person.user_id, self.batch_id
        )
        found: list[dict[str, str]] = rows[0]["certificates"]
        return found

    def due(self) -> list[Any]:
        return self.service.sql("SELECT * FROM certificate_due WHERE batch_id = $1 ORDER BY user_id", self.batch_id)


def new_cohort(service: Running, by: Person = VIKRAM) -> Cohort:
    today = service.clock.today()
    request = {
        "courseId": COURSE,
        "name": "June",
        "enrollmentType": "open",
        "startDate": today.isoformat(),
        "endDate": (today + timedelta(days=30)).isoformat(),
        "createdFor": [by.org_id],
    }
    made = service.call("POST", "/v1/course/batch/create", by, request).json()
    return Cohort(service, made["result"]["batchId"])
