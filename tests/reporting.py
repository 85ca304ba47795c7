"""A batch whose learners a test sets as it likes, and the reports that are made of it."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx

from lernbatch.exhaust import jobs
from tests.people import HOME_ORG, VIKRAM, Person
from tests.running import Running
from tests.seeds import COURSE

ENROLLED = datetime(2026, 6, 1, 20, 0, tzinfo=UTC)  # already 2 June in Kolkata
COMPLETED = datetime(2026, 6, 30, 20, 0, tzinfo=UTC)


@dataclass
class Reporting:
    """A batch of Vikram's, and what he asks about it."""

    service: Running
    batch_id: str = field(default_factory=lambda: f"0{uuid4().int % 10**18}")
    course_id: str = COURSE
    name: str = "June, first shift"

    def __post_init__(self) -> None:
        self.service.sql(
            """INSERT INTO batch (batch_id, course_id, name, enrolment_type, created_by, created_for, start_date,
                                  status, created_at)
               VALUES ($1, $2, $3, 'open', $4, $5, '2026-06-01', 1, now())""",
            self.batch_id,
            self.course_id,
            self.name,
            VIKRAM.user_id,
            [HOME_ORG],
        )

    @property
    def tag(self) -> str:
        return f"{self.course_id}_{self.batch_id}"

    def enrol(
        self,
        who: Person | str,
        *,
        completed: tuple[str, ...] = (),
        scores: dict[str, Any] | None = None,
        finished: bool = False,
        **columns: Any,
    ) -> None:
        """Put a learner there who completed some contents; `finished`: the course."""
        given = {
            "user_id": who if isinstance(who, str) else who.user_id,
            "batch_id": self.batch_id,
            "course_id": self.course_id,
            "active": True,
            "enrolled_at": ENROLLED,
            "updated_at": ENROLLED,
            "status": 2 if finished else 1 if completed else 0,
            "completed_at": COMPLETED if finished else None,
            "states": {one: [2, 100, 1, 1, 0, 0, 0] for one in completed},
            "scores": scores or {},
            **columns,
        }
        places = ", ".join(f"${number}" for number in range(1, len(given) + 1))
        self.service.sql(f"INSERT INTO enrolment ({', '.join(given)}) VALUES ({places})", *given.values())

    def attempt(self, who: Person, content_id: str, attempt_id: str, questions: list[dict[str, Any]]) -> None:
        self.service.sql(
            """INSERT INTO attempt (user_id, batch_id, content_id, attempt_id, course_id, attempted_ms, score,
                                    max_score, questions, created_at, updated_at)
               VALUES ($1, $2, $3, $4, $5, 1782880200123, 1, 2, $6, now(), now())""",
            who.user_id,
            self.batch_id,
            content_id,
            attempt_id,
            self.course_id,
            questions,
        )

    def consent(self, who: Person, status: str = "ACTIVE", *, to: str = HOME_ORG, **columns: Any) -> None:
        given = {
            "user_id": who.user_id,
            "consumer_id": to,
            "object_id": self.course_id,
            "consent_id": f"c-{who.first_name}",
            "status": status,
            "updated_at": ENROLLED,
            "expires_at": None,
            **columns,
        }
        places = ", ".join(f"${number}" for number in range(1, len(given) + 1))
        self.service.sql(
            f"""INSERT INTO sandbox_consent ({", ".join(given)}) VALUES ({places})
                ON CONFLICT (user_id, consumer_id, object_id) DO UPDATE
                SET status = EXCLUDED.status, updated_at = EXCLUDED.updated_at, expires_at = EXCLUDED.expires_at""",
            *given.values(),
        )

    def submit(self, dataset: str = "progress-exhaust", by: Person | None = VIKRAM, **fields: Any) -> httpx.Response:
        request = {"tag": self.tag, "dataset": dataset, "datasetConfig": {"batchId": self.batch_id}, **fields}
        return self.service.call("POST", "/v1/jobrequest/submit", by, request)

    def jobs(self, by: Person = VIKRAM) -> list[dict[str, Any]]:
        answer = self.service.call("GET", f"/v1/jobrequest/list/{self.tag}", by)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["result"]["jobs"]
        return found

    def work(self) -> None:
        """Let the worker do what is due."""
        while self.service.run(jobs.run_due(self.service.services)):
            pass

    def made(self, dataset: str = "progress-exhaust", **fields: Any) -> dict[str, Any]:
        """Ask, work, and what the list says of it then."""
        answer = self.submit(dataset, **fields)
        assert answer.status_code == 200, answer.text
        self.work()
        request_id = answer.json()["result"]["requestId"]
        return next(job for job in self.jobs() if job["requestId"] == request_id)

    def fetch(self, url: str) -> bytes:
        answer = self.service.http.get(url.replace(self.service.config.public_url, ""))
        assert answer.status_code == 200, answer.text
        return answer.content

    def text(self, dataset: str = "progress-exhaust", **fields: Any) -> str:
        """The file of a report, plain."""
        job = self.made(dataset, **fields)
        assert job["status"] == "SUCCESS", job
        return unzipped(self.fetch(job["downloadUrls"][0]), fields.get("encryptionKey")).decode()

    def rows(self, dataset: str = "progress-exhaust", **fields: Any) -> list[dict[str, str]]:
        reader = csv.DictReader(io.StringIO(self.text(dataset, **fields)), escapechar="\\", doublequote=False)
        return list(reader)


def unzipped(archive: bytes, key: str | None = None) -> bytes:
    """The only entry of a zip."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        (name,) = opened.namelist()
        return opened.read(name, pwd=key.encode() if key else None)
