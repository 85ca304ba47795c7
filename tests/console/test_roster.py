"""A roster over HTTP: the plan before anything happens, exactly that plan, and the mistake taken back."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import httpx
import pytest
from openpyxl import Workbook

from lernbatch import apart
from tests.console.browsing import Visitor
from tests.console.conftest import Visits
from tests.console.test_my import text
from tests.learning import complete, enrol, known_learner, new_batch
from tests.people import RAVI, VIKRAM, Person
from tests.running import Running
from tests.seeds import REQUIRED


def roster(batch_id: str) -> str:
    return f"/console/batches/{batch_id}/roster"


def plan(visitor: Visitor, batch_id: str, content: bytes, name: str = "people.csv", **fields: str) -> httpx.Response:
    form = {**visitor.hidden(roster(batch_id), "read"), **fields}
    return visitor.http.post(roster(batch_id), data=form, files={"file": (name, content)})


def planned(visitor: Visitor, batch_id: str, people: list[Person], **fields: str) -> str:
    """The address of the plan for a file of these people."""
    content = "userId\n" + "\n".join(person.user_id for person in people)
    answer = plan(visitor, batch_id, content.encode(), **fields)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def counts(page: httpx.Response) -> dict[str, int]:
    found = re.findall(r'\?will=(\w+)"[^>]*><b>([\d,]+)</b>', page.text)
    return {move: int(count.replace(",", "")) for move, count in found}


def members(service: Running, batch_id: str) -> set[str]:
    rows = service.sql("SELECT user_id FROM enrolment WHERE batch_id = $1 AND active", batch_id)
    return {row["user_id"] for row in rows}


def change_of(service: Running, batch_id: str) -> str:
    (row,) = service.sql(
        "SELECT change_id FROM roster_change WHERE batch_id = $1 ORDER BY applied_at DESC LIMIT 1", batch_id
    )
    return str(row["change_id"])


def test_k31_a_file_changes_nothing_and_its_kinds_add_up(service: Running, visits: Visits) -> None:
    batch_id, people = new_batch(service), [known_learner(service) for _ in range(3)]
    stays = known_learner(service)
    assert enrol(service, stays, batch_id).status_code == 200
    before, visitor = members(service, batch_id), visits(VIKRAM)
    lines = ["userId,name", *(f"{person.user_id},x" for person in people), f"{people[0].user_id},y", "a b,z", "nobody,"]
    answer = plan(visitor, batch_id, "\n".join(lines).encode(), whole="on")
    page = visitor.get(answer.headers["location"])
    assert counts(page) == {"conflict": 0, "invalid": 3, "remove": 0, "return": 0, "add": 3, "keep": 1}
    assert sum(counts(page).values()) == (len(lines) - 1) + len(before)
    assert members(service, batch_id) == before


def test_k32_each_faulty_line_says_why_and_the_file_of_them_can_be_mended(service: Running, visits: Visits) -> None:
    batch_id, visitor, asha = new_batch(service), visits(VIKRAM), known_learner(service)
    lines = f"userId\n{asha.user_id}\n{asha.user_id}\n1.47E+17\nno-such-person\n"
    address = plan(visitor, batch_id, lines.encode()).headers["location"]
    rows = list(csv.reader(io.StringIO(visitor.get(f"{address}/faulty.csv").content.decode("utf-8-sig"))))
    assert rows[0] == ["userId", "Line", "Because"]
    assert [row[1] for row in rows[1:]] == ["3", "4", "5"]
    assert "first in line 2" in rows[1][2]
    assert "shortened" in rows[2][2]
    mended = f"userId,Line,Because\n{asha.user_id},5,mended\n"
    again = plan(visitor, batch_id, mended.encode()).headers["location"]
    assert counts(visitor.get(again))["add"] == 1


def test_a_large_file_is_read_in_a_process_with_bounds_and_said_of_it_is_the_same(
    service: Running, visits: Visits, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id, visitor, asha = new_batch(service), visits(VIKRAM), known_learner(service)
    large = f"userId\n{asha.user_id}\n" + "a b\n" * 20_000
    address = plan(visitor, batch_id, large.encode()).headers["location"]
    assert (counts(visitor.get(address))["add"], counts(visitor.get(address))["invalid"]) == (1, 20_000)
    for wrong in ("userId,userId\n1,2\n", "\n"):
        said = [plan(visitor, batch_id, (wrong + more).encode()) for more in ("", "1,2\n" * 20_000)]
        assert [answer.status_code for answer in said] == [422, 422]
        reasons = [text(answer).partition("Line 1:")[2][:60] for answer in said]
        assert reasons[0] == reasons[1] != ""
    with monkeypatch.context() as bounds:
        bounds.setattr(apart, "WAIT_SECONDS", 0.001)
        answer = plan(visitor, batch_id, large.encode())
    assert answer.status_code == 422
    assert "more time or memory" in text(answer)


def test_k33_apply_does_exactly_the_plan_and_none_that_has_changed(service: Running, visits: Visits) -> None:
    batch_id, visitor = new_batch(service), visits(VIKRAM)
    people = [known_learner(service) for _ in range(2)]
    address = planned(visitor, batch_id, people)
    assert enrol(service, people[0], batch_id).status_code == 200  # in between
    answer = visitor.send(address, "apply", {})
    assert "outdated=1" in answer.headers["location"]
    assert members(service, batch_id) == {people[0].user_id}
    page = visitor.get(answer.headers["location"])
    assert "Nothing was done" in text(page)
    done = visitor.send(answer.headers["location"].partition("?")[0], "apply", {})
    assert "changed=" in done.headers["location"]
    assert members(service, batch_id) == {person.user_id for person in people}
    assert "1 came in, 0 were removed" in text(visitor.get(done.headers["location"]))


def test_k34_k36_many_removals_ask_for_their_number_and_only_listed_people_go(service: Running, visits: Visits) -> None:
    batch_id, visitor = new_batch(service), visits(VIKRAM)
    listed, by_hand = [known_learner(service) for _ in range(3)], known_learner(service)
    finished = known_learner(service)
    visitor.send(planned(visitor, batch_id, [*listed, finished]), "apply", {})
    assert enrol(service, by_hand, batch_id).status_code == 200
    complete(service, finished, batch_id, *REQUIRED)
    address = planned(visitor, batch_id, listed[:1], whole="on")
    page = visitor.get(address)
    assert counts(page) == {"conflict": 1, "invalid": 0, "remove": 2, "return": 0, "add": 0, "keep": 2}
    refused = visitor.send(address, "apply", {"sure": "3"})
    assert refused.status_code == 422
    assert '<a href="#sure">' in refused.text
    assert len(members(service, batch_id)) == 5
    visitor.send(address, "apply", {"sure": "2"})
    assert members(service, batch_id) == {listed[0].user_id, by_hand.user_id, finished.user_id}
    with_hand = visitor.get(planned(visitor, batch_id, listed[:1], whole="on", by_hand="on"))
    assert counts(with_hand)["remove"] == 1
    assert counts(with_hand)["conflict"] == 1


def test_k35_a_change_is_taken_back_as_shown_and_once(service: Running, visits: Visits) -> None:
    batch_id, visitor = new_batch(service), visits(VIKRAM)
    first, second = known_learner(service), known_learner(service)
    finisher = known_learner(service)
    visitor.send(planned(visitor, batch_id, [first]), "apply", {})
    older = change_of(service, batch_id)
    visitor.send(planned(visitor, batch_id, [second, finisher], whole="on"), "apply", {"sure": "1"})
    newest = change_of(service, batch_id)
    assert members(service, batch_id) == {second.user_id, finisher.user_id}
    complete(service, finisher, batch_id, *REQUIRED)
    address = f"{roster(batch_id)}/changes/{newest}"
    page = visitor.get(address)
    assert "1 leave, 1 return" in text(page)
    assert "they have completed the course since" in text(page)
    assert "take that one back first" in text(visitor.get(f"{roster(batch_id)}/changes/{older}"))
    form = visitor.hidden(address, "undo")
    assert visitor.post(address, form).headers["location"] == f"{roster(batch_id)}?undone={newest}"
    assert members(service, batch_id) == {first.user_id, finisher.user_id}
    again = visitor.post(address, {**form, "once": "another"})
    assert again.status_code == 400
    assert members(service, batch_id) == {first.user_id, finisher.user_id}


def workbook(*rows: list[Any]) -> bytes:
    book, data = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(data)
    return data.getvalue()


def test_a_workbook_and_typed_ids_are_read_too(service: Running, visits: Visits) -> None:
    batch_id, visitor, people = new_batch(service), visits(VIKRAM), [known_learner(service) for _ in range(2)]
    content = workbook(["Name", "User ID"], ["A", people[0].user_id], ["B", people[1].user_id])
    assert counts(visitor.get(plan(visitor, batch_id, content, "people.xlsx").headers["location"]))["add"] == 2
    typed = visitor.send(roster(batch_id), "read", {"ids": f"{people[0].user_id}, {people[1].user_id}\n"})
    assert counts(visitor.get(typed.headers["location"]))["add"] == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Choose a file"),
        (b"name,phone\nAsha,1", "userId"),
        (b"userId\n", "nobody in the list"),
        (b"\xff\xfe\x00", "file"),
        (b"PK\x03\x04nonsense", "workbook"),
    ],
)
def test_what_is_no_roster_is_named_with_the_remedy(
    service: Running, visits: Visits, content: bytes, words: str
) -> None:
    batch_id, visitor = new_batch(service), visits(VIKRAM)
    answer = plan(visitor, batch_id, content, "people.csv" if content else "")
    assert answer.status_code == 422, text(answer)
    assert words.lower() in text(answer).lower()
    assert members(service, batch_id) == set()


def test_a_plan_is_seen_by_its_maker_alone_for_a_week(service: Running, visits: Visits) -> None:
    batch_id, visitor = new_batch(service), visits(VIKRAM)
    address = planned(visitor, batch_id, [known_learner(service)])
    assert visits(RAVI).get(address).status_code == 403
    other = new_batch(service)
    assert visitor.get(address.replace(batch_id, other)).status_code == 404
    (row,) = service.sql("SELECT sealed FROM roster_draft WHERE draft_id = $1", address.rpartition("/")[2])
    assert b"userId" not in row["sealed"]
    assert f'href="{address}"' in visitor.get(roster(batch_id)).text  # its page may be left and found again
    assert visitor.send(address, "discard", {}).headers["location"] == roster(batch_id)
    assert visitor.get(address).status_code == 404
