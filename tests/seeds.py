"""What the sandbox holds before a test: two organisations, the people of people.py, and three small courses."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sandbox
from lernbatch.database import db
from lernbatch.database.migrate import migrate
from sandbox import importing, published
from tests.people import EVERYBODY, HOME_ORG, OTHER_ORG, Person

COURSE = "do_3100000000000000001"  # five leaf nodes in two units, one optional, one question set
SECOND_COURSE = "do_3100000000000000002"  # two leaf nodes, no units
RETIRED_COURSE = "do_3100000000000000003"
VIDEO, BOOK, QUIZ, EXTRA, PAGE = (f"do_310000000000000000{n}" for n in (11, 12, 13, 14, 15))
LEAF_NODES = (VIDEO, BOOK, QUIZ, EXTRA, PAGE)
REQUIRED = (VIDEO, BOOK, QUIZ, PAGE)
QUIZ_QUESTIONS = 4
ORGANISATIONS = (
    {"org_id": HOME_ORG, "name": "State Board"},
    {"org_id": OTHER_ORG, "name": "City School"},
)
COLLECTION = "application/vnd.ekstep.content-collection"


def leaf(content_id: str, name: str, mime_type: str = "video/mp4", **more: Any) -> dict[str, Any]:
    return {
        "identifier": content_id,
        "name": name,
        "mimeType": mime_type,
        "contentType": "Resource",
        "primaryCategory": "Learning Resource",
        "objectType": "Content",
        "visibility": "Default",
        "status": "Live",
        **more,
    }


def unit(unit_id: str, name: str, *children: dict[str, Any]) -> dict[str, Any]:
    return leaf(
        unit_id,
        name,
        COLLECTION,
        contentType="CourseUnit",
        primaryCategory="Course Unit",
        visibility="Parent",
        leafNodesCount=len(children),
        children=list(children),
    )


def course(course_id: str, name: str, *children: dict[str, Any], **more: Any) -> dict[str, Any]:
    def leaves(nodes: Any) -> int:
        return sum(leaves(node["children"]) if "children" in node else 1 for node in nodes)

    return leaf(
        course_id,
        name,
        COLLECTION,
        **{
            "contentType": "Course",
            "primaryCategory": "Course",
            "channel": HOME_ORG,
            "leafNodesCount": leaves(children),
            "trackable": {"enabled": "Yes", "autoBatch": "No"},
            "userConsent": "Yes",
            "pkgVersion": 1,
            "versionKey": "1700000000000",
            "children": list(children),
            **more,
        },
    )


COURSES = (
    course(
        COURSE,
        "Early mathematics",
        unit(
            "do_3100000000000000021", "गिनती", leaf(VIDEO, "Counting to ten"), leaf(BOOK, "Zahlen", "application/pdf")
        ),
        unit(
            "do_3100000000000000022",
            "Practice",
            leaf(
                QUIZ,
                "Quiz",
                "application/vnd.sunbird.questionset",
                objectType="QuestionSet",
                contentType="SelfAssess",
                primaryCategory="Course Assessment",
                totalQuestions=QUIZ_QUESTIONS,
                maxAttempts=3,
            ),
            leaf(EXTRA, "A song", relationalMetadata={"optional": True}),
            leaf(PAGE, "எண்கள்", "text/x-url"),
        ),
    ),
    course(
        SECOND_COURSE,
        "Reading aloud",
        leaf("do_3100000000000000031", "A story"),
        leaf("do_3100000000000000032", "A poem"),
        userConsent="No",
    ),
    course(RETIRED_COURSE, "Old course", leaf("do_3100000000000000033", "A film")),
)


def answer(number: int, score: float, *, ets: int = 1_760_000_000_000, max_score: float = 1.0) -> dict[str, Any]:
    """An ASSESS event: the answer to one question of the quiz."""
    return {
        "eid": "ASSESS",
        "ets": ets + number,
        "edata": {
            "index": number,
            "pass": "Yes" if score else "No",
            "score": score,
            "duration": 3.0,
            "resvalues": [{"1": '{"text":"A"}'}],
            "item": {
                "id": f"do_q{number}",
                "title": f"Question {number}",
                "desc": "",
                "type": "mcq",
                "maxscore": max_score,
                "params": [{"1": '{"text":"A"}'}],
            },
        },
    }


async def migrate_and_seed(dsn: str) -> None:
    """All tables of ours and of the sandbox, with its people and courses."""
    await migrate(dsn)
    await migrate(dsn, sandbox.MIGRATIONS)
    await seed(dsn)


async def seed(dsn: str) -> None:
    """Fill the sandbox of a migrated database."""
    conn = await db.connect(dsn)
    try:
        now = datetime.now(UTC)
        for tree in COURSES:
            await importing.put_course(conn, published.read_course({"result": {"content": tree}}), now)
        await conn.execute(
            'UPDATE sandbox_content SET metadata = metadata || \'{"status":"Retired"}\' WHERE content_id = $1',
            RETIRED_COURSE,
        )
        with TemporaryDirectory() as folder:
            await importing.organisations(conn, _csv(Path(folder, "orgs.csv"), ORGANISATIONS))
            await importing.people(conn, _csv(Path(folder, "people.csv"), [_row(person) for person in EVERYBODY]))
    finally:
        await conn.close()


def _row(person: Person) -> dict[str, str]:
    return {
        "user_id": person.user_id,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "org_id": person.org_id,
        "roles": "|".join(person.roles),
        "state": "Karnataka",
        "district": "Tumkur",
        "user_type": "teacher",
        "email": f"{person.user_id[-4:]}@example.org",
        "phone": "9876543210",
    }


def _csv(path: Path, rows: Sequence[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path
