"""What rows become, kind by kind, beyond what the test world shows; and that any row becomes something (M67)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lernbatch.course.model import Course, LeafNode
from lernbatch.progress.model import Completion
from lernbatch.progress.rules import completion
from lernbatch.sunbird_source.catalog import BATCH_INDEX, BESIDE, CERTIFICATE, TABLES
from lernbatch.sunbird_source.model import SourceRow, Value
from lernbatch.takeover.convert.batches import convert_batches
from lernbatch.takeover.convert.learner import convert_learner
from lernbatch.takeover.convert.model import (
    CHANGED,
    HELD,
    INFO,
    BatchFacts,
    Converted,
    ConvertOptions,
    Fate,
    Staged,
)
from lernbatch.takeover.convert.rows import convert_row, encoded
from lernbatch.takeover.convert.states import highest
from lernbatch.takeover.convert.values import words_ms

KOLKATA, UTC_ZONE = ZoneInfo("Asia/Kolkata"), ZoneInfo("UTC")
OPTIONS = ConvertOptions(KOLKATA, date(2026, 11, 28), "fed-1")
KEY = {"userid": "u", "courseid": "c", "batchid": "b"}
START = datetime(2024, 1, 9, 18, 30, tzinfo=UTC)
WHEN = datetime(2024, 2, 1, 10, 15, 30, 125000, tzinfo=UTC)
FACTS = {"b": BatchFacts("b", "c", date(2024, 1, 10), {"t-1": {"name": "Merit", "url": "https://x/merit.svg"}})}


def leaf(content_id: str, *, optional: bool = False) -> LeafNode:
    return LeafNode(content_id, content_id, "video/mp4", "Resource", "Learning Resource", "Content", optional, ())


COURSE = Course("c", "1", "Course", "Live", "", (leaf("x"), leaf("y"), leaf("z", optional=True)), (), {})


def convert(*rows: SourceRow, course: Course | None = COURSE, options: ConvertOptions = OPTIONS) -> Converted:
    """All rows of learners, as staging and building do it."""
    converted = Converted()
    learners: dict[str, list[Staged]] = {}
    for row in rows:
        result = convert_row(row, options, {"b": "c"})
        converted.problems += result.problems
        converted.held += result.held
        if result.fate is not None:
            converted.fates[row.table, result.fate] += 1
        if result.staged is not None:
            staged = msgspec.json.decode(encoded(result.staged), type=type(result.staged))
            learners.setdefault(result.user_id, []).append(staged)
    for user_id, staged_rows in learners.items():
        convert_learner(user_id, staged_rows, FACTS, {"c": course}, options, converted)
    return converted


def enrolled(**values: Any) -> SourceRow:
    row: dict[str, Value] = {**KEY, "active": True, "enrolled_date": WHEN, "datetime": WHEN, "status": 0}
    return SourceRow("user_enrolments", {**row, **values}, "f:0")


def state(content_id: str = "x", table: str = "user_content_consumption", **values: Any) -> SourceRow:
    return SourceRow(table, {**KEY, "contentid": content_id, "status": 2, "last_access_time": WHEN, **values}, "f:0")


def batch(**values: Any) -> Converted:
    row: dict[str, Value] = {
        "courseid": "c",
        "batchid": "b",
        "name": "B",
        "enrollmenttype": "open",
        "start_date": START,
        "status": 1,
    }
    return convert_batches([SourceRow("course_batch", {**row, **values}, "f:0")], OPTIONS, {})


def kinds(converted: Converted) -> list[str]:
    return sorted(problem.kind for problem in converted.problems)


@pytest.mark.parametrize(
    ("values", "start", "end", "said"),
    [
        ({"start_date": datetime(2024, 1, 10, tzinfo=UTC)}, "2024-01-10", None, ["batch-day-by-zone"]),
        ({"start_date": datetime(2024, 1, 10, 3, tzinfo=UTC)}, "2024-01-10", None, []),
        ({"start_date": datetime(2024, 1, 10, 20, tzinfo=UTC)}, "2024-01-11", None, []),
        (
            {"end_date": datetime(2024, 3, 31, 23, 59, 59, 999000, tzinfo=UTC)},
            "2024-01-10",
            "2024-03-31",
            ["batch-day-by-zone"],
        ),
        ({"end_date": datetime(2024, 3, 31, 18, 29, 59, 999000, tzinfo=UTC)}, "2024-01-10", "2024-03-31", []),
        ({"start_date": None, "startdate": "2024-01-10T00:00"}, "2024-01-10", None, ["batch-date-from-text"]),
        ({"start_date": "1066-10-14", "startdate": "2024-01-10"}, "2024-01-10", None, ["batch-date-from-text"]),
        ({"end_date": START - timedelta(days=1)}, "2024-01-10", "2024-01-10", ["batch-dates-reversed"]),
        ({"end_date": START}, "2024-01-10", "2024-01-10", []),
    ],
)
def test_days_of_batches(values: dict[str, Any], start: str, end: str | None, said: list[str]) -> None:
    converted = batch(**values)
    (made,) = converted.batches
    assert made.start_date.isoformat() == start
    assert (made.end_date and made.end_date.isoformat()) == end
    assert [kind for kind in kinds(converted) if kind != "batch-status-stale"] == said


@pytest.mark.parametrize("value", [None, "", "soon", "0001-01-01", "9999-12-31"])
def test_a_batch_without_a_start_is_held(value: str | None) -> None:
    converted = batch(start_date=None, startdate=value)
    assert converted.batches == []
    assert [row.kind for row in converted.held] == ["batch-without-start"]


def test_of_two_batches_of_one_id_the_fuller_stays_then_the_later() -> None:
    rows = [
        SourceRow(
            "course_batch", {"courseid": course, "batchid": "b", "start_date": START, "created_date": created}, "f"
        )
        for course, created in (("c", WHEN), ("d", WHEN + timedelta(days=1)))
    ]
    assert convert_batches(rows, OPTIONS, {}).batches[0].course_id == "d"
    assert convert_batches(rows, OPTIONS, {("c", "b"): 1}).batches[0].course_id == "c"
    renamed = ConvertOptions(KOLKATA, OPTIONS.today, renames={("c", "b"): "b2"})
    assert {row.batch_id for row in convert_batches(rows, renamed, {}).batches} == {"b", "b2"}


def test_a_template_s_members_are_parsed_where_they_are_json() -> None:
    converted = batch(cert_templates={"t": {"criteria": '{"a":"\\u0000"}', "issuer": "{", "name": "{}", "url": None}})
    assert converted.batches[0].templates == {"t": {"criteria": {"a": "\ufffd"}, "issuer": "{", "name": "{}"}}
    assert kinds(converted) == ["template-unreadable", "text-nul"]


@pytest.mark.parametrize(
    ("values", "expected", "said"),
    [
        ({"status": 7, "progress": 3}, [2, 100, 1, 1], ["state-value-clamped"]),
        ({"status": -1, "progress": 101}, [0, 100, 0, 0], ["state-value-clamped"]),
        ({"status": 1, "progress": None, "completionpercentage": 33.9}, [1, 33, 1, 0], []),
        ({"status": None, "viewcount": -3}, [0, 0, 0, 0], ["state-value-clamped"]),
        ({"status": 2, "progress": 0, "viewcount": 9, "completedcount": 4}, [2, 100, 9, 4], []),
    ],
)
def test_values_of_states(values: dict[str, Any], expected: list[int], said: list[str]) -> None:
    converted = convert(enrolled(), state(**values))
    assert msgspec.to_builtins(converted.enrolments[0].states["x"])[:4] == expected
    assert [kind for kind in kinds(converted) if kind.startswith("state")] == said


@pytest.mark.parametrize("old", ["lastaccesstime", "lastcompletedtime", "lastupdatedtime"])
@pytest.mark.parametrize("text", ["null", "", " ", None])
def test_a_date_that_is_spelled_null_is_absent(old: str, text: str | None) -> None:
    dates: dict[str, Any] = {old: text}
    assert kinds(convert(enrolled(), state("x", **dates), state("y"))) == ["completion-found"]


@pytest.mark.parametrize("text", ["yesterday", "2024-13-01 00:00:00:000+0000", "99999-01-01", "1960-01-01 00:00:00"])
def test_a_date_that_is_none_is_said(text: str) -> None:
    assert "state-date-unreadable" in kinds(convert(enrolled(), state(lastcompletedtime=text)))


def test_what_lies_on_the_other_side_of_the_newer_table_is_joined_place_by_place() -> None:
    later = WHEN + timedelta(days=3)
    converted = convert(
        enrolled(),
        state(status=1, progress=50, viewcount=3),
        state(table="content_consumption", viewcount=2, last_access_time=None, lastaccesstime=later.isoformat()[:19]),
    )
    (made,) = converted.enrolments
    assert msgspec.to_builtins(made.states["x"])[:4] == [2, 100, 3, 1]
    assert "older-row-ahead" in kinds(converted)
    assert converted.fates["content_consumption", Fate.JOINED] == 1


def test_languages_of_a_map_count_by_the_highest() -> None:
    by_language = {"hi": {"x": 1}, "en": {"x": 2, "y": 0}}
    converted = convert(enrolled(lang_contentstatus=by_language, contentstatus={"x": 1}))
    assert {name: one.status for name, one in converted.enrolments[0].states.items()} == {"x": 2}


def test_completion_is_never_now_and_never_goes_back() -> None:
    found = convert(enrolled(status=1), state("x"), state("y", last_access_time=WHEN + timedelta(hours=1)))
    assert found.enrolments[0].completed_at == WHEN + timedelta(hours=1)
    stays = convert(enrolled(status=2, completedon=WHEN), state("x", status=0))
    assert (stays.enrolments[0].status, stays.enrolments[0].completed_at) == (2, WHEN)
    assert "completion-unproven" in kinds(stays)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"lastcontentaccesstime": WHEN + timedelta(days=2)}, WHEN + timedelta(days=2)),
        ({"datetime": WHEN + timedelta(days=1)}, WHEN + timedelta(days=1)),
        ({"datetime": None}, WHEN),
    ],
)
def test_a_completion_without_a_date_gets_the_best_there_is(values: dict[str, Any], expected: datetime) -> None:
    converted = convert(enrolled(status=2, **values))
    assert converted.enrolments[0].completed_at == expected
    assert "completed-without-date" in kinds(converted)


def test_of_an_unknown_course_all_stays_as_it_is_stored() -> None:
    converted = convert(enrolled(status=1, progress=7, completionpercentage=40), state("q", status=1), course=None)
    (made,) = converted.enrolments
    assert (made.status, made.progress, made.percentage) == (1, 7, 40)
    assert kinds(converted) == []


def test_both_spellings_of_an_id_are_one_learner_and_one_alone_is_told_too() -> None:
    other = enrolled(userid="f:fed-1:u", enrolled_date=WHEN - timedelta(days=1), active=False)
    converted = convert(enrolled(), other, state("x"), state("y", userid="f:fed-1:u"))
    (made,) = converted.enrolments
    assert (made.user_id, made.active, made.enrolled_at) == ("u", True, WHEN - timedelta(days=1))
    assert set(made.states) == {"x", "y"}
    alone = convert(other)
    assert [problem.said for problem in alone.problems] == [{"merged": False}]
    assert alone.enrolments[0].user_id == "u"


def test_states_of_another_course_without_an_enrolment_are_held() -> None:
    converted = convert(state(courseid="d"))
    assert [(problem.kind, problem.said) for problem in converted.problems] == [("state-other-course", {"states": 1})]
    assert converted.held[0].values["courseid"] == "d"
    assert converted.enrolments == []


def certreg(certificate_id: str, **values: Any) -> SourceRow:
    related = json.dumps({"batchId": "b", "courseId": "c"})
    row: dict[str, Value] = {
        "id": certificate_id, "related": related, "recipient": '{"id":"u","name":"N"}', "isrevoked": False,
        "data": '{"badge":{"name":"Merit"}}', "createdat": WHEN,
    }  # fmt: skip
    return SourceRow("cert_registry", {**row, **values}, "f:0")


def entity(certificate_id: str, **values: Any) -> SourceRow:
    row: dict[str, Value] = {
        "osid": certificate_id, "certificateLabel": "Merit", "status": "ACTIVE", "templateUrl": "",
        "training": {"id": "c", "batchId": "b"}, "recipient": {"id": "u"}, "osCreatedAt": "2024-02-06T10:00:00Z",
    }  # fmt: skip
    return SourceRow(CERTIFICATE, {**row, **values}, "f:0")


def test_of_one_id_in_both_registries_the_newer_counts() -> None:
    converted = convert(enrolled(), entity("k"), certreg("k"))
    assert [(one.certificate_id, one.source) for one in converted.certificates] == [("k", "registry")]
    assert "certificate-id-twice" in kinds(converted)
    assert converted.fates["cert_registry", Fate.JOINED] == 1


@pytest.mark.parametrize(
    ("reason", "is_listed", "status"),
    [
        ("revoked", False, "superseded"),
        ("revoked", True, "revoked"),
        ("fraud", False, "revoked"),
        (None, False, "revoked"),
    ],
)
def test_what_a_revoked_record_is(reason: str | None, is_listed: bool, status: str) -> None:
    listed = [{"identifier": "k", "name": "Merit"}] if is_listed else None
    converted = convert(enrolled(issued_certificates=listed), certreg("k", isrevoked=True, reason=reason))
    assert [one.status for one in converted.certificates] == [status]
    assert ("certificate-revoked-but-listed" in kinds(converted)) is is_listed


def test_a_learner_has_one_entry_of_a_name() -> None:
    listed = [{"identifier": "k", "name": "Merit"}]
    converted = convert(enrolled(issued_certificates=listed), entity("k"), entity("k2"))
    assert [entry["identifier"] for entry in converted.enrolments[0].certificates] == ["k"]
    assert {one.certificate_id for one in converted.certificates} == {"k", "k2"}


@pytest.mark.parametrize("related", ["", "{", "[]", '{"batchId":"b"}', "null", None])
def test_a_record_about_nobody_knows_what_is_held(related: str | None) -> None:
    converted = convert(certreg("k", related=related))
    assert converted.certificates == []
    assert [row.kind for row in converted.held] == ["certificate-related-unreadable"]


@pytest.mark.parametrize(
    "text",
    ["Feb 8, 2025 12:00:00 PM", "Feb 8, 2025, 12:00:00 PM", "Feb 8, 2025, 12:00:00\u202fPM", "2025-02-08T12:00:00Z"],
)
def test_times_in_words_have_three_dialects(text: str) -> None:
    assert words_ms(text, UTC) == 1739016000000
    assert words_ms("Feb 8, 2025 5:30:00 PM", KOLKATA) == 1739016000000


@pytest.mark.parametrize("text", ["Foo 8, 2025 12:00:00 PM", "Feb 30, 2025 12:00:00 PM", "", "Feb", None, [], {}])
def test_what_is_no_time_is_none(text: Any) -> None:
    assert words_ms(text, UTC) is None


def test_every_kind_has_one_weight() -> None:
    assert len({*HELD, *CHANGED, *INFO}) == len(HELD) + len(CHANGED) + len(INFO)


def test_joining_states_is_a_lattice() -> None:
    one = convert(enrolled(), state("x", status=1, progress=40, viewcount=5)).enrolments[0].states["x"]
    other = convert(enrolled(), state("x", viewcount=2, progressdetails='{"a":1}')).enrolments[0].states["x"]
    joined = highest(one, other)
    assert joined == highest(other, one) == highest(joined, one) == highest(joined, other) == highest(joined, joined)


# Any row: what no reader gives, too. Ids are few, so that rows meet.
_texts = st.one_of(
    st.sampled_from(["", "null", "u", "c", "b", "x", "f:fed-1:u", "{", "[]", '{"a":"\\u0000"}', '"\\ud800"', "3/4",
                     "a\0b", "2024-01-10", "2024-01-10 10:00:00:000+0530", "0001-01-01", "9999-12-31T23:59:59Z",
                     "cb:b", "Course"]),
    st.text(max_size=12),
)  # fmt: skip
_moments = st.datetimes(timezones=st.just(UTC))
_scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _texts, _moments)
_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_texts, inner, max_size=3)),
    max_leaves=6,
)
_kinds = {**TABLES, **BESIDE}


@st.composite
def _rows(draw: st.DrawFn) -> SourceRow:
    table = draw(st.sampled_from([*_kinds, CERTIFICATE, BATCH_INDEX, "unknown"]))
    columns = [*_kinds[table].columns] if table in _kinds else ["osid", "training", "recipient", "status", "batchId"]
    values = {column: draw(_values) for column in columns if draw(st.booleans())}
    if draw(st.booleans()):
        usual = {"userid": "u", "user_id": "u", "courseid": "c", "course_id": "c", "batchid": "b", "batch_id": "b",
                 "contentid": "x", "content_id": "x", "attempt_id": "a", "activity_id": "c", "context_id": "cb:b",
                 "activity_type": "Course"}  # fmt: skip
        values |= {name: value for name, value in usual.items() if name in columns}
    return SourceRow(table, values, "f:0", draw(st.sampled_from([(), ("question",)])))


@settings(max_examples=400)
@given(st.lists(_rows(), max_size=6))
def test_m67_any_row_gives_a_row_or_a_problem_and_never_an_exception(rows: list[SourceRow]) -> None:
    batches = convert_batches([row for row in rows if row.table == "course_batch"], OPTIONS, {})
    others = [row for row in rows if row.table != "course_batch"]
    converted = convert(*others)
    total = sum(converted.fates.values())
    assert total == len(others)
    assert sum(batches.fates.values()) == len(rows) - len(others)
    for enrolment in converted.enrolments:
        assert 0 <= enrolment.status <= 2
        assert 0 <= enrolment.percentage <= 100
        # What was built is what the rules of progress make of it.
        before = Completion(enrolment.status, enrolment.progress, enrolment.percentage, enrolment.completed_at)
        assert completion(COURSE, enrolment.states, before, WHEN) == before
    stored = [
        *converted.enrolments,
        *converted.attempts,
        *converted.certificates,
        *batches.batches,
        *converted.problems,
    ]
    for row in stored:
        msgspec.json.encode(row)
