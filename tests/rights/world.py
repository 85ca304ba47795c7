"""One service and one seeded world: a batch of Vikram's with Meera as its mentor and Asha in it, and twelve callers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from lernbatch.archive.store import Store
from lernbatch.sealing import seal_of
from tests.batch.calls import create, creation_request
from tests.learning import at
from tests.people import ASHA, HOME_ORG, KAVYA, MEERA, OTHER_ORG, VIKRAM, Person
from tests.rows import enrolled
from tests.running import Running, running
from tests.seeds import COURSE, QUIZ, VIDEO, answer

FOREIGN_MENTOR = Person("0b1e3c5a-0000-4000-8000-00000000f001", "Ravi", "D", OTHER_ORG, ("PUBLIC", "COURSE_MENTOR"))
FOREIGN_ADMIN = Person("0b1e3c5a-0000-4000-8000-00000000f002", "Farhan", "Q", OTHER_ORG, ("PUBLIC", "ORG_ADMIN"))
OWN_ADMIN = Person("0b1e3c5a-0000-4000-8000-00000000f003", "Lakshmi", "I", HOME_ORG, ("PUBLIC", "ORG_ADMIN"))
REPORTER = Person("0b1e3c5a-0000-4000-8000-00000000f004", "Rekha", "P", HOME_ORG, ("PUBLIC", "REPORT_ADMIN"))
HOUR = timedelta(hours=1)
INSIDE = {"X-Forwarded-For": "10.0.0.5"}  # an address of the private networks, told by the trusted proxy


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request: headers, and the id that a request about oneself names."""

    name: str
    user_id: str
    org_id: str
    headers: dict[str, str]


class World:
    def __init__(self, service: Running) -> None:
        self.service = service
        for person in (FOREIGN_MENTOR, FOREIGN_ADMIN, OWN_ADMIN, REPORTER):
            service.sql(
                "INSERT INTO sandbox_person (user_id, first_name, org_id, roles) VALUES ($1, $2, $3, $4)",
                person.user_id,
                person.first_name,
                person.org_id,
                list(person.roles),
            )
        self.batch_id = create(service, mentors=[MEERA.user_id])
        enrolled(service, self.batch_id, ASHA)
        self.process_id = self._file_of_vikram()
        service.sql("UPDATE bulk_process SET link_token = 'opens', link_until = now() + interval '1 day'")
        service.sql(
            "INSERT INTO roster_change VALUES ('change', $1, $2, now(), '{}', '{}', '{}', NULL)",
            self.batch_id,
            VIKRAM.user_id,
        )
        members = [{"userId": user.user_id, "role": "member", "status": "active"} for user in (ASHA, MEERA)]
        service.sql("INSERT INTO sandbox_group VALUES ('group', 'Class 7b', $1)", members)
        service.sql(
            """INSERT INTO certificate (user_id, batch_id, template_id, revision, certificate_id, course_id, name,
                                        status, status_index, credential, template, decision,
                                        earned_at, issued_at, changed_at)
               SELECT $1, $2, 't', 1, 'certificate', $3, 'Completion',
                      'suspended', 1, '{}', '{}', '{}', now(), now(), now()""",
            ASHA.user_id,
            self.batch_id,
            COURSE,
        )
        request = {"tag": "tag", "dataset": "progress-exhaust", "datasetConfig": {"batchId": self.batch_id}}
        asked = service.call("POST", "/v1/jobrequest/submit", VIKRAM, request)
        self.request_id = asked.json()["result"]["requestId"]
        config = service.config
        link = service.run(Store(config).link("a/b.csv", service.clock.now(), timedelta(hours=1)))
        self.file_query = link.partition("?")[2]
        self.callers = {caller.name: caller for caller in self._callers()}

    def _file_of_vikram(self) -> str:
        text = f"batchId,userIds\n{self.batch_id},{KAVYA.user_id}\n"
        answer = self.service.call("POST", "/v1/batch/bulk/enrollment", VIKRAM, {"data": text})
        return str(answer.json()["result"]["processId"])

    def webhook(self) -> str:
        """A new webhook of the organisation at home."""
        webhook_id = str(uuid4())
        self.service.sql(
            """INSERT INTO webhook (webhook_id, organisation_id, url, kinds, sealed, created_by, created_at)
               VALUES ($1, $2, 'https://127.0.0.1:1/', '{}', $3, $4, now())""",
            webhook_id,
            HOME_ORG,
            seal_of(self.service.config).close(b'["whsec_' + b"A" * 43 + b'="]', webhook_id),
            OWN_ADMIN.user_id,
        )
        return webhook_id

    def _callers(self) -> Iterator[Caller]:
        def of(name: str, person: Person, **headers: str) -> Caller:
            return Caller(name, person.user_id, person.org_id, self.service.headers(person) | headers)

        stale = {"X-Authenticated-User-Token": self.service.token(ASHA, expired=True)}
        machine = {"X-Authenticated-Client-Id": "timetable", "X-Authenticated-Client-Token": "machine-key-of-sixteen"}
        yield Caller("nobody", ASHA.user_id, HOME_ORG, {})
        yield of("learner", ASHA)
        yield Caller("stale token", ASHA.user_id, HOME_ORG, stale)
        yield of("foreign mentor", FOREIGN_MENTOR)
        yield of("own mentor", MEERA)
        yield of("creator", VIKRAM)
        yield of("foreign administrator", FOREIGN_ADMIN)
        yield of("own administrator", OWN_ADMIN)
        yield of("reporter", REPORTER)
        yield Caller("machine", "timetable", HOME_ORG, machine)
        yield Caller("private network", ASHA.user_id, HOME_ORG, INSIDE)
        # A page that a browser inside the private networks shows: it has their address and no header of ours.
        yield Caller(
            "page of another origin", ASHA.user_id, HOME_ORG, {**INSIDE, "Origin": "https://elsewhere.example"}
        )

    def call(self, method: str, path: str, caller: Caller) -> httpx.Response:
        """One request that is right but for who sends it. `path`: the service's or the gateway's, as in routes.py."""
        filled = path
        for name, value in self._parameters(caller).items():
            filled = filled.replace("{" + name + "}", value)
        key = SERVICE_PATHS.get(path, path)
        body = self._body(key, caller)
        headers = {"X-Channel-ID": caller.org_id, **caller.headers}
        query = self._query(key)
        if body is None:
            return self.service.http.request(method, filled + query, headers=headers)
        return self.service.http.request(method, filled + query, headers=headers, json=body)

    def _parameters(self, caller: Caller) -> dict[str, str]:
        # The one list of somebody else's certificates is Asha's; every other path with a user names the caller.
        return {
            "batch_id}/{user_id": f"{self.batch_id}/{ASHA.user_id}",
            "batch_id": self.batch_id,
            "user_id": caller.user_id,
            "process_id": self.process_id,
            "certificate_id": "unknown",
            "key_id": "unknown",
            "purpose": "revocation",
            "number": "0",
            "tag": "tag",
            "path:path": "a/b.csv",
            "name": "all",
        }

    def _query(self, path: str) -> str:
        queries = {
            "/v1/upload/result/{process_id}": "?token=opens",
            "/v1/course/enrollment/explain": f"?userId={ASHA.user_id}&batchId={self.batch_id}",
            "/v1/course/enrollment/history": f"?userId={ASHA.user_id}&batchId={self.batch_id}",
            "/v1/course/batch/contact/list": f"?userId={ASHA.user_id}&batchId={self.batch_id}",
            "/dataset/v1/request/read/{tag}": f"?requestId={self.request_id}",
            "/v1/webhook/list": f"?organisationId={HOME_ORG}",
            "/v1/webhook/log": f"?webhookId={self.webhook() if path == '/v1/webhook/log' else ''}",
            "/v1/exhaust/files/{path:path}": f"?{self.file_query}",
        }
        return queries.get(path, "")

    def _body(self, path: str, caller: Caller) -> Any:
        service, ids = self.service, {"courseId": COURSE, "batchId": self.batch_id}
        today = service.clock.today().isoformat()
        # Two hours ago the stale token was good.
        contents = [{**ids, "contentId": VIDEO, "status": 1, "lastAccessTime": at(service.clock.now() - 2 * HOUR)}]
        template = {"identifier": "template", "criteria": {"enrollment": {"status": 2}}}
        file = {"data": f"batchId,userIds\n{self.batch_id},{KAVYA.user_id}\n"}
        report = {"tag": "tag", "dataset": "progress-exhaust", "datasetConfig": {"batchId": self.batch_id}}
        course = {
            "name": "A",
            "code": "a",
            "contentType": "Course",
            "mimeType": "application/vnd.ekstep.content-collection",
        }
        change = {"courseId": COURSE, "id": self.batch_id, "startDate": today, "name": "June"}
        requests: dict[str, Callable[[], object]] = {
            "/v1/course/batch/create": lambda: creation_request(service, createdFor=[caller.org_id]),
            "/private/v1/course/batch/create": lambda: creation_request(service, createdBy=VIKRAM.user_id),
            "/v1/course/batch/update": lambda: change,
            "/v1/course/batch/search": lambda: {"filters": {"batchId": self.batch_id}},
            "/v1/batch/participants/list": lambda: {"batch": {"batchId": self.batch_id}},
            "/v1/course/batch/clone": lambda: {"batchId": self.batch_id, "startDate": today},
            "/v1/course/batch/preview": lambda: change,
            "/v1/course/batch/ownership/transfer": lambda: {"fromUserId": "left", "toUserId": MEERA.user_id},
            "/v1/course/create": lambda: {"course": course},
            "/v1/data/sync": lambda: {"objectType": "user_course"},
            "/v1/course/enroll": lambda: {**ids, "userId": caller.user_id},
            "/v1/course/unenroll": lambda: {**ids, "batchId": "0", "userId": caller.user_id},  # Asha stays
            "/v1/user/courses/unenroll": lambda: {**ids, "batchId": "0"},
            "/v1/course/admin/enroll": lambda: {**ids, "userId": KAVYA.user_id},
            "/v1/course/admin/unenroll": lambda: {**ids, "userId": KAVYA.user_id},
            "/v1/course/batch/users/add/{batch_id}": lambda: {"userIds": [KAVYA.user_id]},
            "/v1/course/batch/users/remove/{batch_id}": lambda: {"userIds": [KAVYA.user_id]},
            "/v2/user/courses/list": lambda: {"userId": caller.user_id},
            "/v2/user/courses/admin/list": lambda: {"userId": ASHA.user_id},
            "/private/v2/user/courses/list": lambda: {"userId": ASHA.user_id},
            "/v1/batch/bulk/enrollment": lambda: file,
            "/v1/batch/bulk/unenrollment": lambda: file,
            "/v1/batch/roster/plan": lambda: {"batchId": self.batch_id, "userIds": [KAVYA.user_id]},
            "/v1/batch/roster/apply": lambda: {"batchId": self.batch_id, "userIds": [], "hash": "0" * 64},
            "/v1/batch/roster/undo": lambda: {"changeId": "change"},
            "/v1/content/state/read": lambda: {**ids, "userId": caller.user_id},
            "/private/v1/content/state/read": lambda: {**ids, "userId": ASHA.user_id},
            "/v1/content/state/update": lambda: {"userId": caller.user_id, "contents": contents},
            "/v1/user/content/state": lambda: {"userId": caller.user_id, "contents": contents},
            "/v1/activity/agg": lambda: {**ids, "userId": ASHA.user_id},
            "/v1/assessment/agg": lambda: {
                **ids,
                "userId": ASHA.user_id,
                "contentId": QUIZ,
                "attemptId": "a",
                "assessmentTs": 1_770_000_000_000,
                "events": [answer(1, 1.0)],
            },
            "/v1/group/activity/agg": lambda: {"groupId": "group", "activityId": COURSE, "activityType": "Course"},
            "/v1/collection/summary": lambda: {"filters": {"collectionId": COURSE, "batchId": self.batch_id}},
            "/v1/course/batch/figures": lambda: {"batchIds": [self.batch_id]},
            "/v1/course/batch/help": lambda: {"batchIds": [self.batch_id]},
            "/v1/course/batch/contact/add": lambda: {
                "batchId": self.batch_id,
                "userIds": [ASHA.user_id],
                "how": "phone",
            },
            "/v1/course/batch/contact/undo": lambda: {
                "batchId": self.batch_id,
                "userId": ASHA.user_id,
                "contactId": "unknown",
            },
            "/v1/course/batch/learners": lambda: {"batchId": self.batch_id},
            "/v1/course/batch/cert/template/add": lambda: {"batch": {**ids, "template": template}},
            "/v1/course/batch/cert/template/remove": lambda: {"batch": {**ids, "template": template}},
            "/v1/course/batch/cert/template/preview": lambda: {"batch": {**ids, "template": template}},
            "/v1/course/batch/cert/issue": lambda: ids,
            "/v1/course/batch/cert/retry": lambda: {"batchId": self.batch_id},
            "/v1/course/batch/cert/status": lambda: {
                "identifier": "certificate",
                "status": "suspended",
                "reason": "a doubt",
            },
            "/v1/jobrequest/submit": lambda: report,
            "/dataset/v1/request/submit": lambda: report,
            "/dataset/v1/request/search": lambda: {"filters": {"dataset": "progress-exhaust"}},
            "/v1/webhook/create": lambda: {"organisationId": HOME_ORG, "url": "https://127.0.0.1:1/"},
            "/v1/webhook/update": lambda: {"webhookId": self.webhook(), "active": True},
            "/v1/webhook/delete": lambda: {"webhookId": self.webhook()},
            "/v1/webhook/secret/rotate": lambda: {"webhookId": self.webhook()},
            "/v1/webhook/test": lambda: {"webhookId": self.webhook()},
            "/v1/webhook/replay": lambda: {"webhookId": self.webhook()},
            "/certs/v1/registry/search": lambda: {"query": {"recipientId": ASHA.user_id}},
            "/certs/v2/registry/search": lambda: {"query": {"recipientId": ASHA.user_id}},
            "/certs/v1/registry/validate": lambda: {"certId": "unknown"},
            "/certs/v1/registry/verify": lambda: {"id": "unknown"},
            "/certs/v1/registry/download": lambda: {"pdfUrl": "https://example.org/unknown.pdf"},
            "/api/user/v1/certs/download": lambda: {"pdfUrl": "https://example.org/unknown.pdf"},
        }
        if path == "/api/rc/certificate/v1/search":
            return {"filters": {"recipient": {"id": {"eq": ASHA.user_id}}}}
        if path == "/private/v1/user/account/merge":
            return {"edata": {"fromAccountId": "nobody-1", "toAccountId": ASHA.user_id}}
        if path == "/private/v1/user/account/delete":
            return {"edata": {"userId": "nobody-1"}}
        return {"request": requests[path]()} if path in requests else None


SERVICE_PATHS: dict[str, str] = {}  # the gateway's path → the service's of the same call; filled from routes.py


@contextmanager
def world(home: Path, dsn: str) -> Iterator[World]:
    settings = {
        "private_networks": "10.0.0.0/8",
        "trusted_proxies": "127.0.0.0/8",
        "machine_clients": "timetable=machine-key-of-sixteen",
        "webhooks_enabled": True,
        "webhook_hosts": "127.0.0.1:1",
    }
    with running(home, dsn, **settings) as service:
        yield World(service)
