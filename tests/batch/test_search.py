"""Searching batches: S1 to S4 and the whole filter language (contract batches §3.4)."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lernbatch.batch.search import conditions
from lernbatch.batch.search.filters import LONGEST_VALUE
from lernbatch.batch.search.model import FieldKind
from tests import rows
from tests.batch.calls import (
    GATEWAY,
    SEARCH,
    change,
    create,
    create_privately,
    creation,
    day,
    form_d,
    refused,
)
from tests.batch.lame import Lame
from tests.people import ADMIN, ASHA, HOME_ORG, IMRAN, KAVYA, MEERA, OTHER_ORG, RAVI, VIKRAM, Person
from tests.rows import enrolled
from tests.running import Running, running
from tests.seeds import COURSE, SECOND_COURSE

OTHER_TEXTS = ["हिन्दी में गणित", "எண்கள் 2026", "100% _Spring_ cohort"]


class Three:
    """Three batches of different kinds; searches look among them alone."""

    def __init__(self, service: Running) -> None:
        self.service = service
        self.june = create(service, name="June Cohort", description="first run", mentors=[MEERA.user_id])
        self.july = create_privately(
            service,
            ADMIN,
            name="july cohort",
            enrollmentType="invite-only",
            startDate=day(service, 10),
            endDate=day(service, 40),
            createdFor=[HOME_ORG, OTHER_ORG],
            courseId=SECOND_COURSE,
        )
        self.hindi = create(service, name="हिन्दी में गणित", endDate=None, startDate=day(service, 5), createdFor=[])
        self.names = {self.june: "june", self.july: "july", self.hindi: "hindi"}

    def request(self, filters: dict[str, Any], **more: Any) -> dict[str, Any]:
        ids = {"identifier": [self.june, self.july, self.hindi]}
        return {"filters": {**ids, **filters}, "sort_by": {"startDate": "asc"}, **more}

    def ask(self, filters: dict[str, Any], **more: Any) -> dict[str, Any]:
        answer = self.service.call("POST", SEARCH, None, self.request(filters, **more))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["result"]["response"]
        return found

    def find(self, filters: dict[str, Any], **more: Any) -> list[str]:
        """The names of what was found, in order."""
        return [self.names[hit["batchId"]] for hit in self.ask(filters, **more)["content"]]


@pytest.fixture(scope="session")
def three(shared_service: Running) -> Three:
    return Three(shared_service)


@pytest.mark.parametrize("request_", [{}, {"filters": None}, {"filters": []}, {"filters": "x"}])
def test_s1_a_search_without_filters_is_form_e_at_once(service: Running, request_: dict[str, object]) -> None:
    answer = service.call("POST", SEARCH, None, request_)
    params = answer.json()["params"]
    assert (answer.status_code, answer.json()["responseCode"]) == (500, "SERVER_ERROR")
    assert (params["err"], params["status"], params["msgid"]) == ("INTERNAL_ERROR", "SERVER_ERROR", None)
    assert params["errmsg"] == "Process failed,please try again later."


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": None},
        {"limit": "5"},
        {"limit": 1.5},
        {"limit": 2**31},
        {"limit": -1},
        {"offset": -1},
        {"offset": "0"},
        {"offset": 10_001},
        {"fields": "name"},
        {"fields": [1]},
        {"facets": {"status": None}},
        {"facets": ["status"]},
        {"filters": {"name": None}},
        {"filters": {"name": [None]}},
        {"filters": {"name": ["a", 1]}},
        {"filters": {"$or": [1]}},
        {"sort_by": {"name.raw": "asc"}},
        {"sort_by": []},
        {"query": 5},
        {"exists": "name"},
        {"softConstraints": {"name": 1}},
    ],
)
def test_s2_a_search_of_another_shape_is_form_d(service: Running, wrong: dict[str, object]) -> None:
    form_d(service.call("POST", SEARCH, None, {"filters": {}, **wrong}))


@pytest.mark.parametrize("body", ['{"request": 5}', '{"params": null}', "[]"])
def test_s2_an_envelope_that_cannot_be_read_is_form_d_here(service: Running, body: str) -> None:
    form_d(service.call("POST", SEARCH, None, content=body, headers={"Content-Type": "application/json"}))


def test_s3_a_bad_token_is_ignored_and_a_bad_managed_token_is_not(service: Running) -> None:
    request = {"filters": {"identifier": "0"}}
    bad = service.call("POST", SEARCH, None, request, headers={"X-Authenticated-User-Token": "x.y.z"})
    assert bad.json()["result"] == {"response": {"count": 0, "content": []}}
    managed = service.call("POST", SEARCH, ASHA, request, headers={"X-Authenticated-For": "x.y.z"})
    assert (managed.status_code, managed.json()["params"]["err"]) == (401, "UNAUTHORIZED_USER")


@pytest.mark.parametrize(
    "wrong",
    [
        {"sort_by": {"collectionId": "asc"}},
        {"facets": [{"status": "AVERAGE"}]},
        {"facets": [{"name": "DATE_HISTOGRAM"}]},
        {"filters": {"status": "new"}},
        {"filters": {"startDate": "soon"}},
        {"filters": {"startDate": {"startsWith": "2026"}}},
    ],
)
def test_s4_what_cannot_be_searched_is_a_failure_and_not_an_empty_answer(
    service: Running, wrong: dict[str, object]
) -> None:
    form_d(service.call("POST", SEARCH, None, {"filters": {}, **wrong}))


def test_s4_a_database_that_does_not_answer_is_form_d(lame: Lame) -> None:
    with lame.database_locked("batch", for_readers=True):
        form_d(lame.service.call("POST", SEARCH, None, {"filters": {}}))


def test_more_than_is_reasonable_is_refused(service: Running) -> None:
    text = "Requested data for this operation is not valid."
    for filters in ({"courseId": ["x"] * 10_001}, {f"f{n}": "x" for n in range(101)}):
        refused(service.call("POST", SEARCH, None, {"filters": filters}), "INVALID_REQUESTED_DATA", text)


@pytest.mark.parametrize("letter", ["x", "क"])
def test_a_text_longer_than_any_that_is_looked_for_is_refused_before_the_database_sees_it(
    service: Running, letter: str
) -> None:
    longest = letter * LONGEST_VALUE
    for filters in (
        {"name": longest},
        {"mentors": ["x", longest]},
        {"name": {"startsWith": longest}},
        {"description": {"endsWith": longest}},
        {"courseId": {">": longest}},
        {"$or": {"name": longest}},
    ):
        answer = service.call("POST", SEARCH, None, {"filters": filters})
        assert answer.status_code == 200
        longer = json.loads(json.dumps(filters).replace(json.dumps(longest), json.dumps(longest + letter)))
        answer = service.call("POST", SEARCH, None, {"filters": longer})
        refused(answer, "INVALID_REQUESTED_DATA", "Requested data for this operation is not valid.")


def test_a_search_answers_with_documents_and_their_number(three: Three) -> None:
    answer = three.service.call("POST", f"{GATEWAY}/list", None, three.request({"courseId": COURSE}))
    assert answer.json()["id"] == "api.course.batch.search"
    response = answer.json()["result"]["response"]
    assert response["count"] == 2
    document = three.service.call("GET", f"/v1/course/batch/read/{three.june}", ASHA).json()["result"]["response"]
    assert response["content"][0] == document


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"courseId": COURSE}, ["june", "hindi"]),
        ({"courseId": COURSE.upper()}, ["june", "hindi"]),
        ({"name": "JULY COHORT"}, ["july"]),
        ({"name": "july"}, []),
        ({"name": ["june cohort", "हिन्दी में गणित"]}, ["june", "hindi"]),
        ({"name": []}, ["june", "hindi", "july"]),
        ({"status": 1}, ["june"]),
        ({"status": "0"}, ["hindi", "july"]),
        ({"status": ["0", "1"]}, ["june", "hindi", "july"]),
        ({"status": [1, 2]}, ["june"]),
        ({"status": 1.5}, []),
        ({"createdBy": VIKRAM.user_id.upper()}, ["june", "hindi"]),
        ({"mentors": MEERA.user_id}, ["june"]),
        ({"mentors": [MEERA.user_id, RAVI.user_id]}, ["june"]),
        ({"createdFor": [OTHER_ORG]}, ["july"]),
        ({"createdFor": HOME_ORG, "enrollmentType": "OPEN"}, ["june"]),
        ({"objectType": "anything"}, ["june", "hindi", "july"]),
        ({"collectionId": COURSE}, []),
        ({"$or": {"name": "june cohort", "enrollmentType": "invite-only"}}, ["june", "july"]),
        ({"$or": {"tandc": "x"}}, []),
        ({"status": {"<": 1}}, ["hindi", "july"]),
        ({"status": {">=": "1"}}, ["june"]),
        ({"status": {">": 0.5, "<>": 7}}, ["june"]),
        ({"name": {">": "july"}}, ["june", "hindi", "july"]),
        ({"name": {">": "july", "<": "k"}}, ["june", "july"]),
        ({"mentors": {">": "0"}}, ["june"]),
        ({"name": {"startsWith": "JU"}}, ["june", "july"]),
        ({"name": {"endsWith": "cohort"}}, ["june", "july"]),
        ({"name": {"startsWith": "%"}}, []),
        ({"createdFor": {"startsWith": OTHER_ORG[:-1], "endsWith": OTHER_ORG[-1]}}, ["july"]),
        ({"name": {"min": 5, "ne": "x"}}, ["june", "hindi", "july"]),
        ({"name": True}, []),
        ({"completedCount": 0, "participantCount": {"<": 1}}, ["june", "hindi", "july"]),
    ],
)
def test_filters(three: Three, filters: dict[str, Any], found: list[str]) -> None:
    assert three.find(filters) == found


def test_dates_compare_as_days(three: Three) -> None:
    service = three.service
    five, ten = day(service, 5), day(service, 10)
    assert three.find({"startDate": five}) == ["hindi"]
    assert three.find({"startDate": [five, f"{ten}T00:00:00.000Z"]}) == ["hindi", "july"]
    assert three.find({"startDate": {">": five}}) == ["july"]
    assert three.find({"startDate": {">=": five, "<": ten}}) == ["hindi"]
    assert three.find({"startDate": {"<=": five}}) == ["june", "hindi"]
    assert three.find({"startDate": {"<": f"{five}T00:00:00.001Z"}}) == ["june", "hindi"]
    assert three.find({"startDate": {">=": f"{five}T10:00:00Z"}}) == ["july"]
    assert three.find({"effectiveEnrollmentEndDate": {"<": day(service, 30)}}) == ["june"]


def test_the_created_date_finds_its_batch_again(three: Three) -> None:
    june = next(hit for hit in three.ask({})["content"] if hit["batchId"] == three.june)
    assert "june" in three.find({"createdDate": june["createdDate"]})
    assert "june" in three.find({"createdDate": {"startsWith": june["createdDate"][:16]}})
    yesterday = (three.service.clock.today() - timedelta(days=1)).isoformat()
    assert three.find({"createdDate": {">": yesterday, "<=": june["createdDate"]}})[0] == "june"
    assert three.find({"createdDate": {"<": yesterday}}) == three.find({"createdDate": "whenever"}) == []


def test_what_exists_and_what_does_not(three: Three) -> None:
    assert three.find({}, exists=["mentors"]) == ["june"]
    assert three.find({}, exists=["endDate", "createdFor"]) == ["june", "july"]
    assert three.find({}, not_exists=["description"]) == ["hindi", "july"]
    assert three.find({}, exists=["tandc"]) == []
    assert three.find({}, not_exists=["tandc", "endDate"]) == ["hindi"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("june", ["june"]),
        ("OHOR", ["june", "july"]),
        ("हिन्दी", ["hindi"]),
        ("गणि", ["hindi"]),
        ("में", ["hindi"]),
        ("first", ["june"]),
        ("first हिन्दी", ["june", "hindi"]),
        ("cohort +first", ["june"]),
        ("cohort -first", ["july"]),
        ('"june cohort"', ["june"]),
        ('"cohort june"', []),
        ("ju*", ["june", "july"]),
        ("जु", []),
        ("%", []),
        (" ", ["june", "hindi", "july"]),
        ("'; DROP TABLE batch; --", []),
        (MEERA.user_id, ["june"]),
        (SECOND_COURSE, ["july"]),
    ],
)
def test_text_queries_find_parts_of_words_in_any_script(three: Three, query: str, found: list[str]) -> None:
    assert three.find({}, query=query) == found


def test_text_queries_may_name_their_fields(three: Three) -> None:
    assert three.find({}, query="run", queryFields=["description"]) == ["june"]
    assert three.find({}, query="run", queryFields=["name", "mentors", "status", "unknown"]) == []


@pytest.mark.parametrize(
    ("sort", "found"),
    [
        ({"startDate": "DESC"}, ["july", "hindi", "june"]),
        ({"name": "asc"}, ["july", "june", "hindi"]),
        ({"endDate": "asc"}, ["june", "july", "hindi"]),
        ({"endDate": "desc"}, ["july", "june", "hindi"]),
        ({"status": "desc", "name": "asc"}, ["june", "july", "hindi"]),
        ({"name": "asc", "status": "desc"}, ["july", "june", "hindi"]),
        ({"createdFor": "desc"}, ["july", "june", "hindi"]),
        ({}, ["hindi", "july", "june"]),
    ],
)
def test_sorting_by_several_keys_in_their_order(three: Three, sort: dict[str, str], found: list[str]) -> None:
    names = three.find({}, sort_by=sort)
    assert names == found if sort else sorted(names) == sorted(found)


def test_fields_choose_what_is_shown(three: Three) -> None:
    hit = three.ask({"name": "june cohort"}, fields=["batchId", "name", "collectionId", "nothing"])["content"][0]
    assert hit == {"batchId": three.june, "name": "June Cohort"}
    assert "collectionId" not in three.ask({}, fields=[])["content"][0]
    counted = three.ask({"name": "june cohort"}, fields=["participantCount", "completedCount"])["content"][0]
    assert counted == {"participantCount": 0, "completedCount": 0}


def test_pages_and_the_exact_number(three: Three) -> None:
    assert three.find({}, limit=1, offset=1) == ["hindi"]
    page = three.ask({}, limit=0)
    assert page == {"count": 3, "content": []}
    assert three.ask({"name": "nobody"}, facets=[{"status": None}]) == {"count": 0, "content": []}


@pytest.mark.parametrize(
    "sort", [{}, {"endDate": "asc"}, {"mentors": "desc", "status": "asc"}, {"createdDate": "desc"}]
)
def test_a_cursor_walks_through_all_pages(three: Three, sort: dict[str, str]) -> None:
    cursor, seen = "", list[str]()
    for _ in range(3):
        page = three.ask({}, sort_by=sort, limit=1, cursor=cursor)
        seen += [hit["batchId"] for hit in page["content"]]
        cursor = page.get("nextCursor", "")
        assert page["count"] == 3
    assert cursor == ""
    assert sorted(seen) == sorted(three.names)


@pytest.mark.parametrize("cursor", ["x", "W10=", 5, "WyJhIl0="])
def test_a_cursor_that_is_none_is_refused(three: Three, cursor: object) -> None:
    answer = three.service.call("POST", SEARCH, None, three.request({}, cursor=cursor))
    refused(answer, "INVALID_REQUESTED_DATA", "Requested data for this operation is not valid.")


@pytest.mark.parametrize("field", ["participantCount", "completedCount", "participants", "cert_templates"])
def test_what_would_count_every_learner_has_no_facet(three: Three, field: str) -> None:
    assert three.ask({}, facets=[{field: None}])["facets"] == [{"name": field, "values": []}]


def test_facets_count_the_values(three: Three) -> None:
    facets = three.ask({}, facets=[{"status": None, "createdFor": None, "startDate": "DATE_HISTOGRAM", "tandc": None}])
    assert facets["facets"] == [
        {"name": "status", "values": [{"name": 0, "count": 2}, {"name": 1, "count": 1}]},
        {"name": "createdFor", "values": [{"name": HOME_ORG, "count": 2}, {"name": OTHER_ORG, "count": 1}]},
        {
            "name": "startDate",
            "values": [{"name": day(three.service, ahead), "count": 1} for ahead in (0, 5, 10)],
        },
        {"name": "tandc", "values": []},
    ]


def test_participants_come_with_the_batches_when_asked_for(service: Running) -> None:
    joined, left, empty = create(service), create(service), create(service)
    enrolled(service, joined, ASHA, KAVYA)
    enrolled(service, joined, IMRAN, active=False)
    enrolled(service, left, IMRAN, active=False)
    assert participants(service, VIKRAM, joined, left, empty) == {
        joined: sorted((ASHA.user_id, KAVYA.user_id)),
        left: [],
        empty: None,
    }


def participants(service: Running, person: Person | None, *batch_ids: str, **more: Any) -> dict[str, list[str] | None]:
    request = {"filters": {"identifier": list(batch_ids)}, "sort_by": {"startDate": "asc"}, **more}
    answer = service.call("POST", f"{SEARCH}?fields=participants", person, request)
    return {hit["batchId"]: hit["participants"] for hit in answer.json()["result"]["response"]["content"]}


def test_participants_are_for_who_manages_the_batch_and_others_find_themselves(service: Running) -> None:
    batch_id, other = create(service, mentors=[MEERA.user_id]), create(service, RAVI, createdFor=[OTHER_ORG])
    everybody = sorted((ASHA.user_id, KAVYA.user_id))
    for each in (batch_id, other):
        enrolled(service, each, ASHA, KAVYA)
    for person in (VIKRAM, MEERA, ADMIN):
        assert participants(service, person, batch_id, other) == {batch_id: everybody, other: []}
    assert participants(service, RAVI, batch_id, other) == {batch_id: [], other: everybody}
    assert participants(service, ASHA, batch_id, other) == {batch_id: [ASHA.user_id], other: [ASHA.user_id]}
    assert participants(service, IMRAN, batch_id) == participants(service, None, batch_id) == {batch_id: []}
    request = {"filters": {"identifier": batch_id}, "fields": ["name"]}
    (hit,) = service.call("POST", f"{SEARCH}?fields=participants", None, request).json()["result"]["response"][
        "content"
    ]
    assert hit == {"name": "June cohort", "participants": [], "participantCount": 2}


def test_all_participants_of_one_answer_are_bounded_together(dsn: str, tmp_path: Path) -> None:
    with running(tmp_path, dsn, participants_limit=3) as service:
        batches = [create(service, startDate=day(service, ahead)) for ahead in range(3)]
        for each in batches:
            enrolled(service, each, ASHA, KAVYA)
        shown = participants(service, VIKRAM, *batches)
        assert [len(shown[each] or ()) for each in batches] == [2, 1, 0]
        assert shown[batches[2]] == []


def test_creator_details_come_with_the_batches_when_somebody_known_asks_for_them(service: Running) -> None:
    known = create(service)
    request = {"filters": {"identifier": known}}

    def hit(person: Person | None, **more: Any) -> dict[str, Any]:
        answer = service.call("POST", f"{SEARCH}?creatorDetails", person, {**request, **more})
        return dict(answer.json()["result"]["response"]["content"][0])

    assert hit(ASHA)["creatorDetails"] == {"firstName": "Vikram", "lastName": "Rao"}
    assert "creatorDetails" not in hit(None)
    unasked = service.call("POST", SEARCH, ASHA, {**request, "creatorDetails": True}).json()
    assert "creatorDetails" not in unasked["result"]["response"]["content"][0]


TEMPLATE = {
    "identifier": "t-1",
    "name": "Completion",
    "url": "https://example.org/t.svg",
    "previewUrl": "https://example.org/t.png",
    "issuer": {"name": "State Board"},
    "signatoryList": [{"name": "Chair"}],
    "criteria": {"enrollment": {"status": 2}, "user": {"rootOrgId": HOME_ORG, "phone": "9000000009"}, "x": 1},
    "notifyTemplate": {"subject": "Well done", "regards": "Vikram"},
    "additionalProps": {"user": ["email"]},
}
TOLD = {
    **{key: TEMPLATE[key] for key in ("identifier", "name", "url", "previewUrl", "issuer", "signatoryList")},
    "criteria": {"enrollment": {"status": 2}, "user": {"rootOrgId": HOME_ORG}},
}


def test_of_templates_those_who_do_not_manage_the_batch_see_what_learners_need(service: Running) -> None:
    batch_id = create(service, mentors=[MEERA.user_id])
    enrolled(service, batch_id, ASHA)
    rows.templates_of(service, batch_id, {"t-1": TEMPLATE})
    request = {"filters": {"identifier": batch_id}}

    def shown(person: Person | None) -> list[Any]:
        found = service.call("POST", SEARCH, person, request).json()["result"]["response"]["content"][0]
        documents = [found]
        if person is not None:
            documents.append(
                service.call("GET", f"/v1/course/batch/read/{batch_id}", person).json()["result"]["response"]
            )
        return [document[key]["t-1"] for document in documents for key in ("certTemplates", "cert_templates")]

    for person in (VIKRAM, MEERA, ADMIN):
        assert shown(person) == [TEMPLATE] * 4
    for other in (ASHA, RAVI):
        assert shown(other) == [TOLD] * 4
    assert shown(None) == [TOLD] * 2
    path = f"/v1/user/courses/list/{ASHA.user_id}?batchDetails=cert_templates"
    courses = service.call("GET", path, ASHA).json()["result"]["courses"]
    assert [course["batch"]["cert_templates"] for course in courses if course["batchId"] == batch_id] == [{"t-1": TOLD}]


def test_a_failing_user_service_leaves_creator_details_out(lame: Lame) -> None:
    batch_id = create(lame.service)
    lame.fail("/private/user/")
    answer = lame.service.call("POST", f"{SEARCH}?creatorDetails=true", ASHA, {"filters": {"identifier": batch_id}})
    assert "creatorDetails" not in answer.json()["result"]["response"]["content"][0]


def test_a_change_is_found_at_once(service: Running) -> None:
    batch_id = create(service, name="before")
    assert change(service, batch_id, name="after").status_code == 200
    answer = service.call("POST", SEARCH, None, {"filters": {"identifier": batch_id, "name": "after"}})
    assert answer.json()["result"]["response"]["count"] == 1


@pytest.mark.parametrize("name", OTHER_TEXTS)
def test_names_in_any_script_are_found_by_equality_and_by_words(service: Running, name: str) -> None:
    batch_id = creation(service, name=name).json()["result"]["batchId"]
    for request in ({"filters": {"identifier": batch_id, "name": name}}, {"filters": {}, "query": f'"{name}"'}):
        content = service.call("POST", SEARCH, None, request).json()["result"]["response"]["content"]
        assert batch_id in [hit["batchId"] for hit in content]


def test_every_fragment_is_used() -> None:
    folder = Path(conditions.__file__).parent
    code = "".join(file.read_text(encoding="utf-8") for file in folder.glob("*.py"))
    kinds = {f"{kind}_{what}" for kind in FieldKind for what in ("one_of", "bound", "affix")}
    assert [name for name in conditions.PIECES.statements if f'"{name}"' not in code and name not in kinds] == []
