"""The JSON of courses, for the description of the API; `wire.py` reads and shows it."""

from __future__ import annotations

from lernbatch.web.schema import COURSE_ID, Shape, listed, record, text

create = Shape(
    request=record(
        "course",
        course=record(
            "",
            name=text(example="Early mathematics"),
            contentType=text(example="Course"),
            mimeType=text(example="application/vnd.ekstep.content-collection"),
        ),
        source=text("A course to copy; not beside `hierarchy`."),
        hierarchy=listed(record("identifier mimeType visibility contentType name"), "The units of a new course."),
    ),
    result=record("course_id versionKey", course_id=COURSE_ID, identifier=COURSE_ID, versionKey=text()),
)
