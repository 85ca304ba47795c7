"""The story of a small, nasty Sunbird: which learner shows which oddity. The same in every run.

Everybody and everything in it is invented. Settings it assumes: time zone Asia/Kolkata, federation provider `fed-1`.
"""

from __future__ import annotations

from typing import Any

from tests.sunbird_source.sunbird_export.formats import iso, millis
from tests.sunbird_source.sunbird_export.world import (
    IST,
    Attempt,
    Course,
    State,
    World,
    at,
    begun,
    day_end,
    day_start,
    done,
    identifier,
    old,
    question,
    texts,
)

A = [f"do_3141000000000001{n:02d}" for n in range(1, 7)]  # the last is optional, the fifth an assessment
B = [f"do_3141000000000002{n:02d}" for n in range(1, 9)]  # the eighth is an assessment
C1 = Course("do_3141000000000001", "Fractions for class 5", tuple(A[:5]), (A[5],), (A[4],))
C2 = Course("do_3141000000000002", "Reading aloud", tuple(B), (), (B[7],))
C3 = "do_3141000000000003"  # the content service does not know it any more
BATCHES = {n: f"01410000000000000{n:02d}" for n in range(1, 10)}
GONE = "0141000000000000099"
MENTOR = identifier("mentor", "1")
NASTY = "What's \"5 < 6\", C:\\new\\table,\nline two\tand a no-break\u00a0space, ‘ok’ 👍\u2028{a: 'b'}"


def user(number: int) -> str:
    return identifier("learner", str(number))


def batches(w: World) -> None:
    b = BATCHES
    w.row(
        "course_batch",
        courseid=C1.course_id,
        batchid=b[1],
        name="January",
        description="First run",
        status=2,
        enrollmenttype="open",
        createdby=MENTOR,
        createdfor=["org-1"],
        mentors=[MENTOR],
        tandc=True,
        start_date=day_start("2024-01-10"),
        startdate="2024-01-10",
        end_date=day_end("2024-06-30"),
        enddate="2024-06-30",
        enrollment_enddate=day_end("2024-05-31"),
        enrollmentenddate="2024-05-31",
        created_date=at("2024-01-02 09:00"),
        createddate=old(at("2024-01-02 09:00")),
    )
    w.batch(
        b[1],
        C1.course_id,
        name="January",
        description="First run",
        enrolment_type="open",
        created_by=MENTOR,
        created_for=["org-1"],
        mentors=[MENTOR],
        start_date="2024-01-10",
        end_date="2024-06-30",
        enrolment_end_date="2024-05-31",
        status=2,
        templates={},
        created_at=iso(at("2024-01-02 09:00")),
    )

    merit = {
        "criteria": {"enrollment": {"status": 2}},
        "issuer": {"name": "Board of O'Hara", "url": "https://board.example"},
        "signatoryList": [
            {
                "name": 'D. "Dee" O\'Brien',
                "id": "CEO",
                "designation": "Head\nof board \\ school",
                "image": "https://board.example/sign.png",
            }
        ],
        "notifyTemplate": {"subject": "It's done", "regards": "The board"},
    }
    good = {
        "criteria": {"enrollment": {"status": 2}, "assessment": {"score": {">=": 60}}},
        "issuer": {"name": "Board", "url": "https://board.example"},
        "signatoryList": [],
    }
    plain = {"identifier": "tmpl-1", "name": "Merit, O'Hara's", "url": "https://board.example/merit.svg"}
    w.row(
        "course_batch",
        courseid=C1.course_id,
        batchid=b[2],
        name="Always on",
        status=1,
        enrollmenttype="invite-only",
        createdby=MENTOR,
        createdfor=["org-1", "org-2"],
        mentors=[],
        start_date=day_start("2025-02-01"),
        created_date=at("2025-01-20 10:11:12.131"),
        updated_date=at("2025-03-01 00:00"),
        cert_templates={
            "tmpl-1": {**plain, **{name: texts(value) for name, value in merit.items()}},
            "tmpl-2": {
                "identifier": "tmpl-2",
                "name": "Good marks",
                "url": "https://board.example/good.svg",
                **{name: texts(value) for name, value in good.items()},
            },
            "tmpl-3": {
                "identifier": "tmpl-3",
                "name": "Broken",
                "url": "https://board.example/broken.svg",
                "criteria": "{enrollment:",
            },
        },
    )
    w.batch(
        b[2],
        C1.course_id,
        name="Always on",
        description=None,
        enrolment_type="invite-only",
        created_by=MENTOR,
        created_for=["org-1", "org-2"],
        mentors=[],
        start_date="2025-02-01",
        end_date=None,
        enrolment_end_date=None,
        status=1,
        templates={
            "tmpl-1": {**plain, **merit},
            "tmpl-2": {"identifier": "tmpl-2", "name": "Good marks", "url": "https://board.example/good.svg", **good},
            "tmpl-3": {
                "identifier": "tmpl-3",
                "name": "Broken",
                "url": "https://board.example/broken.svg",
                "criteria": "{enrollment:",
            },
        },
        created_at=iso(at("2025-01-20 10:11:12.131")),
    )
    w.problem("template-unreadable", b[2], "tmpl-3", field="criteria")

    w.row(
        "course_batch",
        courseid=C2.course_id,
        batchid=b[3],
        name="One day",
        status=1,
        enrollmenttype="open",
        createdby=MENTOR,
        startdate="2019-08-15",
        enddate="2019-08-15",
        createddate="2019-08-01 12:00:00:000+0530",
    )
    w.batch(
        b[3],
        C2.course_id,
        name="One day",
        description=None,
        enrolment_type="open",
        created_by=MENTOR,
        created_for=[],
        mentors=[],
        start_date="2019-08-15",
        end_date="2019-08-15",
        enrolment_end_date=None,
        status=2,
        templates={},
        created_at=iso(at("2019-08-01 12:00:00+05:30")),
    )
    w.problem("batch-date-from-text", b[3])
    w.problem("batch-status-stale", b[3], stored=1, reckoned=2)

    w.row(
        "course_batch",
        courseid=C2.course_id,
        batchid=b[4],
        description=NASTY,
        status=2,
        createdby=MENTOR,
        createdfor=["org-1"],
        mentors=[MENTOR, "mentor-b", MENTOR],
        start_date=at("2024-03-01 00:00"),
        end_date=at("2024-03-31 23:59:59.999"),
        created_date=at("2024-02-20 08:00"),
    )
    w.batch(
        b[4],
        C2.course_id,
        name="",
        description=NASTY,
        enrolment_type="open",
        created_by=MENTOR,
        created_for=["org-1"],
        mentors=[MENTOR, "mentor-b"],
        start_date="2024-03-01",
        end_date="2024-03-31",
        enrolment_end_date=None,
        status=2,
        templates={},
        created_at=iso(at("2024-02-20 08:00")),
    )
    w.problem("batch-day-by-zone", b[4])
    w.problem("batch-field-missing", b[4], fields=["enrollmenttype", "name"])

    w.row(
        "course_batch",
        courseid=C3,
        batchid=b[5],
        name="Later",
        status=0,
        enrollmenttype="open",
        createdby=MENTOR,
        start_date=day_start("2099-01-01"),
        created_date=at("2025-05-05 05:05"),
    )
    w.batch(
        b[5],
        C3,
        name="Later",
        description=None,
        enrolment_type="open",
        created_by=MENTOR,
        created_for=[],
        mentors=[],
        start_date="2099-01-01",
        end_date=None,
        enrolment_end_date=None,
        status=0,
        templates={},
        created_at=iso(at("2025-05-05 05:05")),
    )
    w.problem("batch-course-unknown", b[5], course_id=C3)

    for course, name in ((C1, "Twice, the smaller"), (C2, "Twice, the larger")):
        w.row(
            "course_batch",
            courseid=course.course_id,
            batchid=b[6],
            name=name,
            status=2,
            enrollmenttype="open",
            createdby=MENTOR,
            start_date=day_start("2023-01-01"),
            end_date=day_end("2023-12-31"),
            created_date=at("2022-12-20 00:00"),
        )
    w.batch(
        b[6],
        C2.course_id,
        name="Twice, the larger",
        description=None,
        enrolment_type="open",
        created_by=MENTOR,
        created_for=[],
        mentors=[],
        start_date="2023-01-01",
        end_date="2023-12-31",
        enrolment_end_date=None,
        status=2,
        templates={},
        created_at=iso(at("2022-12-20 00:00")),
    )
    w.problem("batch-id-twice", b[6], C1.course_id)

    w.row(
        "course_batch",
        courseid=C1.course_id,
        batchid=b[7],
        name="Never dated",
        status=0,
        enrollmenttype="open",
        createdby=MENTOR,
        created_date=at("2021-01-01 00:00"),
    )
    w.problem("batch-without-start", b[7])

    w.row(
        "course_batch",
        courseid=C1.course_id,
        batchid=b[8],
        name="Backwards",
        description="C:\\old",
        status=2,
        enrollmenttype="open",
        createdby=MENTOR,
        start_date=day_start("2024-05-10"),
        end_date=day_end("2024-05-01"),
        created_date=at("2024-04-01 00:00"),
    )
    w.batch(
        b[8],
        C1.course_id,
        name="Backwards",
        description="C:\\old",
        enrolment_type="open",
        created_by=MENTOR,
        created_for=[],
        mentors=[],
        start_date="2024-05-10",
        end_date="2024-05-10",
        enrolment_end_date=None,
        status=2,
        templates={},
        created_at=iso(at("2024-04-01 00:00")),
    )
    w.problem("batch-dates-reversed", b[8], start="2024-05-10", end="2024-05-01")


def enrolments(w: World) -> None:
    """Batch 1: what is odd about enrolments and states."""
    batch, course = BATCHES[1], C1.course_id
    joined = at("2024-01-12 04:30:00.250")

    def moment(day: int, hour: int = 10) -> Any:
        return at(f"2024-02-{day:02d} {hour:02d}:15:30.125")

    def some(count: int) -> dict[str, State]:
        return {A[n]: done(moment(n + 1)) for n in range(count)}

    entry = {
        "identifier": "cert-01",
        "name": "Merit",
        "token": "",
        "lastIssuedOn": "2024-02-06T10:00:00.000+0000",
        "type": "TrainingCertificate",
        "templateUrl": "https://board.example/merit.svg",
    }
    w.learner(
        user(1), batch, course, enrolled=joined, states=some(5), stored_status=2, certificates=[entry], dates="both"
    )
    registered(w, entry, user(1), batch, C1)
    w.learner(user(2), batch, course, enrolled=joined, states={**some(2), A[2]: begun(moment(9), 40)}, stored_status=1)
    w.learner(user(3), batch, course, enrolled=joined, states={})
    w.learner(user(4), batch, course, enrolled=joined, states=some(3), active=False, stored_status=1)
    w.learner(
        user(5),
        batch,
        course,
        enrolled=joined,
        states=some(1),
        stored_status=1,
        row={"enrolled_date": None, "enrolleddate": old(joined, IST)},
    )
    w.problem("enrolment-date-from-text", user(5), batch)
    later = at("2024-01-15 00:00")
    w.learner(
        user(6), batch, course, enrolled=later, states=some(1), stored_status=1, row={"enrolleddate": old(joined)}
    )
    w.problem("dates-disagree", user(6), batch, column="enrolled_date")
    w.learner(user(7), batch, course, enrolled=moment(1), states=some(2), stored_status=1, row={"enrolled_date": None})
    w.problem("enrolment-date-missing", user(7), batch, taken_from="state")
    w.learner(
        user(8),
        batch,
        course,
        enrolled=day_start("2024-01-10"),
        states={},
        row={"enrolled_date": None, "datetime": None},
    )
    w.problem("enrolment-date-missing", user(8), batch, taken_from="batch")
    w.learner(
        user(9),
        batch,
        course,
        enrolled=moment(3),
        states={A[1]: begun(moment(3))},
        active=False,
        row={
            "active": None,
            "enrolled_date": None,
            "status": None,
            "progress": None,
            "datetime": None,
            "contentstatus": None,
        },
    )
    w.problem("enrolment-ghost", user(9), batch)
    w.learner(user(10), batch, course, enrolled=joined, states=some(5), stored_status=2, row={"completedon": None})
    w.problem("completed-without-date", user(10), batch)
    w.learner(
        user(11),
        batch,
        course,
        enrolled=joined,
        states=some(3),
        stored_status=2,
        completed=moment(20),
        row={"status": 1},
    )
    w.problem("completed-date-without-status", user(11), batch)
    w.problem("completion-unproven", user(11), batch, done=3, of=5)
    w.learner(
        user(12),
        batch,
        course,
        enrolled=joined,
        states=some(4),
        stored_status=2,
        completed=moment(21),
        row={"progress": 4},
    )
    w.problem("completion-unproven", user(12), batch, done=4, of=5)
    w.learner(
        user(13), batch, course, enrolled=joined, states=some(5), row={"status": 1, "progress": 4, "completedon": None}
    )
    w.problem("completion-found", user(13), batch)
    w.problem("progress-differs", user(13), batch, stored=4, reckoned=5)
    w.learner(user(14), batch, course, enrolled=joined, states=some(2), stored_status=1, row={"progress": 5})
    w.problem("progress-differs", user(14), batch, stored=5, reckoned=2)

    w.learner(user(15), batch, course, enrolled=joined, states=some(2), stored_status=1)
    w.rows["user_activity_agg"][-1]["aggregates"] = {"completedCount": 4.0}
    w.problem("aggregate-differs", user(15), batch, stored=4, reckoned=2)
    w.learner(user(16), batch, course, enrolled=joined, states=some(2), stored_status=1)
    w.rows["user_activity_agg"][-1] |= {"aggregates": None, "agg": {"completedCount": 2}}

    in_map = at("2024-02-10 00:00")
    w.learner(
        user(17),
        batch,
        course,
        enrolled=joined,
        stored_status=1,
        moment=in_map,
        states={**some(1), A[1]: State(2, 100, 1, 1, None, None, in_map)},
        last_read=[A[1], 2, iso(in_map)],
        row={"lastreadcontentid": A[0], "lastreadcontentstatus": 2, "lastcontentaccesstime": moment(1)},
    )
    w.rows["user_content_consumption"].pop()
    w.problem("state-only-in-map", user(17), batch, A[1])

    w.learner(
        user(18),
        batch,
        course,
        enrolled=joined,
        stored_status=1,
        states={A[0]: done(moment(1)), A[1]: begun(moment(2)), A[2]: State(0, 0, 0, 0, moment(3), None, moment(3))},
    )
    clamped = w.rows["user_content_consumption"][-3:]
    clamped[0] |= {"status": 3, "progress": 250, "viewcount": None, "completedcount": None}
    clamped[1] |= {"progress": -5}
    clamped[2] |= {"status": None, "progress": None, "viewcount": None, "completedcount": None}
    w.problem("state-value-clamped", user(18), batch, A[0])
    w.problem("state-value-clamped", user(18), batch, A[1])

    unknown = State(1, 30, 1, 0, None, None, moment(4))
    w.learner(
        user(19),
        batch,
        course,
        enrolled=joined,
        stored_status=1,
        dates="old",
        states={A[0]: unknown, A[1]: done(moment(5))},
    )
    w.rows["user_content_consumption"][-2] |= {"lastaccesstime": "null", "lastcompletedtime": ""}
    w.rows["user_content_consumption"][-1] |= {"lastcompletedtime": "2024-13-45 10:00:00:000+0000"}
    w.problem("state-date-unreadable", user(19), batch, A[1], column="lastcompletedtime")

    w.learner(user(20), batch, course, enrolled=joined, states={A[0]: done(moment(6))}, stored_status=1, dates="both")
    w.rows["user_content_consumption"][-1]["lastaccesstime"] = old(at("2023-12-01 00:00"))
    w.problem("dates-disagree", user(20), batch, A[0], column="last_access_time")
    w.learner(
        user(21), batch, course, enrolled=joined, states={A[0]: done(moment(1)), A[5]: done(moment(2))}, stored_status=1
    )
    w.learner(
        user(22),
        batch,
        course,
        enrolled=joined,
        states={A[0]: done(moment(1)), "do_removed": done(moment(2))},
        stored_status=1,
    )
    w.problem("state-outside-course", user(22), batch, "do_removed")

    seen = {"page": 3, "note": 'it\'s\n"here" \\ there', "at": None}
    w.learner(
        user(23),
        batch,
        course,
        enrolled=joined,
        stored_status=1,
        states={
            A[0]: State(1, 30, 1, 0, moment(1), None, moment(1), [millis(moment(1)), seen]),
            A[1]: State(1, 0, 1, 0, moment(2), None, moment(2), [millis(moment(2)), "{page:"]),
        },
    )
    w.rows["user_content_consumption"][-2] |= {
        "progressdetails": texts(seen),
        "completionpercentage": 30.0,
        "progress": None,
    }
    w.rows["user_content_consumption"][-1]["progressdetails"] = "{page:"
    w.problem("details-unreadable", user(23), batch, A[1])

    w.learner(
        user(24),
        batch,
        course,
        enrolled=joined,
        stored_status=1,
        states={A[0]: done(moment(1)), A[1]: done(moment(2))},
        rows=False,
    )
    for who, when, content_id, day in ((user(24), joined, A[0], 1), (f"f:fed-1:{user(24)}", later, A[1], 2)):
        w.row(
            "user_enrolments",
            userid=who,
            courseid=course,
            batchid=batch,
            active=True,
            status=1,
            progress=1,
            enrolled_date=when,
            datetime=moment(day),
            contentstatus={content_id: 2},
            lastreadcontentid=content_id,
            lastreadcontentstatus=2,
            lastcontentaccesstime=moment(day),
        )
        w.content_row((who, course, batch, content_id), done(moment(day)))
    w.problem("user-id-prefixed", f"f:fed-1:{user(24)}", batch, merged=True)
    w.learner(user(25), batch, course, enrolled=joined, states=some(1), stored_status=1, added_by=MENTOR)
    w.learner(user(26), batch, course, enrolled=joined, states={A[0]: done(moment(1), views=7)}, stored_status=1)
    w.rows["user_content_consumption"][-1]["progress"] = 0  # done, whatever the percentage says


def registered(
    w: World,
    entry: dict[str, str],
    who: str,
    batch: str,
    course: Course,
    *,
    status: str = "ACTIVE",
    template_id: str | None = None,
) -> None:
    """An entity of the registry for an entry; the import keeps it whole."""
    issued = at("2024-02-06 10:00")
    w.registry.append(
        {
            "osid": entry["identifier"],
            "certificateLabel": entry["name"],
            "status": status,
            "templateUrl": entry.get("templateUrl", ""),
            "osCreatedAt": iso(issued),
            "osUpdatedAt": iso(issued),
            "training": {"id": course.course_id, "name": course.name, "type": "Course", "batchId": batch},
            "recipient": {"id": who, "name": "Asha O'Test अ", "type": None},
            "issuer": {"name": "Board", "url": "https://board.example", "kid": "1-key"},
            "signatory": [],
            "_osSignedData": texts(
                {"type": ["VerifiableCredential"], "proof": {"type": "RsaSignature2018", "jws": "x..y"}}
            ),
        }
    )
    w.certificate(
        entry["identifier"],
        who,
        batch,
        course.course_id,
        entry["name"],
        source="registry",
        status="active" if status == "ACTIVE" else "revoked",
        issued=issued,
        template_id=template_id,
        token=entry.get("token", ""),
    )


def legacy(w: World, certificate_id: str, who: str, batch: str, name: str, **changed: Any) -> None:
    """A row of the old registry."""
    w.row(
        "cert_registry",
        **{
            "id": certificate_id,
            "accesscode": "Q1W2E3",
            "createdat": at("2020-05-05 05:05"),
            "createdby": None,
            "data": texts(
                {
                    "id": f"https://board.example/certs/{certificate_id}",
                    "badge": {"name": name},
                    "issuedOn": "2020-05-05T05:05:00Z",
                    "printUri": "data:image/svg+xml,%3Csvg/%3E",
                }
            ),
            "isrevoked": False,
            "jsonurl": f"https://board.example/certs/{certificate_id}.json",
            "pdfurl": None,
            "recipient": texts({"id": who, "name": 'Bina "B" Test', "type": "individual"}),
            "related": texts({"type": "course", "batchId": batch, "courseId": C1.course_id}),
            **changed,
        },
    )


def scores_and_certificates(w: World) -> None:
    """Batch 2: attempts, scores and certificates."""
    batch, course = BATCHES[2], C1.course_id
    joined = at("2025-02-03 05:00")

    def moment(day: int, second: int = 0) -> Any:
        return at(f"2025-02-{day:02d} 12:00:{second:02d}")

    def tried(name: str, day: int, score: float, of: float = 4.0, number: int = 4) -> Attempt:
        answers = [question(n, moment(day, n), 1.0 if n <= score else 0.0) for n in range(1, number + 1)]
        return Attempt(A[4], name, moment(day), score, of, answers)

    whole = {A[n]: done(moment(n + 4)) for n in range(5)}
    entries = [
        {
            "identifier": f"cert-27-{n}",
            "name": name,
            "token": "",
            "lastIssuedOn": "2025-02-10T00:00:00.000+0000",
            "type": "TrainingCertificate",
            "templateUrl": f"https://board.example/{url}.svg",
        }
        for n, name, url in ((1, "Merit, O'Hara's", "merit"), (2, "Good marks", "good"))
    ]
    w.learner(
        user(27),
        batch,
        course,
        enrolled=joined,
        states=whole,
        stored_status=2,
        certificates=entries,
        tries=[tried("try-1", 8, 2.0), tried("try-2", 9, 3.0)],
    )
    for entry, template_id in zip(entries, ("tmpl-1", "tmpl-2"), strict=True):
        registered(w, entry, user(27), batch, C1, template_id=template_id)

    w.learner(user(28), batch, course, enrolled=joined, states={}, tries=[tried("try-1", 8, 1.0)])
    w.rows["assessment_aggregator"][-1]["last_attempted_on"] = None
    w.rows["assessment_aggregator"][-1]["question"][0]["title"] = "before\0after"  # PostgreSQL has no such character
    w.attempts[user(28), batch, A[4], "try-1"]["questions"][0]["title"] = "before\ufffdafter"
    w.problem("text-nul", user(28), batch, A[4], "try-1")
    w.problem("attempt-without-date", user(28), batch, A[4], "try-1", taken_from="updated_on")
    w.learner(user(29), batch, course, enrolled=joined, states={}, tries=[Attempt(A[4], "try-1", moment(8), 3.0, 4.0)])
    w.rows["assessment_aggregator"][-1] |= {"total_score": None, "total_max_score": None}
    w.problem("attempt-score-from-text", user(29), batch, A[4], "try-1")
    off = tried("try-1", 8, 3.0)
    off.score = 4.0
    w.learner(user(30), batch, course, enrolled=joined, states={}, tries=[off])
    w.problem("attempt-total-differs", user(30), batch, A[4], "try-1", stored=4.0, reckoned=3.0)

    said = [
        ("try-1", moment(8), "Feb 8, 2025 12:00:00 PM", 2.0),
        ("try-2", moment(9), "Feb 9, 2025, 12:00:00\u202fPM", 3.0),
    ]
    w.learner(
        user(31),
        batch,
        course,
        enrolled=joined,
        states={},
        tries=[Attempt(A[4], name, when, score, 4.0) for name, when, _, score in said],
    )
    del w.rows["assessment_aggregator"][-2:]
    w.rows["user_activity_agg"][-1]["agg_details"] = [
        texts(
            {
                "attempt_id": name,
                "last_attempted_on": written,
                "score": score,
                "content_id": A[4],
                "max_score": 4.0,
                "type": "attempt_metrics",
            }
        )
        for name, _, written, score in said
    ]
    for name, *_ in said:
        w.problem("score-from-details", user(31), batch, A[4], name)

    w.learner(
        user(32),
        batch,
        course,
        enrolled=joined,
        states={},
        tries=[Attempt(A[4], "sunbird-aggregate", moment(9), 3.0, 4.0)],
    )
    w.rows["assessment_aggregator"].pop()
    w.rows["user_activity_agg"][-1] |= {
        "aggregates": {
            "completedCount": 0.0,
            f"score:{A[4]}": 3.0,
            f"max_score:{A[4]}": 4.0,
            f"attempts_count:{A[4]}": 2.0,
        },
        "agg_last_updated": {f"score:{A[4]}": moment(9)},
    }
    w.problem("score-without-attempt", user(32), batch, A[4], attempts=2)
    w.learner(user(33), batch, course, enrolled=joined, states={}, tries=[tried("try-1", 8, 2.0)])
    w.rows["user_activity_agg"][-1]["aggregates"][f"score:{A[4]}"] = 3.0
    w.problem("score-differs", user(33), batch, A[4], stored=3.0, reckoned=2.0)

    kept = tried("try-1", 8, 2.0)
    w.learner(user(57), batch, course, enrolled=joined, states={}, tries=[kept])
    w.rows["assessment_aggregator"].pop()
    w.archived(f"{batch}/2025-06-1740000000000.csv", user(57), course, batch, kept)
    w.problem("attempt-from-archive", user(57), batch, A[4], "try-1")

    third = Attempt(
        A[4],
        "try-1",
        moment(8),
        100 / 3,
        100.0,
        [question(1, moment(8), 1 / 3), question(2, moment(8), 33.0, 99.0, title=NASTY, description=None)],
    )
    w.learner(user(34), batch, course, enrolled=joined, states={}, tries=[third])
    w.problem("score-rounded", user(34), batch, A[4], "try-1", only="cqlsh")

    w.learner(
        user(35), batch, course, enrolled=moment(8), states={}, active=False, rows=False, tries=[tried("try-1", 8, 1.0)]
    )
    w.attempt_row(user(35), course, batch, tried("try-1", 8, 1.0))
    w.problem("attempt-without-enrolment", user(35), batch)
    w.learner(user(36), batch, course, enrolled=moment(5), states={A[0]: begun(moment(5))}, active=False, rows=False)
    w.content_row((user(36), course, batch, A[0]), begun(moment(5)))
    w.problem("state-without-enrolment", user(36), batch, states=1)

    def listed(number: int, certificate_id: str, name: str = "Merit, O'Hara's", **more: str) -> dict[str, str]:
        return {
            "identifier": certificate_id,
            "name": name,
            "token": "T0K3N",
            "lastIssuedOn": f"2025-02-{number}T00:00:00Z",
            **more,
        }

    lost = listed(10, "cert-37")
    w.learner(user(37), batch, course, enrolled=joined, states=whole, stored_status=2, certificates=[lost])
    w.certificate(
        "cert-37",
        user(37),
        batch,
        course,
        lost["name"],
        source="entry",
        status="active",
        issued=at("2025-02-10"),
        template_id="tmpl-1",
        token="T0K3N",
    )
    w.problem("certificate-record-missing", user(37), batch, "cert-37")

    found = {
        "identifier": "cert-38",
        "name": "Merit, O'Hara's",
        "token": "",
        "lastIssuedOn": "2024-02-06T10:00:00.000Z",
        "type": "TrainingCertificate",
        "templateUrl": "https://board.example/merit.svg",
    }
    w.learner(
        user(38),
        batch,
        course,
        enrolled=joined,
        states=whole,
        stored_status=2,
        certificates=[found],
        row={"issued_certificates": None},
    )
    registered(w, found, user(38), batch, C1, template_id="tmpl-1")
    w.problem("certificate-entry-missing", user(38), batch, "cert-38")

    twice = [listed(10, "cert-39-a"), listed(12, "cert-39-b", "merit, o'hara's")]
    w.learner(
        user(39),
        batch,
        course,
        enrolled=joined,
        states=whole,
        stored_status=2,
        certificates=twice[1:],
        row={"issued_certificates": twice},
    )
    registered(w, twice[1], user(39), batch, C1, template_id="tmpl-1")
    w.problem("certificate-entry-twice", user(39), batch, "cert-39-a", kept="cert-39-b")

    paper = {
        "id": "cert-40",
        "identifier": "cert-40",
        "name": "Old merit",
        "token": "Q1W2E3",
        "lastIssuedOn": "2020-05-05",
        "url": "https://board.example/certs/cert-40.pdf",
    }
    w.learner(
        user(40),
        batch,
        course,
        enrolled=joined,
        states=whole,
        stored_status=2,
        certificates=[paper],
        row={"issued_certificates": None, "certificates": [paper]},
    )
    legacy(w, "cert-40", user(40), batch, "Old merit")
    w.certificate(
        "cert-40",
        user(40),
        batch,
        course,
        "Old merit",
        source="certreg",
        status="active",
        issued=at("2020-05-05 05:05"),
        template_id=None,
        token="Q1W2E3",
    )
    w.problem("certificate-legacy-only", user(40), batch, "cert-40")

    renewed = listed(11, "cert-41-b", "Old merit")
    w.learner(
        user(41),
        batch,
        course,
        enrolled=joined,
        states=whole,
        stored_status=2,
        certificates=[renewed],
        row={"certificates": [{**paper, "id": "cert-41-a", "identifier": "cert-41-a"}]},
    )
    legacy(w, "cert-41-a", user(41), batch, "Old merit", isrevoked=True, reason="revoked")
    w.certificate(
        "cert-41-a",
        user(41),
        batch,
        course,
        "Old merit",
        source="certreg",
        status="superseded",
        issued=at("2020-05-05 05:05"),
        template_id=None,
        token="Q1W2E3",
    )
    registered(w, renewed, user(41), batch, C1)

    taken = listed(10, "cert-42", "Old merit")
    w.learner(user(42), batch, course, enrolled=joined, states=whole, stored_status=2, certificates=[taken])
    legacy(w, "cert-42", user(42), batch, "Old merit", isrevoked=True, reason="wrong name")
    w.certificate(
        "cert-42",
        user(42),
        batch,
        course,
        "Old merit",
        source="certreg",
        status="revoked",
        issued=at("2020-05-05 05:05"),
        template_id=None,
        token="Q1W2E3",
    )
    w.problem("certificate-revoked-but-listed", user(42), batch, "cert-42")
    legacy(w, "cert-43", user(43), batch, "Old merit", related="batch seven, I think")
    w.problem("certificate-related-unreadable", "cert-43")

    w.learner(user(44), batch, course, enrolled=joined, states=whole, stored_status=2)
    registered(
        w, {"identifier": "cert-44", "name": "Good marks"}, user(44), batch, C1, status="REVOKED", template_id="tmpl-2"
    )


def older_and_elsewhere(w: World) -> None:
    """The older tables, wrong keys, and what no other room has."""
    batch, course = BATCHES[3], C2.course_id
    joined = at("2019-08-15 04:00")

    def moment(minute: int) -> Any:
        return at(f"2019-08-15 06:{minute:02d}:00.500")

    def older(who: str, content_id: str, state: State) -> None:
        w.row(
            "content_consumption",
            userid=who,
            contentid=content_id,
            batchid=batch,
            courseid=course,
            status=state.status,
            progress=state.progress,
            viewcount=state.views,
            completedcount=state.completions,
            lastaccesstime=old(state.accessed) if state.accessed else None,
            lastcompletedtime=old(state.completed) if state.completed else None,
            lastupdatedtime=old(state.updated),
            contentversion="1",
            result=None,
            score=None,
            grade=None,
        )

    states = {B[0]: done(moment(1)), B[1]: begun(moment(2))}
    w.learner(user(45), batch, course, enrolled=joined, states=states, stored_status=1, rows=False)
    w.row(
        "user_courses",
        batchid=batch,
        userid=user(45),
        courseid=course,
        active=True,
        status=1,
        progress=1,
        enrolleddate=old(joined),
        contentstatus={B[0]: 2, B[1]: 1},
        delta="{}",
        grade=None,
    )
    for content_id, state in states.items():
        older(user(45), content_id, state)
    w.problem("older-only-row", user(45), batch)

    w.learner(
        user(46), batch, course, enrolled=joined, states={B[0]: done(moment(1)), B[1]: done(moment(3))}, stored_status=1
    )
    w.rows["user_content_consumption"][-1] |= {
        "status": 1,
        "progress": 0,
        "completedcount": 0,
        "last_completed_time": None,
        "last_access_time": moment(2),
        "last_updated_time": moment(2),
    }
    w.rows["user_enrolments"][-1] |= {
        "progress": 1,
        "contentstatus": {B[0]: 2, B[1]: 1},
        "lastcontentaccesstime": moment(2),
        "lastreadcontentstatus": 1,
    }
    w.rows["user_activity_agg"][-1]["aggregates"] = {"completedCount": 1.0}
    w.row(
        "user_courses",
        batchid=batch,
        userid=user(46),
        courseid=course,
        active=True,
        status=1,
        progress=2,
        enrolleddate=old(joined),
        contentstatus={B[0]: 2, B[1]: 2},
    )
    older(user(46), B[1], done(moment(3)))
    w.problem("older-row-ahead", user(46), batch, B[1])
    w.problem("progress-differs", user(46), batch, stored=1, reckoned=2)
    w.problem("aggregate-differs", user(46), batch, stored=1, reckoned=2)

    w.row(
        "user_enrolments",
        userid=user(47),
        courseid=C1.course_id,
        batchid=batch,
        active=True,
        status=0,
        progress=0,
        enrolled_date=joined,
        datetime=joined,
    )
    w.problem("enrolment-other-course", user(47), batch, C1.course_id, states=0)
    fourth, when = BATCHES[4], at("2024-03-02 07:00")
    w.learner(user(48), fourth, course, enrolled=when, states={B[0]: done(at("2024-03-03 07:00"))}, stored_status=1)
    w.row(
        "user_enrolments",
        userid=user(48),
        courseid=C1.course_id,
        batchid=fourth,
        active=True,
        status=1,
        progress=1,
        enrolled_date=when,
        datetime=when,
        contentstatus={A[0]: 2},
    )
    w.content_row((user(48), C1.course_id, fourth, A[0]), done(when))
    w.problem("enrolment-other-course", user(48), fourth, C1.course_id, states=1)
    w.row(
        "user_enrolments",
        userid=user(49),
        courseid=course,
        batchid=GONE,
        active=True,
        status=1,
        progress=1,
        enrolled_date=when,
        datetime=when,
    )
    w.content_row((user(49), course, GONE, B[0]), done(when))
    w.problem("enrolment-without-batch", user(49), GONE, states=1)
    w.content_row((user(50), course, GONE, B[0]), done(when))
    w.problem("state-without-batch", user(50), GONE, states=1)

    fifth, joined = BATCHES[5], at("2025-06-01 00:00")
    w.learner(
        user(51),
        fifth,
        C3,
        enrolled=joined,
        states={"do_x1": done(at("2025-06-02 00:00")), "do_x2": begun(at("2025-06-03 00:00"))},
        stored_status=1,
        progress=1,
        percentage=40,
        row={"completionpercentage": 40},
    )
    sixth, joined = BATCHES[6], at("2023-02-01 00:00")
    for number in (52, 53):
        w.learner(
            user(number), sixth, course, enrolled=joined, states={B[0]: done(at("2023-02-02 00:00"))}, stored_status=1
        )
    w.row(
        "user_enrolments",
        userid=user(54),
        courseid=C1.course_id,
        batchid=sixth,
        active=True,
        status=0,
        progress=0,
        enrolled_date=joined,
        datetime=joined,
    )
    w.problem("enrolment-other-course", user(54), sixth, C1.course_id, states=0)
    w.row(
        "user_enrolments",
        userid=user(55),
        courseid=C1.course_id,
        batchid=BATCHES[7],
        active=True,
        status=0,
        progress=0,
        enrolled_date=joined,
        datetime=joined,
    )
    w.problem("enrolment-without-batch", user(55), BATCHES[7], states=0)
    w.learner(user(56), BATCHES[8], C1.course_id, enrolled=at("2024-05-10 06:00"), states={}, active=False)

    for number, status in ((1, 3), (2, 1)):
        w.row(
            "bulk_upload_process",
            id=f"bulk-{number}",
            status=status,
            objecttype="batchLearnerEnrol",
            uploadedby=MENTOR,
            uploadeddate=old(at("2024-02-01 00:00")),
            data=texts([{"batchId": BATCHES[1], "userIds": user(3)}]),
            processstarttime=old(at("2024-02-01 00:01")) if status == 3 else None,
            successresult="[]" if status == 3 else None,
        )
    w.problem("bulk-open", "bulk-2")
    for number, word in ((1, "SUCCESS"), (2, "SUBMITTED"), (3, "FAILED")):
        w.job_requests.append(
            {
                "tag": f"{C1.course_id}_{BATCHES[1]}:org-1",
                "request_id": identifier("request", str(number)),
                "job_id": "progress-exhaust",
                "status": word,
                "requested_by": MENTOR,
                "requested_channel": "org-1",
                "dt_job_submitted": "2024-07-01 00:00:00",
                "iteration": 3 if word == "FAILED" else 0,
                "encryption_key": "c2VhbGVkIHVuZGVyIHRoZSBvbGQgc2FsdA==",
                "request_data": texts({"batchId": BATCHES[1]}),
            }
        )
    w.problem("exhaust-open", identifier("request", "2"))
    w.raw["user_content_consumption"].append(
        (
            f"{user(2)},{C1.course_id},{BATCHES[1]},{A[3]},1,,20\r\n",
            f'{{"userid":"{user(2)}","courseid":"{C1.course_id}","batchid":\n',
        )
    )
    w.problem("row-unreadable", "user_content_consumption")


def world() -> World:
    w = World([C1, C2])
    batches(w)
    enrolments(w)
    scores_and_certificates(w)
    older_and_elsewhere(w)
    return w
