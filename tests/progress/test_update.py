"""Content state update: contract enrolment §3.2, case by case."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.learning import (
    SUCCESS,
    at,
    complete,
    enrolled,
    item,
    new_batch,
    new_learner,
    refusal,
    report,
    row,
    states,
    unenrol,
)
from tests.running import Running
from tests.seeds import BOOK, COURSE, EXTRA, LEAF_NODES, PAGE, QUIZ, REQUIRED, SECOND_COURSE, VIDEO

PATH = "/v1/content/state/update"
DATE_ERROR = (400, "DATE_FORMAT_ERRROR", "Date format error.")


def test_a_report_is_stored_and_the_enrolment_starts(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    answer = report(service, asha, item(batch_id, VIDEO, 1, progress=40))
    assert (answer.json()["id"], answer.json()["result"]) == ("api.content.state.update", {VIDEO: "SUCCESS"})
    assert (states(service, asha, batch_id)[VIDEO]["status"], states(service, asha, batch_id)[VIDEO]["progress"]) == (
        1,
        40,
    )
    assert (row(service, asha, batch_id)["status"], row(service, asha, batch_id)["progress"]) == (1, 0)


def test_nothing_goes_back(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    now = service.clock.now()
    for status, minutes in ((1, 5), (2, 3), (1, 1)):
        moment = at(now - timedelta(minutes=minutes))
        report(service, asha, item(batch_id, VIDEO, status, progress=20, lastAccessTime=moment))
    state = states(service, asha, batch_id)[VIDEO]
    assert (state["status"], state["progress"], state["viewCount"], state["completedCount"]) == (2, 100, 3, 1)
    assert state["lastAccessTime"] == at((now - timedelta(minutes=1)).astimezone(service.clock.zone))


def test_required_contents_complete_the_course_and_it_stays_completed(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    complete(service, asha, batch_id, *REQUIRED[:-1])
    stored = row(service, asha, batch_id)
    assert (stored["status"], stored["progress"], stored["percentage"], stored["completed_at"]) == (1, 3, 75, None)
    complete(service, asha, batch_id, REQUIRED[-1])
    done = row(service, asha, batch_id)
    assert (done["status"], done["progress"], done["percentage"]) == (2, 4, 100)
    complete(service, asha, batch_id, EXTRA)
    assert row(service, asha, batch_id)["completed_at"] == done["completed_at"] is not None


def test_a_repeated_report_changes_nothing_at_all(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    sent = item(batch_id, VIDEO, 2, lastAccessTime=at(service.clock.now()))
    report(service, asha, sent)
    before = row(service, asha, batch_id)
    assert report(service, asha, sent).json()["result"] == {VIDEO: "SUCCESS"}
    assert row(service, asha, batch_id) == before


def test_the_same_content_twice_in_one_call_is_merged(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    report(service, asha, item(batch_id, VIDEO, 2), item(batch_id, VIDEO, 1, progress=30))
    assert states(service, asha, batch_id)[VIDEO]["progress"] == 100


def test_e01_an_expired_token_is_taken_here_and_only_here(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    headers = {"X-Authenticated-User-Token": service.token(asha, expired=True)}  # for an hour
    body = {"request": {"contents": [item(batch_id, lastAccessTime=at(service.clock.now() - timedelta(hours=2)))]}}
    assert service.http.patch(PATH, json=body, headers=headers).status_code == 200
    assert service.http.patch("/v1/user/content/state", json=body, headers=headers).status_code == 401
    assert service.http.patch(PATH, json=body, headers={"X-Authenticated-User-Token": "a.b.c"}).status_code == 401


def test_e34_without_a_body_the_failure_has_no_message_id(service: Running) -> None:
    answer = service.call("PATCH", PATH, new_learner())
    assert refusal(answer) == (500, "INTERNAL_ERROR", "Process failed,please try again later.")
    assert (answer.json()["params"]["status"], answer.json()["params"]["msgid"]) == ("SERVER_ERROR", None)


@pytest.mark.parametrize("key", ["lastUpdatedTime", "lastCompletedTime"])
@pytest.mark.parametrize(
    "value", ["2026-02-03", "2026-02-03 10:20:30.456+0000", "2026-13-03 10:20:30:456+0000", "", "null"]
)
def test_e41_a_date_of_another_form_is_refused(service: Running, key: str, value: Any) -> None:
    assert refusal(report(service, new_learner(), item("1", VIDEO, **{key: value}))) == DATE_ERROR


@pytest.mark.parametrize("value", ["", "null", None])
def test_an_empty_last_access_time_is_none(service: Running, value: str | None) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    assert report(service, asha, item(batch_id, VIDEO, 1, lastAccessTime=value)).status_code == 200
    assert states(service, asha, batch_id)[VIDEO]["status"] == 1


def test_e41_any_offset_will_do(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    sent = item(batch_id, VIDEO, 2, lastCompletedTime="2026-02-03 10:20:30:456-0330")
    assert report(service, asha, sent).status_code == 200
    assert states(service, asha, batch_id)[VIDEO]["lastCompletedTime"] == "2026-02-03 19:20:30:456+0530"


@pytest.mark.parametrize(
    ("changed", "code", "text"),
    [
        pytest.param({"courseId": " "}, "COURSE_ID_REQUIRED_ERROR", "Course id is mandatory.", id="e42"),
        pytest.param({"contentId": None}, "CONTENT_ID_REQUIRED_ERROR", "Content id is mandatory.", id="e43"),
        pytest.param({"status": None}, "CONTENT_STATUS_MISSING_ERROR", "content status is required .", id="e44"),
    ],
)
def test_e42_e43_e44_what_a_content_lacks_is_named(service: Running, changed: Any, code: str, text: str) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    answer = report(service, asha, item(batch_id, BOOK), {**item(batch_id, VIDEO), **changed})
    assert refusal(answer) == (400, code, text)
    assert row(service, asha, batch_id)["states"] == {}


@pytest.mark.parametrize("wrong", [{"status": "2"}, {"progress": "x"}, {"contentId": 7}])
def test_a_wrong_type_is_a_failure_and_nothing_is_stored(service: Running, wrong: dict[str, Any]) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    answer = report(service, asha, item(batch_id, BOOK), {**item(batch_id, VIDEO), **wrong})
    assert (answer.status_code, answer.json()["params"]["err"]) == (500, "INTERNAL_ERROR")
    assert row(service, asha, batch_id)["states"] == {}


@pytest.mark.parametrize(
    ("request_body", "code"),
    [
        pytest.param({"contents": []}, "COURSE_ID_REQUIRED_ERROR", id="course"),
        pytest.param({"courseId": COURSE, "contents": []}, "COURSE_BATCH_ID_MISSING", id="batch"),
        pytest.param({"courseId": COURSE, "batchId": "1"}, "USERID_MISSING", id="user"),
    ],
)
def test_e49_a_sync_names_course_batch_and_user(service: Running, request_body: object, code: str) -> None:
    assert refusal(service.call("PATCH", PATH, new_learner(), request_body))[:2] == (400, code)


def test_e50_a_sync_needs_the_callers_enrolment(service: Running) -> None:
    batch_id = new_batch(service)
    asha, stranger = enrolled(service, batch_id), new_learner()
    request = {"courseId": COURSE, "batchId": batch_id, "userId": asha.user_id, "contents": []}
    assert service.call("PATCH", PATH, asha, request).json()["result"] == SUCCESS
    text = f"No Enrolment found for userId: {asha.user_id}, batchId: {batch_id}, courseId: {COURSE}"
    assert refusal(service.call("PATCH", PATH, stranger, request)) == (400, "INVALID_REQUESTED_DATA", text)


def test_running_upcoming_and_unknown_batches_in_one_call(service: Running) -> None:
    running = new_batch(service)
    upcoming = new_batch(service, startDate=(service.clock.today() + timedelta(days=3)).isoformat())
    asha = enrolled(service, running)
    answer = report(service, asha, item(running, VIDEO), item(upcoming, BOOK), item("0404", PAGE))
    assert answer.json()["result"] == {
        VIDEO: "SUCCESS",
        "NOT_A_ON_GOING_BATCH": [upcoming],
        "BATCH_NOT_EXISTS": ["0404"],
    }


def test_who_is_not_enrolled_leaves_no_row(service: Running) -> None:
    batch_id, asha = new_batch(service), new_learner()
    answer = report(service, asha, item(batch_id, VIDEO), item(batch_id, BOOK))
    assert answer.json()["result"] == {"NOT_ENROLLED": [VIDEO, BOOK]}
    assert service.sql("SELECT 1 FROM enrolment WHERE user_id = $1", asha.user_id) == []


def test_who_has_left_is_not_enrolled_and_his_progress_stays(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    complete(service, asha, batch_id, VIDEO)
    unenrol(service, asha, batch_id)
    assert complete(service, asha, batch_id, BOOK).json()["result"] == {"NOT_ENROLLED": [BOOK]}
    assert set(states(service, asha, batch_id)) == {VIDEO}


def test_the_course_of_another_batch_is_not_enrolled(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    answer = report(service, asha, item(batch_id, VIDEO), item(batch_id, BOOK, course=SECOND_COURSE))
    assert answer.json()["result"] == {VIDEO: "SUCCESS", "NOT_ENROLLED": [BOOK]}


def test_items_of_a_stranger_and_items_without_a_batch_are_passed_over(service: Running) -> None:
    batch_id = new_batch(service)
    asha, kavya = enrolled(service, batch_id), enrolled(service, batch_id)
    answer = report(service, asha, item(batch_id, VIDEO, userId=kavya.user_id), item("", BOOK))
    assert answer.json()["result"] == {}
    assert states(service, kavya, batch_id) == {}


def test_a_parent_reports_for_child_and_self_in_one_call(service: Running) -> None:
    batch_id = new_batch(service)
    parent, child = enrolled(service, batch_id), enrolled(service, batch_id)
    request = {"contents": [item(batch_id, VIDEO), item(batch_id, BOOK, userId=parent.user_id)]}
    answer = service.call("PATCH", PATH, parent, request, child=child)
    assert answer.json()["result"] == {VIDEO: "SUCCESS", BOOK: "SUCCESS"}
    assert (set(states(service, child, batch_id)), set(states(service, parent, batch_id))) == ({VIDEO}, {BOOK})


def test_late_but_honest_reports_are_taken_for_a_week(service: Running) -> None:
    batch_id = new_batch(service, days=2)
    asha = enrolled(service, batch_id)
    inside = at(service.clock.now())
    service.clock.move(days=5)
    outside = at(service.clock.now())
    answer = report(
        service,
        asha,
        item(batch_id, VIDEO, lastAccessTime=inside),
        item(batch_id, BOOK, lastAccessTime=outside),
        item(batch_id, PAGE),
    )
    assert answer.json()["result"] == {VIDEO: "SUCCESS", "NOT_A_ON_GOING_BATCH": [batch_id]}
    service.clock.move(days=5)
    late = report(service, asha, item(batch_id, BOOK, lastAccessTime=inside))
    assert late.json()["result"] == {"NOT_A_ON_GOING_BATCH": [batch_id]}


def test_more_items_than_allowed_are_refused(service: Running) -> None:
    answer = report(service, new_learner(), *(item("1", f"do_{n}") for n in range(1001)))
    assert refusal(answer)[:2] == (400, "DATA_SIZE_EXCEEDED")


def test_submitting_the_quiz_alone_completes_the_content(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    sent = {
        "assessmentTs": service.clock.now_ms(),
        "courseId": COURSE,
        "contentId": QUIZ,
        "batchId": batch_id,
        "userId": "somebody",
        "attemptId": "a1",
        "events": [],
    }
    answer = report(service, asha, assessments=[sent])
    assert answer.json()["result"] == {QUIZ: "SUCCESS", batch_id: "SUCCESS"}
    assert states(service, asha, batch_id)[QUIZ]["status"] == 2


def test_all_leaf_nodes_of_a_flat_course_complete_it(service: Running) -> None:
    batch_id = new_batch(service, SECOND_COURSE)
    asha = enrolled(service, batch_id, SECOND_COURSE)
    complete(service, asha, batch_id, "do_3100000000000000031", "do_3100000000000000032", course=SECOND_COURSE)
    assert row(service, asha, batch_id)["status"] == 2


def test_contents_outside_the_course_are_kept_and_do_not_count(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    complete(service, asha, batch_id, "do_elsewhere", *LEAF_NODES[:1])
    assert row(service, asha, batch_id)["progress"] == 1


@pytest.mark.parametrize("when", ["9999-12-31 23:59:59:999+0000", "2100-01-01 00:00:00:000+0000"])
def test_times_that_no_clock_shows_are_refused_and_harm_no_later_read(service: Running, when: Any) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    for key in ("lastAccessTime", "lastCompletedTime", "lastUpdatedTime"):
        answer = report(service, asha, item(batch_id, **{key: when}))
        assert refusal(answer) == (400, "DATE_FORMAT_ERRROR", "Date format error.")
    assert states(service, asha, batch_id) == {}


@pytest.mark.parametrize("key", ["lastAccessTime", "lastCompletedTime", "lastUpdatedTime"])
@pytest.mark.parametrize(
    "when",
    [
        "noon",
        "2026-02-03T10:20:30.456Z",
        "2026-02-03 10:20:30:456",
        "2026-02-30 10:20:30:456+0530",
        "2026-02-03 10:20:30:456+2561",
        "2026/02/03 10:20:30:456+0530",
        "2026-02-03 10:20:30:456+0530" * 1000,
        1_769_498_000_000,
        -1,
        True,
        ["2026-02-03 10:20:30:456+0530"],
    ],
)
def test_a_time_in_any_other_form_is_the_callers_mistake(service: Running, key: str, when: Any) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    answer = report(service, asha, item(batch_id, **{key: when}))
    assert refusal(answer) == (400, "DATE_FORMAT_ERRROR", "Date format error.")
    assert states(service, asha, batch_id) == {}


@pytest.mark.parametrize("ahead", [timedelta(minutes=3), timedelta(days=1), timedelta(days=400)])
def test_nothing_is_shown_to_have_happened_tomorrow(service: Running, ahead: timedelta) -> None:
    batch_id = new_batch(service, days=800)
    asha = enrolled(service, batch_id)
    then = at(service.clock.now() + ahead)
    done = [item(batch_id, content_id, 2, lastAccessTime=then, lastCompletedTime=then) for content_id in LEAF_NODES]
    for _ in range(2):
        report(service, asha, *done)
    now = service.clock.now()
    shown = states(service, asha, batch_id).values()
    assert {state["status"] for state in shown} == {2}
    for state in shown:
        assert moment(state["lastAccessTime"]) <= now
        assert moment(state["lastCompletedTime"]) <= now
        assert (state["viewCount"], state["completedCount"]) == (1, 1)
    path = f"/v1/user/courses/list/{asha.user_id}"
    (course,) = service.call("GET", path, asha).json()["result"]["courses"]
    assert course["lastContentAccessTime"] <= now.timestamp() * 1000
    assert course["completedOn"] <= now.timestamp() * 1000
    for view in ("content_state", "analyst.content_state", "analyst.enrolment"):
        rows = service.sql(f"SELECT last_access_at FROM {view} WHERE user_id = $1", asha.user_id)
        assert all(row["last_access_at"] <= now for row in rows)


def moment(shown: str) -> datetime:
    return datetime.strptime(shown, "%Y-%m-%d %H:%M:%S:%f%z")


def test_reports_of_a_clock_that_is_ahead_end_in_one_state_in_any_order(service: Running) -> None:
    batch_id = new_batch(service)
    now = service.clock.now()
    sent = [
        item(batch_id, VIDEO, status, lastAccessTime=at(now + timedelta(days=days)))
        for status, days in ((1, 2), (2, 0), (1, -1), (2, 1))
    ]
    rows = []
    for order in (sent, sent[::-1], sent[2:] + sent[:2] + sent):
        asha = enrolled(service, batch_id)
        for report_sent in order:
            report(service, asha, report_sent)
        (state,) = row(service, asha, batch_id)["states"].values()
        rows.append([*state[:6], state[8]])
    assert rows[0] == rows[1] == rows[2]


def test_what_players_keep_of_all_contents_fits_into_a_row(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    for number in range(30):
        details = {"notes": "x" * 60_000}
        answer = report(service, asha, item(batch_id, f"do_stray_{number}", 1, progressdetails=details))
        assert answer.status_code == 200
    (size,) = service.sql("SELECT length(states_text) AS bytes FROM enrolment WHERE user_id = $1", asha.user_id)
    assert size["bytes"] < 1_100_000
    assert report(service, asha, item(batch_id, VIDEO, progressdetails=details)).json()["result"] == {VIDEO: "SUCCESS"}
    shown = states(service, asha, batch_id)
    assert (shown[VIDEO]["status"], shown[VIDEO]["progressdetails"]) == (2, None)
    assert shown["do_stray_0"]["progressdetails"] == details


def test_details_are_replaced_in_a_full_row(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    for number in range(16):
        report(service, asha, item(batch_id, f"do_stray_{number}", 1, progressdetails={"notes": "x" * 60_000}))
    now = service.clock.now()
    later = item(batch_id, "do_stray_3", 1, progressdetails={"notes": "y" * 60_000}, lastAccessTime=at(now))
    report(service, asha, later)
    assert states(service, asha, batch_id)["do_stray_3"]["progressdetails"] == later["progressdetails"]


def test_what_a_player_keeps_of_one_content_is_bounded(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    answer = report(service, asha, item(batch_id, progressdetails={"notes": "x" * 70_000}))
    assert refusal(answer)[:2] == (400, "DATA_SIZE_EXCEEDED")


def test_contents_that_the_course_does_not_have_fill_no_row_without_end(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    for part in range(3):
        strays = [item(batch_id, f"do_stray_{part}_{number}", 1) for number in range(900)]
        assert report(service, asha, *strays).status_code == 200
    assert report(service, asha, item(batch_id)).json()["result"] == {VIDEO: "SUCCESS"}
    assert len(states(service, asha, batch_id)) < 1100
