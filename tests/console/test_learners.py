"""The learners of a batch, one of them, and the mentor's list, over HTTP."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from html import unescape

import pytest

from lernbatch.console.learners.pictures import step
from tests.certificate.cohort import MERIT, new_cohort
from tests.console.conftest import Visits
from tests.console.test_my import text
from tests.learning import complete, enrol, known_learner, new_batch
from tests.people import ASHA, HOME_ORG, MEERA, RAVI, VIKRAM, Person
from tests.running import Running
from tests.seeds import BOOK, REQUIRED, VIDEO


@pytest.fixture
def batch_id(service: Running) -> str:
    return new_batch(service, name="Helped cohort", mentors=[MEERA.user_id])


def joined(service: Running, batch_id: str, *content_ids: str, name: str = "Asha") -> Person:
    learner = known_learner(service, name)
    assert enrol(service, learner, batch_id).status_code == 200
    if content_ids:
        complete(service, learner, batch_id, *content_ids)
    return learner


def learners(batch_id: str) -> str:
    return f"/console/batches/{batch_id}/learners"


def test_k13_every_count_of_the_chips_is_the_count_of_its_list(service: Running, visits: Visits, batch_id: str) -> None:
    joined(service, batch_id)
    joined(service, batch_id, VIDEO)
    joined(service, batch_id, *REQUIRED)
    visitor = visits(MEERA)
    page = visitor.get(learners(batch_id)).text
    chips = re.findall(r'<a href="(\?[^"]*)"[^>]*>[^<]+<span class="n">(\d+)</span>', page)
    assert len(chips) == 11
    for link, count in chips:
        listed = visitor.get(learners(batch_id) + link).text
        assert listed.count('<th role="rowheader" scope="row"><a href') == int(count), link


def test_k10_k08_a_filter_is_in_the_address_and_says_how_many_it_leaves_out(
    service: Running, visits: Visits, batch_id: str
) -> None:
    started = joined(service, batch_id, VIDEO)
    for _ in range(2):
        joined(service, batch_id)
    address = f"{learners(batch_id)}?standings=never-started"
    page = text(visits(VIKRAM).get(address))
    assert "Never started" in page
    assert "1 are left out." in page
    assert started.user_id not in visits(VIKRAM).get(address).text
    assert visits(VIKRAM).get(address).text.count('scope="row"><a') == 2
    broken = visits(VIKRAM).get(f"{learners(batch_id)}?unit=many")
    assert "could not be read" in text(broken)
    assert started.user_id in broken.text


def test_k09_the_file_has_exactly_the_rows_of_the_list(service: Running, visits: Visits, batch_id: str) -> None:
    people = [joined(service, batch_id, VIDEO) for _ in range(3)]
    joined(service, batch_id)
    answer = visits(VIKRAM).get(f"{learners(batch_id)}/list.csv?reached=started")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0][:2] == ["Learner", "Percent"]
    assert {row[0] for row in rows[1:]} == {person.user_id for person in people}
    assert {row[1] for row in rows[1:]} == {"25"}


def test_one_learner_leads_to_the_next_of_the_list_that_one_came_from(
    service: Running, visits: Visits, batch_id: str
) -> None:
    joined(service, batch_id)
    names = ["Kavya", "Mohan", "Deepa"]
    for name in names:
        joined(service, batch_id, VIDEO, name=name)
    visitor, learner = visits(VIKRAM), re.compile(r'<th role="rowheader" scope="row"><a href="([^"]+)"><bdi>(\w+)')
    listed = learner.findall(visitor.get(f"{learners(batch_id)}?reached=started&sort=joined").text)
    assert sorted(name for _, name in listed) == sorted(names)
    address, walked = unescape(listed[0][0]), [listed[0][1]]
    while (page := visitor.get(address).text) and (following := re.search(r'id="following"[^>]*href="([^"]+)"', page)):
        address = unescape(following[1])
        shown = re.search(r"<h2><bdi>(\w+)", visitor.get(address).text)
        assert shown is not None
        walked.append(shown[1])
        assert len(walked) <= len(names)
    assert walked == [name for _, name in listed]
    assert f'href="{learners(batch_id)}?reached=started&amp;sort=joined"' in page
    noted = visitor.send(address, "contact", {"how": "phone"}).headers["location"]
    assert "reached=started" in noted
    assert 'id="following"' not in visitor.get(listed[0][0].partition("?")[0]).text


def test_k25_each_cell_says_its_value(service: Running, visits: Visits, batch_id: str) -> None:
    joined(service, batch_id, VIDEO, BOOK)
    page = visits(VIKRAM).get(learners(batch_id)).text
    assert re.findall(r'class="u"><span(?: class="a\d")?>([^<]+)</span>', page) == ["✓", "–"]
    assert [step(percent) for percent in (0, 1, 33, 34, 67, 99, 100)] == [0, 1, 1, 2, 3, 3, 4]


def test_pages_of_learners_are_for_who_runs_the_batch(service: Running, visits: Visits, batch_id: str) -> None:
    learner = joined(service, batch_id)
    for path in (learners(batch_id), f"{learners(batch_id)}/list.csv", f"{learners(batch_id)}/{learner.user_id}"):
        assert visits(MEERA).get(path).status_code == 200
        assert visits(RAVI).get(path).status_code == 403
        assert visits(ASHA).get(path).status_code == 403
    assert visits(VIKRAM).get(f"{learners(batch_id)}/nobody").status_code == 404


def test_k28_one_learner_is_shown_with_the_reason_and_what_happened(service: Running, visits: Visits) -> None:
    cohort = new_cohort(service)
    assert cohort.attach(name="Certificate of merit", criteria=MERIT).status_code == 200
    learner = joined(service, cohort.batch_id, VIDEO)
    page = text(visits(VIKRAM).get(f"{learners(cohort.batch_id)}/{learner.user_id}"))
    assert "No certificate yet: 3 parts are missing." in page
    assert "What Certificate of merit asks for" in page
    assert "1 of 4 done" in page
    assert "joined" in page


def test_k30_k57_a_contact_is_noted_seen_and_taken_back(service: Running, visits: Visits, batch_id: str) -> None:
    learner = joined(service, batch_id)
    visitor, address = visits(MEERA), f"{learners(batch_id)}/{learner.user_id}"
    refused = visitor.send(address, "contact", {"note": "Rang twice."})
    assert refused.status_code == 422
    assert '<a href="#how">' in refused.text
    assert "Rang twice." in refused.text
    assert visitor.send(address, "contact", {"how": "phone", "note": "Rang twice."}).status_code == 303
    page = text(visitor.get(address))
    assert "Rang twice." in page
    assert "was spoken to" in page
    contact = re.search(r'name="contact" value="([^"]+)"', visitor.get(address).text)
    assert contact is not None
    assert visitor.send(address, "undo", {"contact": contact[1]}).status_code == 303
    assert "Rang twice." not in text(visitor.get(address))


def test_a_learner_is_removed_and_the_history_says_so(service: Running, visits: Visits, batch_id: str) -> None:
    learner = joined(service, batch_id, VIDEO)
    visitor, address = visits(VIKRAM), f"{learners(batch_id)}/{learner.user_id}"
    assert visitor.send(address, "remove", {}).headers["location"].endswith("?done=removed")
    assert "Has left this batch." in text(visitor.get(address))
    rows = service.sql("SELECT active FROM enrolment WHERE user_id = $1 AND batch_id = $2", learner.user_id, batch_id)
    assert [row["active"] for row in rows] == [False]


def test_k56_the_mentor_s_list_is_left_by_whom_one_spoke_to_and_undo_brings_back(
    service: Running, visits: Visits
) -> None:
    mentor = known_learner(service, "Mentor")
    service.sql("UPDATE sandbox_person SET roles = $2 WHERE user_id = $1", mentor.user_id, ["PUBLIC", "COURSE_MENTOR"])
    batch_id = new_batch(service, name="Mentored", mentors=[mentor.user_id])
    learner = joined(service, batch_id, VIDEO, name="Bidisha")
    service.clock.move(days=9)
    visitor = visits(mentor)
    page = visitor.get("/console/mentor")
    assert "Bidisha" in text(page)
    assert "not seen for 9 days" in text(page)
    done = visitor.send("/console/mentor", "contact", {"who": f"{batch_id} {learner.user_id}", "how": "phone"})
    assert done.status_code == 303
    page = visitor.get(done.headers["location"])
    assert "Nobody needs you today." in text(page)
    assert "not known yet" in text(page)
    which = re.search(r'name="which" value="([^"]+)"', page.text)
    assert which is not None
    assert visitor.send("/console/mentor", "undo", {"which": which[1]}).status_code == 303
    assert "not seen for 9 days" in text(visitor.get("/console/mentor"))
    visitor.send("/console/mentor", "contact", {"who": f"{batch_id} {learner.user_id}", "how": "phone"})
    service.clock.ahead += timedelta(days=1)
    complete(service, learner, batch_id, BOOK)
    service.clock.ahead += timedelta(days=3)
    assert "came back" in text(visits(mentor).get("/console/mentor"))


def test_how_the_order_is_made_is_said(visits: Visits) -> None:
    assert "One step from a certificate." in text(visits(MEERA).get("/console/mentor/order"))
    assert visits(ASHA).get("/console/mentor").status_code == 403


def test_k08_k22_searching_for_a_person_leaves_no_name_in_an_address(
    service: Running, visits: Visits, batch_id: str
) -> None:
    kavita, senthil = joined(service, batch_id, name="कविता"), joined(service, batch_id, name="Senthil Kumaran")
    visitor, address = visits(MEERA), learners(batch_id)
    for typed, learner in (("कवि", kavita), ("kumar", senthil), (senthil.user_id, senthil)):
        answer = visitor.send(address, "find", {"learner": typed})
        assert answer.status_code == 200
        assert re.findall(r'name="who" value="([^"]+)"', answer.text) == [learner.user_id]
        assert typed not in "".join(re.findall(r'(?:href|action)="([^"]*)"', answer.text.replace(learner.user_id, "")))
    refused = visitor.send(address, "find", {"learner": "k"})
    assert refused.status_code == 422
    assert "at least two letters" in text(refused)
    assert "Nobody of that name" in text(visitor.send(address, "find", {"learner": "Lalrinzuala"}))


def test_k57_several_are_noted_as_spoken_to_and_taken_back_together(
    service: Running, visits: Visits, batch_id: str
) -> None:
    people = [joined(service, batch_id) for _ in range(3)]
    visitor, address = visits(MEERA), f"{learners(batch_id)}?sort=joined"
    assert "Pick at least one" in text(visitor.send(address, "contact", {"how": "phone"}))
    hidden = visitor.hidden(address, "contact")
    picked = {"who": [person.user_id for person in people[:2]], "how": "message"}
    done = visitor.http.post(address, data={**hidden, **picked})
    assert done.status_code == 303
    page = visitor.get(done.headers["location"])
    assert "Noted that 2 learners were spoken to." in text(page)
    assert "sort=joined" in done.headers["location"]
    rows = service.sql("SELECT user_id, how FROM contact WHERE batch_id = $1 AND undone_at IS NULL", batch_id)
    assert {row["user_id"] for row in rows} == set(picked["who"])
    assert {row["how"] for row in rows} == {"message"}
    undo = visitor.fields(page.text, "undo")
    assert visitor.post(address, undo).status_code == 303
    assert service.sql("SELECT 1 FROM contact WHERE batch_id = $1 AND undone_at IS NULL", batch_id) == []
    assert "Noted that" not in text(visitor.get(done.headers["location"]))
    assert visitor.post(address, undo).status_code in (303, 400, 422)
    noted = service.sql("SELECT what FROM audit WHERE about = $1 AND what LIKE 'learner.contact%'", batch_id)
    assert sorted(row["what"] for row in noted) == ["learner.contact", "learner.contact-undone"]


def test_k24_all_of_a_filter_are_picked_on_later_pages_too_and_leave_by_a_plan(
    service: Running, visits: Visits, batch_id: str
) -> None:
    began = joined(service, batch_id, VIDEO)
    completed = joined(service, batch_id, *REQUIRED)
    service.sql(
        "INSERT INTO enrolment (user_id, batch_id, course_id, active, enrolled_at, updated_at)"
        " SELECT gen_random_uuid(), $1, course_id, true, now(), now() FROM generate_series(1, 60), batch"
        " WHERE batch_id = $1",
        batch_id,
    )
    visitor = visits(VIKRAM)
    address = f"{learners(batch_id)}?standings=never-started"
    assert "all 60, on other pages too" in text(visitor.get(address))
    refused = visitor.send(address, "contact", {"all": "on", "how": "phone"})
    assert refused.status_code == 422
    assert "This is about 60 learners." in text(refused)
    assert visitor.send(address, "contact", {"all": "on", "how": "phone", "sure": "60"}).status_code == 303
    rows = service.sql("SELECT count(*) FROM contact WHERE batch_id = $1", batch_id)
    assert rows[0][0] == 60
    plan = visitor.post(address, {**visitor.hidden(address, "contact"), "do": "remove", "all": "on"})
    page = visitor.get(plan.headers["location"])
    assert re.search(r"<b>60</b><span>to remove</span>", page.text)
    assert "add 0, return 0, remove 60" in text(page)
    where = plan.headers["location"].partition("?")[0]
    assert visitor.send(where, "apply", {}).status_code == 422
    assert visitor.send(where, "apply", {"sure": "60"}).status_code == 303
    left = service.sql("SELECT user_id FROM enrolment WHERE batch_id = $1 AND active", batch_id)
    assert {row["user_id"] for row in left} == {began.user_id, completed.user_id}
    (change,) = service.sql("SELECT change_id FROM roster_change WHERE batch_id = $1", batch_id)
    undo = f"/console/batches/{batch_id}/roster/changes/{change['change_id']}"
    assert "60" in text(visitor.get(undo))
    # Who has completed stays, and the plan says so.
    picked = {"do": "remove", "who": completed.user_id}
    plan = visitor.post(learners(batch_id), {**visitor.hidden(learners(batch_id), "contact"), **picked})
    page = visitor.get(plan.headers["location"].partition("?")[0])
    assert "has completed the course" in text(page)
    assert "There is nothing to apply" in text(page)


def test_k29_phone_and_e_mail_appear_only_while_the_learner_consents(
    service: Running, visits: Visits, batch_id: str
) -> None:
    learner = joined(service, batch_id)
    service.sql(
        "UPDATE sandbox_person SET phone = '9876543210', email = 'asha@example.org' WHERE user_id = $1", learner.user_id
    )
    visitor, address = visits(MEERA), f"{learners(batch_id)}/{learner.user_id}"
    audited = "SELECT who FROM audit WHERE what = 'learner.reach' AND whom = ARRAY[$1]"
    page = visitor.get(address)
    assert "not shared with your organisation" in text(page)
    assert "9876543210" not in page.text
    assert service.sql(audited, learner.user_id) == []
    service.sql(
        "INSERT INTO sandbox_consent (user_id, consumer_id, object_id, consent_id, status, updated_at)"
        " SELECT $1, $2, course_id, 'c-1', 'ACTIVE', '2026-07-01T06:00:00Z' FROM batch WHERE batch_id = $3",
        learner.user_id,
        HOME_ORG,
        batch_id,
    )
    page = visitor.get(address)
    assert 'href="tel:9876543210"' in page.text
    assert 'href="mailto:asha@example.org"' in page.text
    assert "since Wednesday 1 July" in text(page)
    assert [row["who"] for row in service.sql(audited, learner.user_id)] == [MEERA.user_id]
    service.sql("UPDATE sandbox_consent SET status = 'REVOKED' WHERE user_id = $1", learner.user_id)
    assert "9876543210" not in visitor.get(address).text


def test_certificates_of_several_are_issued_anew(service: Running, visits: Visits) -> None:
    cohort = new_cohort(service)
    visitor, address = visits(VIKRAM), learners(cohort.batch_id)
    assert "Issue certificates anew" not in text(visitor.get(address))
    assert cohort.attach(name="Certificate of merit").status_code == 200
    learner = joined(service, cohort.batch_id, VIDEO)
    form = {**visitor.hidden(address, "contact"), "do": "again", "who": learner.user_id}
    done = visitor.post(address, form)
    assert done.status_code == 303, done.text
    assert "1 certificates are issued anew now" in text(visitor.get(done.headers["location"]))


def test_a_view_is_kept_under_a_name_and_forgotten(service: Running, visits: Visits, batch_id: str) -> None:
    person = known_learner(service, "Mentor")
    service.sql("UPDATE sandbox_person SET roles = $2 WHERE user_id = $1", person.user_id, ["PUBLIC", "COURSE_MENTOR"])
    service.sql("UPDATE batch SET mentors = ARRAY[$2] WHERE batch_id = $1", batch_id, person.user_id)
    joined(service, batch_id)
    visitor = visits(person)
    address = f"{learners(batch_id)}?standings=never-started&sort=joined"
    refused = visitor.send(address, "save-view", {"name": " "})
    assert refused.status_code == 422
    kept = visitor.send(address, "save-view", {"name": "Ring <tomorrow>"})
    assert kept.headers["location"] == f"{learners(batch_id)}?sort=joined&standings=never-started"
    page = visitor.get(learners(batch_id)).text
    assert '<a href="?sort=joined&amp;standings=never-started"><bdi>Ring &lt;tomorrow&gt;</bdi></a>' in page
    assert "Ring" not in visits(VIKRAM).get(learners(batch_id)).text
    assert visitor.send(learners(batch_id), "forget-view", {"name": "Ring <tomorrow>"}).status_code == 303
    assert "Ring" not in visitor.get(learners(batch_id)).text


def test_k26_every_column_of_the_whole_picture_leads_to_its_learners(
    service: Running, visits: Visits, batch_id: str
) -> None:
    people = [joined(service, batch_id) for _ in range(9)]
    complete(service, people[4], batch_id, VIDEO)
    complete(service, people[7], batch_id, *REQUIRED)
    visitor = visits(MEERA)
    page = visitor.get(learners(batch_id)).text
    columns = re.findall(r'<a href="[^"?]*(\?fromRank=\d+&amp;toRank=\d+)"', page)
    assert len(columns) == 9
    shown = [visitor.get(learners(batch_id) + column.replace("&amp;", "&")).text for column in columns]
    first = [re.findall(r'name="who" value="([^"]+)"', each) for each in shown]
    assert sorted(user_id for ids in first for user_id in ids) == sorted(person.user_id for person in people)
    assert first[:2] == [[people[7].user_id], [people[4].user_id]]
    for link, count in re.findall(r'<li><a href="[^"?]*(\?[^"]+)">(\d+)</a>', page):
        listed = visitor.get(learners(batch_id) + link.replace("&amp;", "&")).text
        assert len(re.findall(r'name="who" value="', listed)) == int(count), link
    assert 'class="whole"' in visitor.get(f"/console/batches/{batch_id}").text


def test_k58_more_than_ten_of_one_school_who_never_began_are_one_row(service: Running, visits: Visits) -> None:
    mentor, batch_id = mentor_of_one(service)
    people = [joined(service, batch_id) for _ in range(13)]
    service.sql(
        "INSERT INTO profile (user_id, status, school_id, school_name, fetched_at)"
        " SELECT user_id, 1, CASE WHEN place <= 11 THEN 'large' ELSE 'small' END, 'Zilla School, Haveli', now()"
        " FROM unnest($1::text[]) WITH ORDINALITY AS person (user_id, place)",
        [person.user_id for person in people],
    )
    page = visits(mentor).get("/console/mentor")
    assert text(page).count("11 learners of Zilla School, Haveli never began") == 1
    shown = set(re.findall(rf"{batch_id}/learners/([^\"?]+)\"", page.text))
    assert shown & {person.user_id for person in people} == {person.user_id for person in people[11:]}


def test_k60_notes_are_read_by_who_runs_the_batch_and_stand_in_no_log(
    service: Running, visits: Visits, batch_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    learner = joined(service, batch_id)
    address = f"{learners(batch_id)}/{learner.user_id}"
    note = {"how": "phone", "note": "She was ill, says her Aunt Lalthlamuani."}
    assert visits(MEERA).send(address, "contact", note).status_code == 303
    for reader in (MEERA, VIKRAM):
        assert "Aunt Lalthlamuani" in text(visits(reader).get(address))
    assert visits(RAVI).get(address).status_code == 403
    assert "Lalthlamuani" not in visits(learner).get(f"/console/my/{batch_id}").text
    assert "Lalthlamuani" not in caplog.text
    (row,) = service.sql("SELECT sealed FROM contact WHERE user_id = $1", learner.user_id)
    assert b"Lalthlamuani" not in row["sealed"]


def mentor_of_one(service: Running) -> tuple[Person, str]:
    """A mentor whom nobody has seen before, and the one batch of theirs."""
    person, batch_id = known_learner(service, "Mentor"), new_batch(service, days=90)
    service.sql("UPDATE sandbox_person SET roles = $2 WHERE user_id = $1", person.user_id, ["PUBLIC", "COURSE_MENTOR"])
    service.sql("UPDATE batch SET mentors = ARRAY[$2] WHERE batch_id = $1", batch_id, person.user_id)
    return person, batch_id
