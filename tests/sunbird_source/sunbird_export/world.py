"""Builds a world in the source's shapes and, beside it, what an import must make of it.

A story tells the truth about a learner and asks for the rows that the source has of it, oddities included; what the
importer must end with is written down from the truth, not by converting the rows. So the expectation is no second
importer: where a rule decides (which of two dates counts), the story says the outcome.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.sunbird_source.sunbird_export.formats import (
    Escape,
    Udt,
    csv_field,
    csv_line,
    dsbulk_line,
    dsbulk_time,
    iso,
    millis,
)

IST = timezone(timedelta(hours=5, minutes=30))
MAPS = "list<frozen<map<text, text>>>"
QUESTION = ("id", "assess_ts", "max_score", "score", "type", "title", "resvalues", "params", "description", "duration")

# Table → keyspace, key columns, the other columns with their types. Files show the key first, then the alphabet.
TABLES: dict[str, tuple[str, tuple[str, ...], dict[str, str]]] = {
    "course_batch": (
        "sunbird_courses",
        ("courseid", "batchid"),
        {
            "cert_templates": "map<text, frozen<map<text, text>>>",
            "created_date": "timestamp",
            "createdby": "text",
            "createddate": "text",
            "createdfor": "list<text>",
            "description": "text",
            "end_date": "timestamp",
            "enddate": "text",
            "enrollment_enddate": "timestamp",
            "enrollmentenddate": "text",
            "enrollmenttype": "text",
            "mentors": "list<text>",
            "name": "text",
            "start_date": "timestamp",
            "startdate": "text",
            "status": "int",
            "tandc": "boolean",
            "updated_date": "timestamp",
            "updateddate": "text",
        },
    ),
    "user_enrolments": (
        "sunbird_courses",
        ("userid", "courseid", "batchid"),
        {
            "active": "boolean",
            "addedby": "text",
            "certificates": MAPS,
            "certstatus": "int",
            "completedon": "timestamp",
            "completionpercentage": "int",
            "contentstatus": "map<text, int>",
            "datetime": "timestamp",
            "enrolled_date": "timestamp",
            "enrolleddate": "text",
            "issued_certificates": MAPS,
            "lastcontentaccesstime": "timestamp",
            "lastreadcontentid": "text",
            "lastreadcontentstatus": "int",
            "progress": "int",
            "status": "int",
        },
    ),
    "user_content_consumption": (
        "sunbird_courses",
        ("userid", "courseid", "batchid", "contentid"),
        {
            "completedcount": "int",
            "completionpercentage": "float",
            "datetime": "timestamp",
            "last_access_time": "timestamp",
            "last_completed_time": "timestamp",
            "last_updated_time": "timestamp",
            "lastaccesstime": "text",
            "lastcompletedtime": "text",
            "lastupdatedtime": "text",
            "progress": "int",
            "progressdetails": "text",
            "status": "int",
            "viewcount": "int",
        },
    ),
    "assessment_aggregator": (
        "sunbird_courses",
        ("user_id", "course_id", "batch_id", "content_id", "attempt_id"),
        {
            "created_on": "timestamp",
            "grand_total": "text",
            "last_attempted_on": "timestamp",
            "question": "list<frozen<question>>",
            "total_max_score": "double",
            "total_score": "double",
            "updated_on": "timestamp",
        },
    ),
    "user_activity_agg": (
        "sunbird_courses",
        ("activity_type", "activity_id", "user_id", "context_id"),
        {
            "agg": "map<text, int>",
            "agg_details": "list<text>",
            "agg_last_updated": "map<text, timestamp>",
            "aggregates": "map<text, double>",
        },
    ),
    "user_courses": (
        "sunbird_courses",
        ("batchid", "userid"),
        {
            "active": "boolean",
            "addedby": "text",
            "certificates": MAPS,
            "completedon": "timestamp",
            "completionpercentage": "int",
            "contentstatus": "map<text, int>",
            "courseid": "text",
            "datetime": "timestamp",
            "delta": "text",
            "enrolleddate": "text",
            "grade": "text",
            "lastreadcontentid": "text",
            "lastreadcontentstatus": "int",
            "progress": "int",
            "status": "int",
        },
    ),
    "content_consumption": (
        "sunbird_courses",
        ("userid", "contentid", "batchid", "courseid"),
        {
            "completedcount": "int",
            "contentversion": "text",
            "datetime": "timestamp",
            "grade": "text",
            "lastaccesstime": "text",
            "lastcompletedtime": "text",
            "lastupdatedtime": "text",
            "progress": "int",
            "result": "text",
            "score": "text",
            "status": "int",
            "viewcount": "int",
        },
    ),
    "bulk_upload_process": (
        "sunbird_courses",
        ("id",),
        {
            "data": "text",
            "failureresult": "text",
            "objecttype": "text",
            "processendtime": "text",
            "processstarttime": "text",
            "status": "int",
            "successresult": "text",
            "uploadedby": "text",
            "uploadeddate": "text",
        },
    ),
    "cert_registry": (
        "sunbird",
        ("id",),
        {
            "accesscode": "text",
            "createdat": "timestamp",
            "createdby": "text",
            "data": "text",
            "isrevoked": "boolean",
            "jsonurl": "text",
            "pdfurl": "text",
            "reason": "text",
            "recipient": "text",
            "related": "text",
            "updatedat": "timestamp",
            "updatedby": "text",
        },
    ),
}


ARCHIVE = (
    "content_id,attempt_id,user_id,course_id,batch_id,created_on,last_attempted_on,total_max_score,total_score,"
    "updated_on,grand_total,question"
)


def at(text: str) -> datetime:
    """An instant: `2025-03-04 05:06:07.890` in UTC, or with `+05:30` behind it."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def day_start(day: str) -> datetime:
    """Midnight in India, as the reference stores a first day."""
    return datetime.fromisoformat(day).replace(tzinfo=IST).astimezone(UTC)


def day_end(day: str) -> datetime:
    """The last millisecond of a day in India, as the reference stores a last day."""
    return day_start(day) + timedelta(days=1) - timedelta(milliseconds=1)


def old(moment: datetime, zone: timezone = UTC) -> str:
    """An instant in the text columns: a colon stands before the milliseconds."""
    local = moment.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M:%S}:{local.microsecond // 1000:03d}{local:%z}"


def identifier(*parts: str) -> str:
    """An id in the form of a UUID, the same in every run."""
    digits = hashlib.sha256("/".join(parts).encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"


@dataclass(frozen=True)
class Course:
    """`required`: leaf nodes in document order; `optional`: in an optional unit; `assessments`: of the required."""

    course_id: str
    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    assessments: tuple[str, ...] = ()

    def hierarchy(self) -> dict[str, Any]:
        half = (len(self.required) + 1) // 2
        units = [
            self._unit(1, self.required[:half]),
            self._unit(2, self.required[half:]),
            *([self._unit(3, self.optional, optional=True)] if self.optional else []),
        ]
        return {
            "result": {
                "content": {
                    "identifier": self.course_id,
                    "name": self.name,
                    "objectType": "Content",
                    "contentType": "Course",
                    "primaryCategory": "Course",
                    "mimeType": "application/vnd.ekstep.content-collection",
                    "status": "Live",
                    "channel": "org-1",
                    "pkgVersion": 1,
                    "versionKey": "1",
                    "visibility": "Default",
                    "trackable": {"enabled": "Yes", "autoBatch": "No"},
                    "leafNodesCount": len(self.required) + len(self.optional),
                    "children": units,
                }
            }
        }

    def _unit(self, number: int, leaves: tuple[str, ...], *, optional: bool = False) -> dict[str, Any]:
        return {
            "identifier": f"{self.course_id}_u{number}",
            "name": f"Unit {number}",
            "objectType": "Content",
            "contentType": "CourseUnit",
            "primaryCategory": "Course Unit",
            "visibility": "Parent",
            "status": "Live",
            "mimeType": "application/vnd.ekstep.content-collection",
            **({"relationalMetadata": {"optional": True}} if optional else {}),
            "children": [
                {
                    "identifier": leaf,
                    "name": f"Content {leaf}",
                    "objectType": "Content",
                    "contentType": "Resource",
                    "primaryCategory": "Course Assessment" if leaf in self.assessments else "Learning Resource",
                    "mimeType": "application/pdf",
                    "visibility": "Default",
                    "status": "Live",
                    "children": [],
                }
                for leaf in leaves
            ],
        }


@dataclass
class State:
    """How far a learner is in one content, as the target keeps it; `details` is [milliseconds, value]."""

    status: int
    progress: int
    views: int
    completions: int
    accessed: datetime | None
    completed: datetime | None
    updated: datetime
    details: list[Any] | None = None

    def shown(self) -> list[Any]:
        seven = [
            self.status,
            self.progress,
            self.views,
            self.completions,
            millis(self.accessed),
            millis(self.completed),
            millis(self.updated),
        ]
        return seven if self.details is None else [*seven, self.details]


def done(when: datetime, views: int = 1) -> State:
    return State(2, 100, views, 1, when, when, when)


def begun(when: datetime, progress: int = 0) -> State:
    return State(1, progress, 1, 0, when, None, when)


@dataclass
class Attempt:
    content_id: str
    attempt_id: str
    when: datetime
    score: float
    max_score: float
    questions: list[dict[str, Any]] = field(default_factory=list)


def question(number: int, when: datetime, score: float, max_score: float = 1.0, **given: Any) -> dict[str, Any]:
    """One answer, as the target keeps it; `assess_ts` in milliseconds."""
    return {
        "id": f"do_q{number}",
        "assess_ts": millis(when),
        "max_score": max_score,
        "score": score,
        "type": "mcq",
        "title": f"Question {number}",
        "resvalues": [{"1": '{"text":"A"}'}],
        "params": [{"1": '{"text":"A"}'}, {"answer": '{"correct":["1"]}'}],
        "description": "",
        "duration": 2.5,
        **given,
    }


class World:
    def __init__(self, courses: list[Course]) -> None:
        self.courses = {course.course_id: course for course in courses}
        self.rows: dict[str, list[dict[str, Any]]] = {table: [] for table in TABLES}
        self.raw: dict[str, list[tuple[str, str]]] = defaultdict(list)  # broken lines: (csv, json)
        self.registry: list[dict[str, Any]] = []
        self.archive: dict[str, list[list[str]]] = defaultdict(list)  # file name → lines of archived attempts
        self.job_requests: list[dict[str, Any]] = []
        self.batches: dict[str, dict[str, Any]] = {}
        self.enrolments: dict[tuple[str, str], dict[str, Any]] = {}
        self.attempts: dict[tuple[str, str, str, str], dict[str, Any]] = {}
        self.certificates: dict[str, dict[str, Any]] = {}
        self.problems: dict[str, list[dict[str, Any]]] = defaultdict(list)

    # ── the source ──

    def row(self, table: str, **columns: Any) -> dict[str, Any]:
        _, keys, others = TABLES[table]
        unknown = set(columns) - set(keys) - set(others)
        if unknown:
            raise KeyError(f"{table}: {unknown}")
        self.rows[table].append(columns)
        return columns

    def problem(self, kind: str, *key: str, **said: Any) -> None:
        self.problems[kind].append({"key": list(key), **said})

    def content_row(self, key: tuple[str, str, str, str], state: State, *, dates: str = "new", **changed: Any) -> None:
        """A row of user_content_consumption. `dates`: new (timestamps), old (texts), both."""
        user_id, course_id, batch_id, content_id = key
        columns: dict[str, Any] = {
            "userid": user_id,
            "courseid": course_id,
            "batchid": batch_id,
            "contentid": content_id,
            "status": state.status,
            "progress": state.progress,
            "viewcount": state.views,
            "completedcount": state.completions,
            "datetime": state.updated,
        }
        for new_name, old_name, moment in (
            ("last_access_time", "lastaccesstime", state.accessed),
            ("last_completed_time", "lastcompletedtime", state.completed),
            ("last_updated_time", "lastupdatedtime", state.updated),
        ):
            if moment is not None and dates in ("new", "both"):
                columns[new_name] = moment
            if moment is not None and dates in ("old", "both"):
                columns[old_name] = old(moment)
        self.row("user_content_consumption", **{**columns, **changed})

    def attempt_row(self, user_id: str, course_id: str, batch_id: str, tried: Attempt, **changed: Any) -> None:
        questions = [Udt({name: _column(name, answer.get(name)) for name in QUESTION}) for answer in tried.questions]
        self.row(
            "assessment_aggregator",
            **{
                "user_id": user_id,
                "course_id": course_id,
                "batch_id": batch_id,
                "content_id": tried.content_id,
                "attempt_id": tried.attempt_id,
                "created_on": tried.when,
                "last_attempted_on": tried.when,
                "updated_on": tried.when,
                "total_score": tried.score,
                "total_max_score": tried.max_score,
                "grand_total": f"{tried.score:g}/{tried.max_score:g}",
                "question": questions or None,
                **changed,
            },
        )

    def archived(self, file: str, user_id: str, course_id: str, batch_id: str, tried: Attempt) -> None:
        """A line of a file that the archival job wrote before it deleted the row: `null` where there is nothing."""
        when = dsbulk_time(tried.when)
        answers = [
            {**answer, "assess_ts": dsbulk_time(datetime.fromtimestamp(answer["assess_ts"] / 1000, UTC))}
            for answer in tried.questions
        ]
        self.archive[file].append(
            [
                tried.content_id,
                tried.attempt_id,
                user_id,
                course_id,
                batch_id,
                "null",
                when,
                f"{tried.max_score}",
                f"{tried.score}",
                when,
                f"{tried.score:g}/{tried.max_score:g}",
                texts(answers),
            ]
        )

    def aggregate_row(
        self,
        user_id: str,
        course_id: str,
        batch_id: str,
        aggregates: dict[str, float] | None,
        when: datetime,
        **changed: Any,
    ) -> None:
        self.row(
            "user_activity_agg",
            **{
                "activity_type": "Course",
                "activity_id": course_id,
                "user_id": user_id,
                "context_id": f"cb:{batch_id}",
                "aggregates": aggregates,
                "agg_last_updated": dict.fromkeys(aggregates or {}, when),
                **changed,
            },
        )

    # ── what must come of it ──

    def batch(self, batch_id: str, course_id: str, **expected: Any) -> None:
        self.batches[batch_id] = {"batch_id": batch_id, "course_id": course_id, **expected}

    def learner(
        self,
        user_id: str,
        batch_id: str,
        course_id: str,
        *,
        enrolled: datetime,
        states: dict[str, State],
        active: bool = True,
        added_by: str | None = None,
        tries: list[Attempt] | None = None,
        stored_status: int = 0,
        completed: datetime | None = None,
        certificates: list[dict[str, str]] | None = None,
        scores: dict[str, list[float]] | None = None,
        last_read: list[Any] | None = None,
        percentage: int | None = None,
        progress: int | None = None,
        moment: datetime | None = None,
        rows: bool = True,
        row: dict[str, Any] | None = None,
        dates: str = "new",
        **changed: Any,
    ) -> None:
        """One learner in one batch: the expectation, and (`rows`) the plain rows of it with `row` changed.

        `completed` None: the latest completion of the required contents, where they are all done.
        """
        course = self.courses.get(course_id)
        required = set(course.required) if course else set()
        finished = [state for content_id, state in states.items() if content_id in required and state.status == 2]
        is_complete = bool(required) and len(finished) == len(required)
        status = 2 if is_complete else max(stored_status, 1 if any(state.status for state in states.values()) else 0)
        count = len(finished) if progress is None else progress
        if status == 2 and completed is None and is_complete:
            completed = max(state.completed or state.updated for state in finished)
        shown = 100 if status == 2 else (count * 100 // len(required) if required else 0)
        tries = tries or []
        best: dict[str, list[float]] = {}
        for tried in sorted(tries, key=lambda one: (-one.score, one.when, one.attempt_id)):
            known = best.setdefault(tried.content_id, [tried.score, tried.max_score, 0])
            known[2] += 1
        read = last_read or self._last_read(states)
        latest = max([enrolled, *(state.updated for state in states.values()), *([completed] if completed else [])])
        self.enrolments[user_id, batch_id] = {
            "user_id": user_id,
            "batch_id": batch_id,
            "course_id": course_id,
            "active": active,
            "added_by": added_by,
            "added_how": "hand" if added_by and added_by != user_id else "self",
            "enrolled_at": iso(enrolled),
            "status": status,
            "progress": count,
            "percentage": shown if percentage is None else percentage,
            "completed_at": iso(completed) if status == 2 else None,
            "last_read_content_id": read[0],
            "last_read_content_status": read[1],
            "last_access_at": read[2],
            "states": {content_id: state.shown() for content_id, state in sorted(states.items())},
            "scores": {**best, **(scores or {})},
            "certificates": certificates or [],
            **changed,
        }
        for tried in tries:
            self.attempts[user_id, batch_id, tried.content_id, tried.attempt_id] = {
                "course_id": course_id,
                "attempted_ms": millis(tried.when),
                "score": tried.score,
                "max_score": tried.max_score,
                "questions": tried.questions,
            }
        if not rows:
            return
        self.row(
            "user_enrolments",
            **{
                "userid": user_id,
                "courseid": course_id,
                "batchid": batch_id,
                "active": active,
                "addedby": added_by,
                "enrolled_date": enrolled,
                "status": status,
                "progress": count,
                "datetime": moment or latest,
                "completedon": completed if status == 2 else None,
                "contentstatus": {content_id: state.status for content_id, state in states.items()} or None,
                "lastreadcontentid": read[0],
                "lastreadcontentstatus": read[1],
                "lastcontentaccesstime": at(read[2].rstrip("Z")) if read[2] else None,
                "issued_certificates": certificates or None,
                **(row or {}),
            },
        )
        for content_id, state in states.items():
            self.content_row((user_id, course_id, batch_id, content_id), state, dates=dates)
        for tried in tries:
            self.attempt_row(user_id, course_id, batch_id, tried)
        if states or tries:
            figures: dict[str, float] = {"completedCount": float(count)}
            for content_id, (score, of, number) in best.items():
                figures |= {
                    f"score:{content_id}": score,
                    f"max_score:{content_id}": of,
                    f"attempts_count:{content_id}": float(number),
                }
            self.aggregate_row(user_id, course_id, batch_id, figures, latest)

    @staticmethod
    def _last_read(states: dict[str, State]) -> list[Any]:
        """The latest access; of two at once the greater id; where no access is known, when the state last changed."""
        if not states:
            return [None, None, None]
        name = max(states, key=lambda one: (states[one].accessed or states[one].updated, one))
        return [name, states[name].status, iso(states[name].accessed or states[name].updated)]

    def certificate(
        self,
        certificate_id: str,
        user_id: str,
        batch_id: str,
        course_id: str,
        name: str,
        *,
        source: str,
        status: str,
        issued: datetime | None,
        template_id: str | None,
        token: str = "",
    ) -> None:
        self.certificates[certificate_id] = {
            "certificate_id": certificate_id,
            "user_id": user_id,
            "batch_id": batch_id,
            "course_id": course_id,
            "name": name,
            "source": source,
            "status": status,
            "issued_at": iso(issued),
            "template_id": template_id,
            "token": token,
        }

    # ── files ──

    def expected(self) -> dict[str, Any]:
        course_batches = [*self.batches.values()]
        return {
            "source_rows": {table: len(rows) for table, rows in self.rows.items()},
            "unreadable_rows": {table: len(lines) for table, lines in self.raw.items()},
            "registry_entities": len(self.registry),
            "archived_attempts": sum(len(lines) for lines in self.archive.values()),
            "target_rows": {
                "batch": len(course_batches),
                "enrolment": len(self.enrolments),
                "enrolment_active": sum(one["active"] for one in self.enrolments.values()),
                "content_state": sum(len(one["states"]) for one in self.enrolments.values()),
                "completed": sum(one["status"] == 2 for one in self.enrolments.values()),
                "attempt": len(self.attempts),
                "imported_certificate": len(self.certificates),
            },
            "by_batch": {
                batch_id: {
                    "enrolments": sum(key[1] == batch_id for key in self.enrolments),
                    "active": sum(one["active"] for key, one in self.enrolments.items() if key[1] == batch_id),
                    "completed": sum(one["status"] == 2 for key, one in self.enrolments.items() if key[1] == batch_id),
                    "states": sum(len(one["states"]) for key, one in self.enrolments.items() if key[1] == batch_id),
                    "attempts": sum(key[1] == batch_id for key in self.attempts),
                }
                for batch_id in sorted(self.batches)
            },
            "batches": {key: self.batches[key] for key in sorted(self.batches)},
            "enrolments": [self.enrolments[key] for key in sorted(self.enrolments)],
            "attempts": [
                {
                    "user_id": key[0],
                    "batch_id": key[1],
                    "content_id": key[2],
                    "attempt_id": key[3],
                    **self.attempts[key],
                }
                for key in sorted(self.attempts)
            ],
            "certificates": [self.certificates[key] for key in sorted(self.certificates)],
            "problem_counts": {kind: len(found) for kind, found in sorted(self.problems.items())},
            "problems": {
                kind: sorted(found, key=lambda one: one["key"]) for kind, found in sorted(self.problems.items())
            },
        }

    def write(
        self, folder: Path, *, renamed: dict[str, dict[str, str]] | None = None, names: dict[str, str] | None = None
    ) -> None:
        """All forms of it under `folder`. `renamed`: columns called otherwise by table; `names`: tables."""
        for form, escape in (("cqlsh", Escape.DOUBLE), ("cqlsh-py39", Escape.SINGLE)):
            for table, rows in self.rows.items():
                columns, lines = self._table(table, rows)
                shown = [(renamed or {}).get(table, {}).get(column, column) for column in columns]
                text = ",".join(csv_field(column, escape) for column in shown) + "\r\n"
                text += "".join(csv_line(values, escape) for values in lines)
                text += "".join(line for line, _ in self.raw.get(table, ()))
                _put(folder / form / TABLES[table][0] / f"{(names or {}).get(table, table)}.csv", text)
            _put(
                folder / form / "sunbird_courses" / "schema.cql", schema("sunbird_courses", renamed or {}, names or {})
            )
        for table, rows in self.rows.items():
            columns, lines = self._table(table, rows)
            shown = [(renamed or {}).get(table, {}).get(column, column) for column in columns]
            text = "".join(dsbulk_line(shown, values) for values in lines)
            text += "".join(line for _, line in self.raw.get(table, ()))
            name = (names or {}).get(table, table)
            _put(folder / "dsbulk" / TABLES[table][0] / name / "output-000001.json", text)
        _put(folder / "registry" / "TrainingCertificate.jsonl", "".join(texts(one) + "\n" for one in self.registry))
        head = [
            "tag",
            "request_id",
            "job_id",
            "status",
            "requested_by",
            "requested_channel",
            "dt_job_submitted",
            "iteration",
            "encryption_key",
            "request_data",
        ]
        text = ",".join(head) + "\n"
        for one in self.job_requests:
            text += ",".join('"' + str(one.get(name) or "").replace('"', '""') + '"' for name in head) + "\n"
        _put(folder / "postgres" / "job_request.csv", text)
        for file, lines in self.archive.items():
            text = ARCHIVE + "\n" + "".join(",".join(_archive_field(one) for one in line) + "\n" for line in lines)
            _put(folder / "archive" / file, text)
        for course in self.courses.values():
            _put(folder / "courses" / f"{course.course_id}.json", json.dumps(course.hierarchy(), indent=1) + "\n")
        _put(folder / "expected.json", json.dumps(self.expected(), indent=1, ensure_ascii=False) + "\n")

    @staticmethod
    def _table(table: str, rows: list[dict[str, Any]]) -> tuple[list[str], list[list[Any]]]:
        _, keys, others = TABLES[table]
        columns = [*keys, *sorted(others)]
        return columns, [[row.get(column) for column in columns] for row in rows]


def _column(name: str, value: Any) -> Any:
    """A field of an answer in the source's type."""
    if value is None:
        return None
    if name == "assess_ts":
        return datetime.fromtimestamp(value / 1000, UTC)
    return Decimal(str(value)) if name == "duration" else value


def schema(keyspace: str, renamed: dict[str, dict[str, str]], names: dict[str, str]) -> str:
    """What DESCRIBE KEYSPACE would say, without the options."""
    text = (
        f"CREATE KEYSPACE {keyspace} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': '1'}};\n\n"
    )
    text += "CREATE TYPE sunbird_courses.question (id text, assess_ts timestamp, max_score double, score double, "
    text += f"type text, title text, resvalues {MAPS}, params {MAPS}, description text, duration decimal);\n\n"
    for table, (owner, keys, others) in TABLES.items():
        if owner != keyspace:
            continue
        called = renamed.get(table, {})
        columns = [f"    {called.get(key, key)} text" for key in keys]
        columns += [f"    {called.get(name, name)} {kind}" for name, kind in sorted(others.items())]
        key = ", ".join(called.get(one, one) for one in keys)
        body = ",\n".join([*columns, f"    PRIMARY KEY ({key})"])
        text += f"CREATE TABLE {keyspace}.{names.get(table, table)} (\n{body}\n);\n\n"
    return text


def texts(value: Any) -> str:
    """JSON as the text columns hold it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _archive_field(text: str) -> str:
    """As Spark writes CSV: quoted where it must be, quotes and backslashes with a backslash before them."""
    if not any(char in text for char in ',"\r\n'):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
