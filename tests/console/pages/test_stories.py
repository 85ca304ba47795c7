"""Whole stories in a browser: a mentor's week, an administrator's term, a learner's course, an operator's bad day."""

from __future__ import annotations

from datetime import timedelta

from playwright.sync_api import expect

from tests.certificate.cohort import MERIT, Cohort
from tests.certificate.conftest import cohort as cohort
from tests.certificate.conftest import nothing_due as nothing_due
from tests.console.chromium import PHONE
from tests.console.pages.conftest import Readers
from tests.learning import complete, enrol, known_learner, new_batch
from tests.people import PLATFORM, VIKRAM
from tests.reporting import Reporting
from tests.running import Running
from tests.seeds import BOOK, COURSE, LEAF_NODES, QUIZ_QUESTIONS, REQUIRED, VIDEO


def test_a_mentor_s_week(readers: Readers, service: Running) -> None:
    mentor, learner = known_learner(service, "Meenakshi"), known_learner(service, "Bidisha")
    service.sql("UPDATE sandbox_person SET roles = $2 WHERE user_id = $1", mentor.user_id, ["PUBLIC", "COURSE_MENTOR"])
    batch_id = new_batch(service, name="Numeracy, term 2", mentors=[mentor.user_id])
    assert enrol(service, learner, batch_id).status_code == 200
    complete(service, learner, batch_id, VIDEO)

    # On Monday one press shows who is stuck, and a second one why.
    service.clock.move(days=9)
    page = readers(mentor, width=PHONE).page
    page.get_by_role("link", name="My learners").click()
    today = page.get_by_role("region", name="Today's list")
    expect(today).to_contain_text("not seen for 9 days")
    today.get_by_role("link", name="Bidisha").click()
    expect(page.get_by_role("heading", name="Bidisha")).to_be_visible()
    expect(page.locator("main")).to_contain_text("1 of 4 done")

    # A call later she is off the list.
    page.go_back()
    page.get_by_role("button", name="Spoken to").click()
    expect(today).to_contain_text("Nobody needs you today.")

    # The learner goes on, and on Friday the list says that the call helped.
    service.clock.move(days=1)
    complete(service, learner, batch_id, BOOK)
    service.clock.move(days=3)
    page = readers(mentor, width=PHONE).page
    page.get_by_role("link", name="My learners").click()
    expect(page.get_by_role("region", name="Done lately")).to_contain_text("came back")


def test_an_administrator_s_term(readers: Readers, service: Running, nothing_due: None) -> None:
    learners = [known_learner(service, name) for name in ("Asha", "Kavya", "Mohan")]
    reader = readers(VIKRAM)
    page = reader.page

    # A new batch.
    page.get_by_role("link", name="Batches").first.click()
    page.get_by_role("link", name="New batch").first.click()
    page.get_by_label("Id of the course").fill(COURSE)
    page.get_by_label("Name", exact=True).fill("Numeracy, summer")
    last_day = service.clock.today() + timedelta(days=90)
    page.get_by_label("Last day", exact=True).fill(last_day.isoformat())
    page.get_by_role("button", name="Make the batch").click()
    expect(page.get_by_role("heading", name="Nobody is in yet")).to_be_visible()
    batch_id = page.url.rpartition("/")[2]

    # People by a list, seen before it happens; a mistake is taken back whole.
    tabs = page.get_by_role("navigation", name="This batch")
    tabs.get_by_role("link", name="Roster").click()
    page.get_by_label("Or the ids").fill("\n".join(learner.user_id for learner in learners))
    page.get_by_role("button", name="Make the plan").click()
    page.get_by_role("button", name="Apply: add 3").click()
    expect(page.get_by_role("status")).to_contain_text("3 came in")
    page.get_by_role("link", name="Take it back as a whole").click()
    page.get_by_role("button", name="Take it back: 3 leave").click()
    expect(page.get_by_role("status")).to_contain_text("taken back")
    page.get_by_label("Or the ids").fill("\n".join(learner.user_id for learner in learners[:2]))
    page.get_by_role("button", name="Make the plan").click()
    page.get_by_role("button", name="Apply: add 0, return 2").click()

    # Certificates: seen first, then given.
    tabs.get_by_role("link", name="Certificates").click()
    page.get_by_label("Who signs").fill("Meera Nair")
    page.get_by_role("button", name="See how it looks").click()
    expect(page.locator("#looks img")).to_have_count(1)
    page.get_by_role("button", name="Give certificates").click()
    expect(page.get_by_role("status").first).to_contain_text("Attached.")
    complete(service, learners[0], batch_id, *REQUIRED)
    Cohort(service, batch_id).work()
    page.reload()
    expect(page.get_by_role("region", name="Issued certificates")).to_contain_text("Asha")

    # The late ones get two weeks more, and it is said for whom that counts.
    tabs.get_by_role("link", name="Dates and rules").click()
    page.get_by_label("Last day", exact=True).fill((last_day + timedelta(days=14)).isoformat())
    page.get_by_role("button", name="Check first").click()
    expect(page.locator("#outcome")).to_contain_text("nothing saved")
    page.get_by_role("button", name="Save these changes").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")

    # A file for the office.
    tabs.get_by_role("link", name="Reports").click()
    page.get_by_role("button", name="Make the report").click()
    page.wait_for_url("**/console/reports/*")
    Reporting(service).work()
    page.get_by_role("link", name="Download").wait_for()  # the page shows it by itself
    assert reader.complaints == []


def test_a_learner_s_course_on_a_phone_without_script(readers: Readers, service: Running, cohort: Cohort) -> None:
    assert cohort.attach(name="Certificate of merit", criteria=MERIT).status_code == 200
    phone = readers(known_learner(service), width=PHONE, script=False).page
    phone.goto(f"/b/{cohort.batch_id}")
    phone.get_by_role("button", name="Join").click()
    expect(phone.get_by_text("You are in this batch.")).to_be_visible()
    expect(phone.get_by_text("No certificate yet: 4 parts are missing.")).to_be_visible()
    phone.get_by_role("link", name="Open the course").click()
    parts = phone.get_by_role("button", name="Do it")
    for left in reversed(range(len(LEAF_NODES) - 1)):  # all but the quiz
        parts.first.click()
        expect(parts).to_have_count(left)
    phone.get_by_label("Right answers").select_option(str(QUIZ_QUESTIONS))
    phone.get_by_role("button", name="Answer").click()
    cohort.work()
    phone.get_by_role("link", name="See how far you are").click()
    expect(phone.get_by_text("You have your certificate.")).to_be_visible()
    phone.get_by_role("link", name="Certificate of merit").first.click()
    expect(phone.get_by_text("This certificate is valid.")).to_be_visible()


def test_an_operator_s_bad_day(readers: Readers, service: Running, nothing_due: None) -> None:
    service.sql(
        "INSERT INTO sandbox_person (user_id, first_name, last_name, roles) VALUES ($1, 'Prabha', 'Rao', $2)"
        " ON CONFLICT DO NOTHING",
        PLATFORM.user_id,
        list(PLATFORM.roles),
    )
    service.sql("DELETE FROM outbox")
    service.sql(
        "INSERT INTO outbox (destination, topic, key, payload, created_at, due_at, parked, error) SELECT 'mail', '',"
        " n::text, '{}', now(), now(), true, 'The mail service answered 503.' FROM generate_series(1, 3) AS n"
    )
    service.sql(
        "INSERT INTO job (kind, next_run_at, last_run_at, failures, last_error) VALUES ('course.refresh',"
        " now() + interval '1 hour', now(), 3, 'No route.') ON CONFLICT (kind) DO UPDATE SET failures = 3"
    )
    page = readers(PLATFORM).page
    page.get_by_role("link", name="Operation").click()
    worst = page.locator("#now [role=status]")
    expect(worst).to_contain_text("3 things were given up")
    page.get_by_role("row", name="Mails").get_by_role("button", name="Again").click()
    expect(page.get_by_text("3 are tried again.")).to_be_visible()
    expect(worst).to_contain_text("course.refresh fails")
    page.get_by_role("button", name="Run now: course.refresh").click()
    expect(page.get_by_text("course.refresh runs within seconds.")).to_be_visible()
    service.sql("DELETE FROM outbox")
    service.sql("DELETE FROM job")
    page.get_by_role("link", name="look again").click()
    expect(worst).to_contain_text("Nothing is stuck.")
