"""The list of batches: whose they are, filters in the address, pages, the file, and neighbours that are away."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from lernbatch.charts import timelines
from lernbatch.charts.timelines import Strip
from lernbatch.console import cursors
from tests import rows
from tests.console.conftest import Visits
from tests.learning import enrol, known_learner, new_batch
from tests.people import ADMIN, ASHA, MEERA, RAVI, VIKRAM
from tests.running import MovableClock, Running, running

LIST = "/console/batches"
ROW = re.compile(r'<th role="rowheader"[^>]*><a href="/console/batches/(\w+)">')


def listed(html: str) -> list[str]:
    """The ids of the batches of a page, in their order."""
    return ROW.findall(html)


@pytest.fixture(scope="module")
def own_service(new_dsn: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("batches"), new_dsn()) as service:
        yield service


def test_k07_the_list_has_the_batches_of_who_looks(visits: Visits, service: Running) -> None:
    batch_id = new_batch(service, name="Harvest of names", mentors=[MEERA.user_id])
    for person, sees in ((VIKRAM, True), (MEERA, True), (ADMIN, True), (RAVI, False)):
        assert (batch_id in listed(visits(person).get(f"{LIST}?view=all&words=Harvest").text)) is sees, (
            person.first_name
        )
    assert visits(ASHA).get(LIST).status_code == 403


def test_k08_filters_and_order_are_in_the_address_and_show_the_same_in_another_browser(
    visits: Visits, service: Running
) -> None:
    small, large = new_batch(service, name="Monsoon small"), new_batch(service, name="Monsoon large")
    for _ in range(2):
        enrol(service, known_learner(service), large)
    path = f"{LIST}?view=all&words=monsoon&sort=enrolled"
    first, second = visits(VIKRAM).get(path).text, visits(VIKRAM).get(path).text
    assert listed(first) == listed(second) == [large, small]
    assert 'value="monsoon"' in first


def test_k10_a_filtered_list_says_how_many_it_leaves_out_and_one_press_shows_all(
    visits: Visits, own_service: Running
) -> None:
    for name in ("Alpha", "Beta", "Gamma"):
        new_batch(own_service, name=name)
    visitor = visits(VIKRAM, at=own_service)
    html = visitor.get(f"{LIST}?view=running&words=alpha").text
    total = len(listed(visitor.get(f"{LIST}?view=running").text))
    assert len(listed(html)) == 1
    assert f"The filter leaves out {total - 1} batches of this view." in html
    link = re.search(r'batches of this view. <a href="([^"]+)">Show all', html)
    assert link is not None
    assert len(listed(visitor.get(LIST + link[1].replace("&amp;", "&")).text)) == total
    assert "None of your" in visitor.get(f"{LIST}?view=all&words=nothinglikethis").text


def test_k09_the_file_has_the_rows_of_the_list_without_pages(visits: Visits, own_service: Running) -> None:
    rows.many_batches(own_service, 120, "Many")
    own_service.sql("UPDATE batch SET created_by = $1 WHERE name = 'Many'", VIKRAM.user_id)
    visitor = visits(VIKRAM, at=own_service)
    path, seen = f"{LIST}?view=all&words=many&sort=name", list[str]()
    while path:
        html = visitor.get(path).text
        seen += listed(html)
        link = re.search(r'<a href="([^"]+)" rel="next">', html)
        path = LIST + link[1].replace("&amp;", "&") if link else ""
    answer = visitor.get(f"{LIST}/list.csv?view=all&words=many&sort=name")
    table = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(seen) == 120
    assert [row[0] for row in table[1:]] == seen
    assert table[0][:3] == ["Batch", "Name", "Course"]
    assert "attachment" in answer.headers["content-disposition"]


def test_a_cursor_of_another_list_or_person_begins_again_and_says_so(visits: Visits, own_service: Running) -> None:
    rows_of = "SELECT count(*) FROM batch WHERE name = 'Many'"
    if not own_service.sql(rows_of)[0][0]:
        rows.many_batches(own_service, 120, "Many")
        own_service.sql("UPDATE batch SET created_by = $1 WHERE name = 'Many'", VIKRAM.user_id)
    visitor, other = visits(VIKRAM, at=own_service), visits(VIKRAM, at=own_service)
    html = visitor.get(f"{LIST}?view=all&words=many&sort=name").text
    link = re.search(r'<a href="([^"]+)" rel="next">', html)
    assert link is not None
    next_page = LIST + link[1].replace("&amp;", "&")
    assert listed(visitor.get(next_page).text) != listed(html)
    for path, reader in ((next_page, other), (next_page.replace("sort=name", "sort=end"), visitor)):
        answer = reader.get(path)
        assert "begins from its start" in answer.text


def test_k15_a_batch_in_which_nobody_is_shows_three_ways_to_bring_people_and_no_chart(
    visits: Visits, service: Running
) -> None:
    batch_id = new_batch(service)
    html = visits(VIKRAM).get(f"{LIST}/{batch_id}").text
    assert [title in html for title in ("<h3>A link</h3>", "<h3>A file</h3>", "<h3>By hand</h3>")] == [True] * 3
    assert 'class="chart"' not in html
    assert 'class="funnel"' not in html


def test_k12_the_six_figures_are_those_of_the_api(visits: Visits, service: Running) -> None:
    batch_id = new_batch(service)
    for _ in range(3):
        enrol(service, known_learner(service), batch_id)
    figures = service.call("GET", f"/v1/course/batch/figures/{batch_id}", VIKRAM).json()["result"]["response"]
    html = visits(VIKRAM).get(f"{LIST}/{batch_id}").text
    shown = re.findall(r"<b>([\d,]+)</b><span>([^<]+)</span>", html[html.index('id="figures"') :])
    assert {text: int(number) for number, text in shown[:6]} == {
        "enrolled": figures["enrolled"],
        "active in 7 days": figures["active"],
        "never started": figures["standings"]["never-started"],
        "completed": figures["reached"]["completed"],
        "certified": figures["certified"],
        "one step from a certificate": figures["standings"]["one-step"],
    }
    assert "counted <time" in html


def test_bringing_somebody_in_by_hand_does_it_once_and_says_why_not(visits: Visits, service: Running) -> None:
    batch_id, learner = new_batch(service), known_learner(service)
    visitor, path = visits(VIKRAM), f"{LIST}/{batch_id}"
    assert visitor.send(path, "add", {"userId": f" {learner.user_id} "}).status_code == 303
    answer = visitor.send(path, "add", {"userId": learner.user_id})
    assert (answer.status_code, "That person is in the batch already." in answer.text) == (400, True)
    answer = visitor.send(path, "add", {"userId": "nobody"})
    assert "nobody with that id" in answer.text
    assert 'value="nobody"' in answer.text
    assert visitor.send(path, "add", {"userId": ""}).status_code == 422


def test_k20_without_the_user_service_ids_stand_in_for_names(
    new_dsn: Callable[[], str], tmp_path: Path, visits: Visits
) -> None:
    with running(tmp_path, new_dsn()) as service:
        batch_id = new_batch(service, mentors=[MEERA.user_id])
        visitor = visits(VIKRAM, at=service)
        assert "Meera Iyer" in visitor.get(f"{LIST}/{batch_id}").text
        service.sql("ALTER TABLE sandbox_person RENAME TO sandbox_person_away")
        for path in ("", f"/{batch_id}", f"/{batch_id}/rules"):
            answer = visitor.get(LIST + path)
            assert answer.status_code == 200
            assert "The user service does not answer: names are missing." in answer.text
            assert MEERA.user_id in answer.text


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/Los_Angeles", "Pacific/Kiritimati"])
def test_k43_the_last_day_is_that_of_the_batch_s_zone(
    visits: Visits, service: Running, clock: MovableClock, zone: str
) -> None:
    clock.move_to(date(2027, 3, 1))
    batch_id = new_batch(service, timeZone=zone, startDate="2027-03-03", endDate="2027-03-10")
    html = visits(VIKRAM, **{"accept-language": "en-GB"}).get(f"{LIST}/{batch_id}").text
    assert "until the end of Wednesday 10 March" in html
    assert f"({zone})" in html


SCALE = timelines.scale([(date(2026, 6, 5), date(2026, 9, 4)), (date(2026, 7, 1), None)], date(2026, 8, 20))


def test_k11_the_scale_has_whole_months_and_today() -> None:
    assert (SCALE.first, SCALE.last) == (date(2026, 6, 1), date(2026, 9, 30))
    assert SCALE.months() == [date(2026, month, 1) for month in (6, 7, 8, 9)]
    assert SCALE.x(date(2026, 6, 1)) == 2
    assert 2 < SCALE.x(date(2026, 8, 20)) < 178


@pytest.mark.parametrize(
    ("starts", "ends"),
    [
        (date(2020, 1, 1), date(2030, 1, 1)),
        (date(2026, 8, 20), date(2026, 8, 20)),
        (date(2026, 8, 20), None),
        (date(1, 1, 1), date.max),
        (date(2030, 1, 1), date(2030, 2, 1)),
    ],
)
def test_k11_a_strip_is_within_its_picture_and_says_its_dates(starts: date, ends: date | None) -> None:
    strip = Strip(starts, ends, starts, ends, has_ended=False)
    svg = str(timelines.timeline(strip, SCALE, date(2026, 8, 20), "From Friday 5 June; joining at any time"))
    assert 'aria-label="From Friday 5 June; joining at any time"' in svg
    for x, width in re.findall(r'x="([\d.]+)" width="([\d.]+)"', svg):
        assert 0 <= float(x) <= 180
        assert float(width) >= 2


def test_a_cursor_is_good_for_its_secret_and_list_alone() -> None:
    cursor = cursors.make(b"secret", "list", ["a", None, 3])
    assert cursors.read(b"secret", "list", cursor) == ["a", None, 3]
    for secret, about, text in (
        (b"other", "list", cursor),
        (b"secret", "other", cursor),
        (b"secret", "list", cursor[:-2]),
    ):
        assert cursors.read(secret, about, text) is None
    assert [cursors.read(b"secret", "list", text) for text in ("", "é", "x" * 5000, "a=b")] == [None] * 4


def test_the_link_to_join_has_one_slash_behind_our_own_address(visits: Visits, dsn: str, tmp_path: Path) -> None:
    with running(tmp_path, dsn, public_url="https://learn.example/") as own:
        batch_id = new_batch(own)
        page = visits(VIKRAM, at=own).get(f"{LIST}/{batch_id}").text
        assert f"<code>https://learn.example/b/{batch_id}</code>" in page


def test_a_view_of_batches_is_kept_under_a_name_and_forgotten(service: Running, visits: Visits) -> None:
    creator = known_learner(service, "Vikram")
    service.sql("UPDATE sandbox_person SET roles = $2 WHERE user_id = $1", creator.user_id, ["PUBLIC", "COURSE_MENTOR"])
    service.sql(
        "UPDATE batch SET created_by = $2 WHERE batch_id = $1", new_batch(service, name="July"), creator.user_id
    )
    visitor = visits(creator)
    assert "Keep this view" not in visitor.get("/console/batches").text
    address = "/console/batches?view=all&words=july&sort=name"
    kept = visitor.send(address, "save-view", {"name": "July, by name"})
    assert kept.headers["location"] == address
    link = '<a href="?view=all&amp;words=july&amp;sort=name"'
    page = visitor.get(address).text
    assert f'{link} aria-current="true"><bdi>July, by name</bdi>' in page
    assert "July, by name" not in visitor.get(f"/console/batches/{listed(page)[0]}/learners").text
    assert visitor.send(address, "forget-view", {"name": "July, by name"}).status_code == 303
    assert "July, by name" not in visitor.get("/console/batches").text
