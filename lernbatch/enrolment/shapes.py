"""The JSON of enrolments, for the description of the API; `wire.py` reads and shows it."""

from __future__ import annotations

from lernbatch.web.schema import (
    BATCH_ID,
    COURSE_ID,
    DONE,
    USER_ID,
    Shape,
    flag,
    keyed,
    listed,
    maybe,
    record,
    text,
    whole,
)

_ONE = record("courseId batchId", courseId=COURSE_ID, batchId=BATCH_ID)
_SEVERAL = {"userIds": listed(USER_ID, "Each gets an answer of their own, under their id.")}
_OTHERS = record("courseId batchId userId", _SEVERAL, courseId=COURSE_ID, batchId=BATCH_ID, userId=USER_ID)
_MS = maybe(whole("Epoch milliseconds."))
_ENROLMENT = record(
    "userId courseId batchId active status progress completionPercentage content",
    userId=USER_ID,
    courseId=COURSE_ID,
    batchId=BATCH_ID,
    active=flag(),
    status=whole("0 not started, 1 started, 2 completed.", least=0, most=2),
    progress=whole("Leaf nodes completed."),
    leafNodesCount=maybe(whole()),
    completionPercentage=whole(least=0, most=100),
    contentStatus=keyed(whole(), "By content id."),
    enrolledDate=_MS,
    completedOn=_MS,
    lastContentAccessTime=_MS,
    lastReadContentId=maybe(text()),
    issuedCertificates=listed(record()),
    courseName=maybe(text()),
    content=record(),
    batch=record(),
)
_WINDOW = {
    "limit": whole("At most so many; never more than the setting.", least=0),
    "offset": whole("Passed over, newest first.", least=0),
    "cursor": text("`nextCursor` of the page before."),
}
_WANTED = {
    **_WINDOW,
    "courseIds": maybe(listed(COURSE_ID)),
    "filters": maybe(keyed({"type": ["string", "array"]}, "Of the course's metadata.")),
}
_QUERY = {
    **_WINDOW,
    "fields": text("Of the course's metadata, commas between; all of it without.", example="name,appIcon"),
    "orgdetails": text("Of the course's organisation: orgName, email.", example="orgName,email"),
    "batchDetails": text("Of the batch, commas between.", example="name,endDate"),
}
_LIST = record(
    "courses count",
    courses=listed(_ENROLMENT),
    count=whole("Of all pages, those in courses that are not shown too."),
    nextCursor=text("Where there is more: goes on from here."),
)

enrol = Shape(request=_ONE, result=DONE)
unenrol = Shape(request=_ONE, result=DONE)
enrol_others = Shape(request=_OTHERS, result=DONE)
unenrol_others = Shape(request=_OTHERS, result=DONE)
add_users = Shape(request=record("userIds", _SEVERAL), result=DONE)
remove_users = Shape(request=record("userIds", _SEVERAL), result=DONE)
list_own = Shape(request=record("", _WANTED), query=_QUERY, result=_LIST)
list_privately = Shape(query=_QUERY, result=_LIST)
list_of_other = Shape(request=record("userId", _WANTED, userId=USER_ID), query=_QUERY, result=_LIST)
list_of_named = list_of_other
