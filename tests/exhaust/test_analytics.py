"""Both doors: what they answer, whom they let in, what they refuse."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.people import ADMIN, ASHA, HOME_ORG, IMRAN, MEERA, OTHER_ORG, RAVI, VIKRAM, Person
from tests.reporting import Reporting, unzipped

ANALYTICS = "/dataset/v1/request"


def ask(
    reporting: Reporting, by: Person | None = VIKRAM, *, channel: str | None = HOME_ORG, **fields: Any
) -> httpx.Response:
    """Submit by the analytics path; a field None is left out."""
    request = {
        "tag": reporting.tag,
        "dataset": "progress-exhaust",
        "datasetConfig": {"batchId": reporting.batch_id},
        **fields,
    }
    sent = {key: value for key, value in request.items() if value is not None}
    headers = {} if channel is None else {"X-Channel-ID": channel}
    return reporting.service.call("POST", f"{ANALYTICS}/submit", by, sent, headers=headers)


def get(reporting: Reporting, path: str, by: Person = VIKRAM, channel: str = HOME_ORG) -> dict[str, Any]:
    answer = reporting.service.call("GET", f"{ANALYTICS}/{path}", by, headers={"X-Channel-ID": channel})
    body: dict[str, Any] = answer.json()
    return body


def test_the_service_answers_in_its_own_envelope(reporting: Reporting) -> None:
    answer = reporting.submit().json()
    assert (answer["id"], answer["ver"], answer["responseCode"]) == ("api.jobrequest.submit", "v1", "OK")
    job = answer["result"]
    assert (job["tag"], job["requestedBy"]) == (f"{reporting.tag}:{HOME_ORG}", VIKRAM.user_id)
    assert job["jobStats"]["dtJobCompleted"] is None
    assert job["expiresAt"] > job["jobStats"]["dtJobSubmitted"]


def test_analytics_answers_in_the_other_envelope(reporting: Reporting) -> None:
    answer = ask(reporting).json()
    assert (answer["id"], answer["ver"]) == ("ekstep.analytics.dataset.request.submit", "1.0")
    assert sorted(answer["params"]) == ["client_key", "resmsgid", "status"]
    assert answer["params"]["status"] == "successful"
    assert answer["ts"].endswith("+00:00")
    assert answer["result"]["datasetConfig"] == {"batchId": reporting.batch_id}


def test_both_doors_lead_to_the_same_request(reporting: Reporting) -> None:
    first = reporting.submit().json()["result"]
    assert ask(reporting).json()["result"]["requestId"] == first["requestId"]
    listed = get(reporting, f"list/{reporting.tag}")
    assert (listed["id"], listed["result"]["count"]) == ("ekstep.analytics.dataset.request.list", 1)
    read = get(reporting, f"read/{reporting.tag}?requestId={first['requestId']}")
    assert (read["id"], read["result"]["requestId"]) == ("ekstep.analytics.dataset.request.info", first["requestId"])


def test_an_unknown_request_is_a_failure_with_status_200(reporting: Reporting) -> None:
    answer = get(reporting, f"read/{reporting.tag}?requestId=ABC")
    assert (answer["responseCode"], answer["params"]["status"], answer["result"]) == ("OK", "failed", None)
    assert answer["params"]["errmsg"] == "no job available with the given request_id and tag"


@pytest.mark.parametrize("field", ["tag", "dataset", "datasetConfig"])
def test_analytics_names_the_first_empty_field(reporting: Reporting, field: str) -> None:
    answer = ask(reporting, **{field: None})
    assert (answer.status_code, answer.json()["responseCode"]) == (400, "CLIENT_ERROR")
    assert answer.json()["params"]["errmsg"] == f"{field} is empty"


@pytest.mark.parametrize("field", ["tag", "dataset"])
def test_e60a_e60b_the_service_names_the_missing_parameter(reporting: Reporting, field: str) -> None:
    blank: dict[str, Any] = {field: " "}
    answer = reporting.submit(**blank)
    params = answer.json()["params"]
    assert (answer.status_code, params["err"]) == (400, "MANDATORY_PARAMETER_MISSING")
    assert params["errmsg"] == f"Mandatory parameter {field} is missing."


def test_an_unknown_dataset_and_format_are_refused(reporting: Reporting) -> None:
    assert "dataset is unknown" in reporting.submit("everything-exhaust").json()["params"]["errmsg"]
    assert "outputFormat is unknown" in reporting.submit(outputFormat="pdf").json()["params"]["errmsg"]


def test_the_channel_must_be_named_and_be_the_callers(reporting: Reporting) -> None:
    missing, foreign = ask(reporting, channel=None), ask(reporting, channel=OTHER_ORG)
    assert missing.json()["params"]["errmsg"] == "X-Channel-ID is missing in request header"
    assert foreign.json()["params"]["errmsg"] == "You are not authorized."
    assert {missing.status_code, foreign.status_code} == {403}


def test_without_a_user_the_consumer_must_be_allowed(reporting: Reporting) -> None:
    answer = ask(reporting, None)
    assert answer.status_code == 403
    wanted = f"Given X-Consumer-ID='' and X-Channel-ID='{HOME_ORG}' are not authorized"
    assert answer.json()["params"]["errmsg"] == wanted


def test_creator_mentors_and_administrators_may_ask(reporting: Reporting) -> None:
    reporting.service.sql("UPDATE batch SET mentors = $1 WHERE batch_id = $2", [MEERA.user_id], reporting.batch_id)
    assert {reporting.submit(by=person).status_code for person in (VIKRAM, MEERA, ADMIN)} == {200}


def test_learners_and_strangers_may_not_ask(reporting: Reporting) -> None:
    answers = [reporting.submit(by=person) for person in (ASHA, RAVI, MEERA)]
    assert {answer.status_code for answer in answers} == {403}
    assert reporting.submit(by=None).status_code == 401


def test_others_do_not_see_the_requests_of_a_batch(reporting: Reporting) -> None:
    request_id = reporting.submit().json()["result"]["requestId"]
    assert [job["requestId"] for job in reporting.jobs(by=ADMIN)] == [request_id]
    assert reporting.jobs(by=MEERA) == []
    refused = get(reporting, f"read/{reporting.tag}?requestId={request_id}", MEERA)
    assert refused["params"]["errmsg"] == "You are not authorized."


def test_a_mentor_who_was_removed_gets_no_more_links(reporting: Reporting) -> None:
    def mentors(*user_ids: str) -> None:
        reporting.service.sql("UPDATE batch SET mentors = $1 WHERE batch_id = $2", list(user_ids), reporting.batch_id)

    mentors(MEERA.user_id)
    reporting.enrol(ASHA)
    request_id = reporting.submit(by=MEERA).json()["result"]["requestId"]
    reporting.work()
    assert [len(job["downloadUrls"]) for job in reporting.jobs(by=MEERA)] == [1]
    mentors()
    assert reporting.jobs(by=MEERA) == []
    refused = get(reporting, f"read/{reporting.tag}?requestId={request_id}", MEERA)
    assert refused["params"]["errmsg"] == "You are not authorized."
    assert reporting.submit(by=MEERA).status_code == 403


def test_the_gateways_paths_ask_for_a_role(reporting: Reporting) -> None:
    def submit(by: Person) -> int:
        request = {"tag": reporting.tag, "dataset": "progress-exhaust", "datasetConfig": {"batchId": "none"}}
        path = "/api/course/v1/jobrequest/submit"
        return reporting.service.call("POST", path, by, request).status_code

    assert (submit(VIKRAM), submit(ASHA)) == (200, 403)
    listed = reporting.service.call("GET", f"/api/course/v1/jobrequest/list/{reporting.tag}", VIKRAM)
    assert listed.json()["result"]["count"] == 1


def test_a_search_finds_by_dataset_day_and_status(reporting: Reporting) -> None:
    reporting.submit()

    def search(**filters: str) -> dict[str, Any]:
        answer = reporting.service.call(
            "POST", f"{ANALYTICS}/search", VIKRAM, {"filters": filters}, headers={"X-Channel-ID": HOME_ORG}
        )
        body: dict[str, Any] = answer.json()
        return body

    today = reporting.service.clock.today().isoformat()
    found = search(dataset="progress-exhaust", requestedDate=today, status="SUBMITTED")["result"]["jobs"]
    assert reporting.tag in {job["tag"].partition(":")[0] for job in found}
    assert search(dataset="progress-exhaust", requestedDate="2001-01-01")["result"]["count"] == 0
    assert search()["params"]["errmsg"] == "Filters are empty"
    for unsupported in ({"user": "u1"}, {"requestedDate": "9999-12-31"}, {"requestedDate": "0001-01-01"}):
        assert search(**unsupported)["params"]["errmsg"] == "Unsupported filters"


def test_malformed_bodies_are_refused_in_the_analytics_envelope(reporting: Reporting) -> None:
    headers = {**reporting.service.headers(VIKRAM), "X-Channel-ID": HOME_ORG, "Content-Type": "application/json"}
    for body in (b"{", b'{"request": null}', b"[]", b'{"request": {"tag": 5}}'):
        answer = reporting.service.http.post(f"{ANALYTICS}/submit", content=body, headers=headers)
        assert (answer.status_code, answer.json()["id"]) == (400, "ekstep.analytics.dataset.request.submit")
        assert answer.json()["responseCode"] == "CLIENT_ERROR"


def test_links_expire_are_renewed_and_cannot_be_changed(reporting: Reporting) -> None:
    reporting.enrol(ASHA)
    (first,) = reporting.made()["downloadUrls"]
    http, public_url = reporting.service.http, reporting.service.config.public_url
    path = first.replace(public_url, "")
    assert http.get(path).headers["content-type"] == "application/zip"
    assert http.get(path.replace("expires=1", "expires=2")).status_code == 403
    assert http.get(f"{path.partition('&')[0]}&signature=%C3%A9").status_code == 403
    assert http.get(path.replace("progress-exhaust", "userinfo-exhaust")).status_code == 403
    reporting.service.clock.move(minutes=31)
    assert http.get(path).status_code == 403
    assert http.get(reporting.jobs()[0]["downloadUrls"][0].replace(public_url, "")).status_code == 200


def test_a_key_protects_the_file(reporting: Reporting) -> None:
    reporting.enrol(ASHA)
    (url,) = reporting.made(encryptionKey="abc12345")["downloadUrls"]
    archive = reporting.fetch(url)
    with pytest.raises(RuntimeError, match="encrypted"):
        unzipped(archive)
    assert ASHA.user_id in unzipped(archive, "abc12345").decode()
    stored = reporting.service.sql("SELECT sealed_key FROM exhaust_request WHERE tag = $1", reporting.tag)
    assert [row["sealed_key"] for row in stored] == [None]


def test_rows_of_people_nobody_knows_are_shown(reporting: Reporting) -> None:
    reporting.enrol("somebody-from-elsewhere")
    reporting.enrol(IMRAN)
    assert [row["Org Name"] for row in reporting.rows()] == ["City School", ""]
