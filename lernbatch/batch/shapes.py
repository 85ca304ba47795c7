"""The JSON of batches, for the description of the API; `wire.py` reads and shows it."""

from __future__ import annotations

from lernbatch.web.schema import (
    BATCH_ID,
    COURSE_ID,
    DONE,
    EMPTY,
    USER_ID,
    Shape,
    about,
    day,
    flag,
    keyed,
    listed,
    maybe,
    record,
    text,
    whole,
)

_TYPE = text("open or invite-only, in any letter case.", example="open", pattern="^[A-Za-z-]+$")
_ADDITIONS = {
    "enrollmentStartDate": maybe(day("The first day on which learners may enrol.")),
    "capacity": maybe(whole("At most so many learners.", least=1, most=2**31 - 1)),
    "leavePolicy": maybe(text("When learners may leave.", one_of=("always", "until-start", "never"))),
    "isUnenrollmentAllowed": maybe(flag("True: leavePolicy always; false: never.")),
    "timeZone": maybe(text("Whose days the dates are.", example="Asia/Kolkata")),
}
_FIELDS = {
    "name": text(example="June"),
    "description": maybe(text()),
    "enrollmentType": _TYPE,
    "startDate": day(),
    "endDate": maybe(day("The last day; none: open ended.")),
    "enrollmentEndDate": maybe(day("The last day on which learners may enrol.")),
    "createdFor": listed(text(example="0126000000000000001"), "Organisations it is for."),
    "mentors": listed(USER_ID, "They may change the batch as its creator may."),
    **_ADDITIONS,
}
_NEW = {"courseId": COURSE_ID, **_FIELDS}
_NEEDED = "courseId name enrollmentType startDate"

BATCH = record(
    "",
    {key: _FIELDS[key] for key in ("name", "enrollmentType", "startDate", "endDate", "createdFor", "mentors")},
    batchId=BATCH_ID,
    courseId=COURSE_ID,
    status=whole("0 upcoming, 1 ongoing, 2 ended.", least=0, most=2),
    effectiveEnrollmentEndDate=maybe(day("The day after which nobody enrols.")),
    createdBy=maybe(USER_ID),
    createdDate=maybe(text()),
    updatedDate=maybe(text()),
    cert_templates=keyed(record(), "What is awarded, by template id."),
)

create = Shape(
    request=record(_NEEDED, _NEW),
    result=record("response batchId", response=text(example="SUCCESS"), batchId=BATCH_ID),
)
create_privately = Shape(
    request=record(_NEEDED, _NEW, createdBy=maybe(USER_ID)),
    result=create.result,
)
update = Shape(
    request=record("courseId id startDate", _FIELDS, courseId=COURSE_ID, id=BATCH_ID),
    result=EMPTY,
    also={
        409: "So many change the batch at once that this did not get its turn",
        412: "`If-Match` names another revision than the batch has",
    },
)
read = Shape(result=record("response", response=about(BATCH, "`{}` when there is no batch of that id.")))
list_participants = Shape(
    request=record(
        "batch",
        batch=record(
            "batchId",
            batchId=BATCH_ID,
            active=flag("False: those who left."),
            limit=whole(least=0),
            offset=whole(least=0),
        ),
    ),
    result=record("batch", batch=record("count participants", count=whole(), participants=listed(USER_ID))),
)
clone = Shape(
    request=record(
        "batchId startDate",
        {**_ADDITIONS, "name": text(example="July")},
        batchId=BATCH_ID,
        startDate=day(),
        endDate=maybe(day()),
        enrollmentEndDate=maybe(day()),
    ),
    result=create.result,
    also={422: "The Idempotency-Key was used for another request"},
)
_SITUATION = record(
    "status enrollmentOpen mayLeave",
    status=whole("0 upcoming, 1 ongoing, 2 ended.", least=0, most=2),
    enrollmentOpen=flag("Somebody could enrol today."),
    effectiveEnrollmentEndDate=maybe(day()),
    mayLeave=flag("Learners may leave today."),
    placesLeft=maybe(whole("None: no bound; negative: more learners than places.")),
)
preview_change = Shape(
    request=update.request,
    result=record(
        "response",
        response=record(
            "batchId before after learners affected",
            batchId=BATCH_ID,
            before=_SITUATION,
            after=_SITUATION,
            learners=record("active unfinished", active=whole(), unfinished=whole()),
            affected=record(
                "count effects userIds",
                count=whole(),
                effects=listed(
                    text(one_of=("progress-ends", "progress-resumes", "may-no-longer-leave", "may-leave-again"))
                ),
                userIds=listed(USER_ID, "The first thousand of them."),
            ),
        ),
    ),
)
transfer_ownership = Shape(
    request=record("fromUserId toUserId", fromUserId=USER_ID, toUserId=USER_ID),
    result=record("response count", response=text(example="SUCCESS"), count=whole("Batches that changed hands.")),
)
sync = Shape(
    request=record(
        "objectType",
        operationFor=maybe(text()),
        objectType=text(one_of=("batch", "user_course"), example="batch"),
        objectIds=listed(text(example="do_31412345678901234561"), "Course ids; none: all courses."),
    ),
    result=DONE,
)
search = Shape(
    request=record(
        "filters",
        filters={
            **record("", courseId=COURSE_ID, batchId=BATCH_ID, status=listed(text(example="1"))),
            "description": 'By field: a value, several, or comparisons such as `{">=": 1}`.',
            "examples": [{"status": ["0", "1"]}],
        },
        query=text("Words of the name."),
        sort_by=keyed(text(one_of=("asc", "desc"))),
        fields=listed(text(example="name")),
        exists=listed(text(example="endDate")),
        not_exists=listed(text(example="endDate")),
        facets=listed(record()),
        limit=whole(least=0, most=10_000),
        offset=whole(least=0, most=10_000),
        cursor=text("Where the page before ended: goes on from there, as far as you like."),
    ),
    query={"creatorDetails": text(), "fields": text("`participants` adds the ids of learners.")},
    result=record("response", response=record("count content", count=whole(), content=listed(BATCH))),
)
