"""The demo's requests: a client of the public paths that knows nothing of the service's inside."""

from __future__ import annotations

import asyncio
import csv
import io
import zipfile
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, TypeVar

import httpx

from sandbox.demo.story import ENROL, UNENROL, Step, StoryContent, StoryLearner, steps

CONNECTIONS = 32
PATIENCE_SECONDS = 300
T = TypeVar("T")


class Surprise(Exception):
    """The service answered something else than the story says."""


@dataclass(slots=True)
class Client:
    """Calls the service as different people; counts what it sends."""

    # One for each request that may be under way: httpx looks through all connections of a client for every request.
    pools: Sequence[httpx.AsyncClient]
    token_of: Callable[[str], str]
    requests: int = 0

    async def call(
        self, method: str, path: str, user_id: str | None, request: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The `result` of a call. Raises: Surprise, when it is no success."""
        headers = {"X-Authenticated-User-Token": self.token_of(user_id)} if user_id else {}
        body = None if request is None else {"request": request}
        answer = await self._pool().request(method, path, headers=headers, json=body)
        if answer.status_code != 200:
            raise Surprise(f"{method} {path} answered {answer.status_code}: {answer.text[:300]}")
        result: dict[str, Any] = answer.json()["result"]
        return result

    async def get(self, path: str) -> bytes:
        answer = await self._pool().get(path, follow_redirects=True)
        if answer.status_code != 200:
            raise Surprise(f"GET {path} answered {answer.status_code}: {answer.text[:300]}")
        return answer.content

    def _pool(self) -> httpx.AsyncClient:
        self.requests += 1
        return self.pools[self.requests % len(self.pools)]


async def each(items: Sequence[T], work: Callable[[T], Awaitable[None]], advance: Callable[[], None]) -> None:
    """`work` for every item, a bounded number at a time."""
    waiting = iter(items)

    async def worker() -> None:
        for item in waiting:
            await work(item)
            advance()

    async with asyncio.TaskGroup() as group:
        for _ in range(min(CONNECTIONS, len(items))):
            group.create_task(worker())


@dataclass(slots=True)
class Journey:
    """One batch of one course, from its creation to its report."""

    client: Client
    course_id: str
    creator_id: str
    mentor_id: str
    template_ids: tuple[str, str]  # for completing, and for good scores
    pass_percent: int
    batch_id: str = ""
    updates_sent: int = 0
    certificates: dict[str, list[str]] = field(default_factory=dict)  # user id → certificate ids

    async def create_batch(self, name: str, today: date, organisation_id: str) -> None:
        """Create the batch, change it, hang two templates on it, and find it by search."""
        dates = {"startDate": f"{today}", "endDate": f"{today + timedelta(days=60)}"}
        created = await self._as_creator(
            "POST",
            "/api/course/v1/batch/create",
            {
                "courseId": self.course_id,
                "name": name,
                "enrollmentType": "open",
                "createdFor": [organisation_id],
                "mentors": [self.mentor_id],
                **dates,
            },
        )
        self.batch_id = created["batchId"]
        change = {"courseId": self.course_id, "id": self.batch_id, "description": "Runs on bundled input", **dates}
        await self._as_creator("PATCH", "/api/course/v1/batch/update", change)
        await self._add_template(self.template_ids[0], {"enrollment": {"status": 2}})
        await self._add_template(
            self.template_ids[1], {"enrollment": {"status": 2}, "assessment": {"score": {">=": self.pass_percent}}}
        )
        listed = await self.client.call(
            "POST", "/api/course/v1/batch/list", None, {"filters": {"courseId": self.course_id, "status": "1"}}
        )
        if self.batch_id not in [batch["batchId"] for batch in listed["response"]["content"]]:
            raise Surprise("the new batch is not among the running batches of its course")

    async def _add_template(self, template_id: str, criteria: Mapping[str, Any]) -> None:
        template = {"identifier": template_id, "criteria": criteria}
        batch = {"courseId": self.course_id, "batchId": self.batch_id, "template": template}
        await self._as_creator("PATCH", "/api/course/batch/cert/v1/template/add", {"batch": batch})

    async def _as_creator(self, method: str, path: str, request: Mapping[str, Any]) -> dict[str, Any]:
        return await self.client.call(method, path, self.creator_id, request)

    async def take(self, learner: StoryLearner, step: Step) -> None:
        """One request of a learner."""
        key = {"courseId": self.course_id, "batchId": self.batch_id}
        if step.kind in (ENROL, UNENROL):
            await self.client.call(
                "POST", f"/api/course/v1/{step.kind}", learner.user_id, {**key, "userId": learner.user_id}
            )
            return
        self.updates_sent += 1
        request = {
            "userId": learner.user_id,
            "contents": [{**key, **content} for content in step.contents],
            "assessments": [{**key, **attempt} for attempt in step.assessments],
        }
        await self.client.call("PATCH", "/api/course/v1/content/state/update", learner.user_id, request)

    async def enrol(self, learner: StoryLearner, contents: Sequence[StoryContent], now_ms: int) -> None:
        """The learner's first step."""
        await self.take(learner, next(steps(learner, contents, now_ms)))

    async def learn(self, learner: StoryLearner, contents: Sequence[StoryContent], now_ms: int) -> None:
        """All of a learner's further steps."""
        for step in list(steps(learner, contents, now_ms))[1:]:
            await self.take(learner, step)

    async def enrolment(self, user_id: str) -> dict[str, Any] | None:
        """The learner's enrolment in this batch as the enrolled-courses list shows it."""
        path = f"/api/course/v1/user/enrollment/list/{user_id}?batchDetails=name,endDate,status"
        listed = await self.client.call("GET", path, user_id)
        return next((entry for entry in listed["courses"] if entry["batchId"] == self.batch_id), None)

    async def count_active(self) -> int:
        result = await self._as_creator(
            "POST", "/api/course/v1/batch/participants/list", {"batch": {"batchId": self.batch_id}}
        )
        return int(result["batch"]["count"])

    async def await_certificates(self, user_id: str, count: int) -> None:
        """Until the learner's list shows as many certificates as the criteria give; bounded."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_SECONDS
        while loop.time() < deadline:
            enrolment = await self.enrolment(user_id)
            issued = enrolment["issuedCertificates"] if enrolment else []
            if len(issued) >= count:
                self.certificates[user_id] = [entry["identifier"] for entry in issued]
                return
            await asyncio.sleep(0.5)
        raise Surprise(f"a learner waits for {count} certificates for more than {PATIENCE_SECONDS} s")

    async def exhaust(self) -> list[dict[str, str]]:
        """The rows of the progress exhaust: asked for, awaited, downloaded by its signed link."""
        tag = f"{self.course_id}_{self.batch_id}"
        await self._as_creator(
            "POST",
            "/api/course/v1/jobrequest/submit",
            {
                "tag": tag,
                "dataset": "progress-exhaust",
                "datasetConfig": {"batchId": self.batch_id},
                "outputFormat": "csv-rfc4180",  # the contract's own needs a reader that is told so
            },
        )
        job = await self._finished(tag)
        archive = zipfile.ZipFile(io.BytesIO(await self.client.get(job["downloadUrls"][0])))
        text = archive.read(archive.namelist()[0]).decode()
        return list(csv.DictReader(io.StringIO(text, newline="")))

    async def _finished(self, tag: str) -> dict[str, Any]:
        for _ in range(PATIENCE_SECONDS * 5):
            listed = await self.client.call("GET", f"/api/course/v1/jobrequest/list/{tag}", self.creator_id)
            job: dict[str, Any] = listed["jobs"][0]
            if job["status"] == "SUCCESS":
                return job
            if job["status"] == "FAILED":
                raise Surprise(f"the exhaust failed: {job['statusMessage']}")
            await asyncio.sleep(0.2)
        raise Surprise(f"the exhaust took more than {PATIENCE_SECONDS} s")


def completed(rows: Iterable[Mapping[str, str]]) -> int:
    """How many rows of a progress exhaust carry a completion date."""
    return sum(1 for row in rows if row["Completion Date"])
