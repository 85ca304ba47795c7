"""The JSON of progress, for the description of the API; `wire.py` reads and shows it."""

from __future__ import annotations

from lernbatch.web.schema import (
    BATCH_ID,
    COURSE_ID,
    DONE,
    USER_ID,
    Shape,
    keyed,
    listed,
    maybe,
    number,
    record,
    text,
    whole,
)

_CONTENT_ID = text("A content of the course.", example="do_31412345678901234562")
_TIME = text(example="2026-02-03 10:20:30:456+0530")
_STATUS = whole("0 not started, 1 started, 2 completed.", example=2)
_CONTENT = record(
    "contentId courseId batchId status",
    contentId=_CONTENT_ID,
    courseId=COURSE_ID,
    batchId=BATCH_ID,
    status=_STATUS,
    progress=maybe(number("Percent.")),
    lastAccessTime=maybe(_TIME),
    lastCompletedTime=maybe(_TIME),
    progressdetails={"description": "Kept as it is."},
)
_ASSESSMENT = record(
    "attemptId contentId courseId batchId assessmentTs",
    attemptId=text("Chosen by the client; the same attempt may be sent again.", example="a-1"),
    contentId=_CONTENT_ID,
    courseId=COURSE_ID,
    batchId=BATCH_ID,
    userId=USER_ID,
    assessmentTs=whole("Epoch milliseconds.", example=1_700_000_000_000),
    events=listed(record(), "ASSESS events, one a question."),
)
_STATE = record(
    "contentId courseId batchId status",
    contentId=_CONTENT_ID,
    courseId=COURSE_ID,
    batchId=BATCH_ID,
    status=_STATUS,
    progress=whole(),
    viewCount=whole(),
    completedCount=whole(),
    lastAccessTime=maybe(_TIME),
    lastCompletedTime=maybe(_TIME),
    score=listed(record(), "The attempts."),
)
_ASKED = {
    "contentIds": maybe(listed(_CONTENT_ID, "None: of all contents.")),
    "fields": maybe(listed(text("`score` adds attempts.", example="score"))),
}

update_content_state = Shape(
    request={
        **record("", contents=maybe(listed(_CONTENT)), assessments=maybe(listed(_ASSESSMENT))),
        "examples": [
            {
                "contents": [
                    {
                        "contentId": "do_31412345678901234562",
                        "courseId": "do_31412345678901234561",
                        "batchId": "01412345678901234567",
                        "status": 2,
                    }
                ]
            }
        ],
    },
    result=keyed({"type": ["string", "array"]}, "`SUCCESS` under each content and batch; ids under what was wrong."),
)
read_content_state = Shape(
    request=record("courseId batchId", _ASKED, courseId=COURSE_ID, batchId=BATCH_ID),
    result=record("contentList", contentList=listed(_STATE)),
)
read_content_state_privately = Shape(
    request=record("userId courseId batchId", _ASKED, userId=USER_ID, courseId=COURSE_ID, batchId=BATCH_ID),
    result=read_content_state.result,
)
read_group_activity = Shape(
    request=record(
        "groupId activityId activityType",
        groupId=text("A group that the caller is in.", example="g-1"),
        activityId=text("A course, or a unit of one.", example="do_31412345678901234561"),
        activityType=text("Echoed.", example="Course"),
    ),
    result=record("groupId activity members", groupId=text(), activity=record(), members=listed(record())),
)
_DONE_CONTENT = record("contentId status", contentId=_CONTENT_ID, status=_STATUS)
aggregate_activity = Shape(
    request=record(
        "userId courseId batchId",
        userId=USER_ID,
        courseId=COURSE_ID,
        batchId=BATCH_ID,
        contents=maybe(listed(_DONE_CONTENT, "Left out: what is stored is reckoned again.")),
    ),
    result=DONE,
)
aggregate_assessment = Shape(
    request=record(
        "courseId batchId contentId assessmentTs",
        userId=USER_ID,
        courseId=COURSE_ID,
        batchId=BATCH_ID,
        contentId=_CONTENT_ID,
        attemptId=text(example="a-1"),
        assessmentTs=whole("Epoch milliseconds.", example=1_700_000_000_000),
        events=listed(record(), "ASSESS events, one a question."),
    ),
    result=record("response attemptId", response=text(example="SUCCESS"), attemptId=text(example="a-1")),
)
