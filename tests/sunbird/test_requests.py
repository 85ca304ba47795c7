"""What the clients send, and what they make of odd answers (contract batches §5.1, enrolment §8)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lernbatch.errors import Upstream
from lernbatch.sunbird import Sunbird
from lernbatch.sunbird.orgs import Organisation
from lernbatch.sunbird.users import read_profile
from tests.sunbird.conftest import Clients, Script


def ok(**result: Any) -> tuple[int, dict[str, Any]]:
    return 200, {"responseCode": "OK", "result": result}


def test_keys_and_tokens_are_sent_where_the_contract_says(clients: Clients, scripted: Script) -> None:
    keys = {"content_api_key": "CK", "platform_api_key": "PK"}
    scripted.answer(ok(content={}, response={"id": "u-1"}, members=[]))
    clients(lambda sunbird: sunbird.content.course("do_1"), **keys)
    assert scripted.requests[-1].headers["authorization"] == "CK"
    clients(lambda sunbird: sunbird.content.write_batches("do_1", []), **keys)
    assert scripted.requests[-1].headers["authorization"] == "Bearer CK"
    clients(lambda sunbird: sunbird.users.profile("u-1", token="T"), **keys)
    assert scripted.requests[-1].headers["authorization"] == "Bearer PK"
    assert scripted.requests[-1].headers["x-authenticated-user-token"] == "T"
    clients(lambda sunbird: sunbird.groups.members("g", "T"), **keys)
    assert scripted.requests[-1].headers["x-authenticated-user-token"] == "T"


def test_without_keys_no_header_claims_one(clients: Clients, scripted: Script) -> None:
    scripted.answer(ok(content={}))
    clients(lambda sunbird: sunbird.content.course("do_1"))
    assert "authorization" not in scripted.requests[-1].headers


def test_the_enrolled_courses_search_is_sent_as_the_contract_shows(clients: Clients, scripted: Script) -> None:
    scripted.answer(ok(content=[{"identifier": "do_1"}]))
    clients(
        lambda sunbird: sunbird.search.trackable_courses(
            ["do_2", "do_1"], query_string="orgdetails=orgName", filters={"status": ["Live", "Unlisted"]}
        )
    )
    assert str(scripted.requests[-1].url).endswith("/composite/v1/search?orgdetails=orgName")
    assert scripted.bodies[-1]["request"] == {
        "filters": {
            "identifier": ["do_1", "do_2"],
            "status": ["Live", "Unlisted"],
            "mimeType": "application/vnd.ekstep.content-collection",
            "trackable.enabled": "Yes",
        },
        "limit": 2,
    }


def test_a_search_outage_is_not_taken_for_no_courses(clients: Clients, scripted: Script) -> None:
    scripted.answer((500, {"responseCode": "SERVER_ERROR"}))
    with pytest.raises(Upstream):
        clients(lambda sunbird: sunbird.search.trackable_courses(["do_1"]), upstream_attempts=1)


def test_an_id_cannot_lead_to_another_path(clients: Clients, scripted: Script) -> None:
    scripted.answer(ok(content={}))
    clients(lambda sunbird: sunbird.content.course("../../system?x=1#y"))
    assert scripted.requests[-1].scope["raw_path"] == b"/content/v3/read/..%2F..%2Fsystem%3Fx%3D1%23y"


def test_batches_are_written_and_removed_as_the_contract_shows(clients: Clients, scripted: Script) -> None:
    scripted.answer(ok())
    clients(lambda sunbird: sunbird.content.write_batches("do_1", None))
    assert (scripted.requests[-1].method, scripted.requests[-1].url.path) == ("PATCH", "/content/v4/system/update/do_1")
    assert scripted.bodies[-1] == {"request": {"content": {"batches": None}}}


def test_a_copy_is_asked_for_deep_and_for_the_callers_channel(clients: Clients, scripted: Script) -> None:
    scripted.answer(ok(node_id={"do_1": "do_2"}))
    clients(lambda sunbird: sunbird.content.copy_course("do_1", {"name": "x"}, "org-1"))
    assert scripted.requests[-1].url.path == "/content/v3/copy/do_1"
    assert scripted.requests[-1].url.query == "type=deep"
    assert scripted.requests[-1].headers["x-channel-id"] == "org-1"


@pytest.mark.parametrize(
    ("content", "trackable", "leaf_nodes", "version"),
    [
        ({"trackable": {"enabled": "Yes"}, "leafNodesCount": 3, "pkgVersion": 2.0}, True, 3, 2),
        ({"trackable": {"enabled": "yes"}, "leafNodesCount": None}, True, 0, 0),
        ({"trackable": {"enabled": "No"}}, False, 0, 0),
        ({"trackable": "Yes", "leafNodesCount": "3"}, False, 0, 0),
        ({"batches": "none", "userConsent": None}, False, 0, 0),
    ],
)
def test_a_course_with_odd_fields_is_read_without_falling_over(
    clients: Clients, scripted: Script, content: dict[str, Any], trackable: bool, leaf_nodes: int, version: int
) -> None:
    scripted.answer(ok(content=content))
    course = clients(lambda sunbird: sunbird.content.course("do_1"))
    assert (course.trackable, course.leaf_nodes_count, course.package_version) == (trackable, leaf_nodes, version)


def test_consents_are_asked_for_person_by_person_and_the_latest_counts(clients: Clients, scripted: Script) -> None:
    old = {"id": "c-1", "status": "ACTIVE", "lastUpdatedOn": "2025-03-01 06:30:12:045+0000"}
    new = {"id": "c-2", "status": "REVOKED", "lastUpdatedOn": "2025-04-01 06:30:12.045+0530"}
    scripted.answer(ok(consents=[new, old]))
    found = clients(lambda sunbird: sunbird.users.consents(["u-1"], "do_1", "org-1"))
    assert scripted.bodies[-1]["request"] == {
        "consent": {"filters": {"userId": "u-1", "consumerId": "org-1", "objectId": "do_1"}}
    }
    assert found["u-1"].consent_id == "c-2"


@pytest.mark.parametrize("field", [{"lastUpdatedOn": 1740810612045}, {"lastUpdatedOn": "2025-03-01T06:30:12.045Z"}])
def test_instants_are_read_in_every_form(clients: Clients, scripted: Script, field: dict[str, Any]) -> None:
    scripted.answer(ok(consents=[{"status": "ACTIVE", **field, "expiry": " "}]))
    consent = clients(lambda sunbird: sunbird.users.consents(["u-1"], "do_1", "org-1"))["u-1"]
    assert consent.updated_at.isoformat() == "2025-03-01T06:30:12.045000+00:00"
    assert consent.expires_at is None


@pytest.mark.parametrize("expiry", ["some day", 10**20, {"on": "2025-03-01"}, True])
def test_a_consent_whose_end_cannot_be_read_is_over(clients: Clients, scripted: Script, expiry: object) -> None:
    scripted.answer(ok(consents=[{"status": "ACTIVE", "expiry": expiry}]))
    consent = clients(lambda sunbird: sunbird.users.consents(["u-1"], "do_1", "org-1"))["u-1"]
    assert not consent.holds(datetime(1971, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("person", "root_org_id"),
    [
        ({"rootOrgId": "a"}, "a"),
        ({"rootOrgId": "a", "registeredOrg": {"id": "b", "isRootOrg": True}}, "b"),
        ({"rootOrgId": "a", "registeredOrg": {"id": "b", "isRootOrg": False}}, "a"),
        ({"rootOrgId": None, "registeredOrg": {"id": None, "isRootOrg": True}}, ""),
        ({"registeredOrg": None}, ""),
    ],
)
def test_a_root_organisation_that_a_person_registered_with_wins(person: dict[str, Any], root_org_id: str) -> None:
    assert read_profile("u-1", person).root_org_id == root_org_id


def test_a_person_with_nothing_but_an_id_has_empty_texts() -> None:
    person = read_profile("u-1", {"userLocations": None, "roles": None, "framework": {"board": []}, "status": None})
    assert (person.user_id, person.name, person.state, person.board, person.roles) == ("u-1", "", "", "", ())
    assert (person.status, person.is_deleted) == (1, False)


def test_the_text_null_is_no_part_of_a_name() -> None:
    assert read_profile("u-1", {"firstName": "Asha", "lastName": "null"}).name == "Asha"


def test_pictures_are_not_fetched_from_inside_the_network(clients: Clients, scripted: Script) -> None:
    scripted.answer((200, b"<svg/>"))
    for url in (f"{scripted.url}/t.svg", "http://169.254.169.254/latest", "http://[::1]/x", "file:///etc/passwd", "x"):
        with pytest.raises(Upstream):
            clients(lambda sunbird, url=url: sunbird.templates.picture(url))
    assert scripted.requests == []


@pytest.mark.parametrize("trusted", ["picture_hosts", "cloud_store_base_url"])
def test_pictures_are_fetched_from_where_the_settings_say(clients: Clients, scripted: Script, trusted: str) -> None:
    scripted.answer((200, b"<svg/>"))
    value = ("127.0.0.1",) if trusted == "picture_hosts" else scripted.url
    picture = clients(lambda sunbird: sunbird.templates.picture(f"{scripted.url}/t.svg"), **{trusted: value})
    assert picture == b"<svg/>"
    scripted.answer((404, b"gone"))
    with pytest.raises(Upstream):
        clients(lambda sunbird: sunbird.templates.picture(f"{scripted.url}/t.svg"), **{trusted: value})


def test_organisations_that_are_shown_again_and_again_are_asked_for_once(clients: Clients, scripted: Script) -> None:
    found = {"content": [{"id": "org-1", "orgName": "State Board", "email": "board@example.org"}]}
    scripted.answer(ok(response=found))

    async def twice(sunbird: Sunbird) -> list[dict[str, Organisation]]:
        asked = ["org-1", "org-unknown"]
        return [await sunbird.organisations.remembered(asked) for _ in range(2)]

    first, second = clients(twice)
    assert first == second
    assert (first["org-1"].name, first["org-1"].email) == ("State Board", "board@example.org")
    assert (set(first), len(scripted.requests)) == ({"org-1"}, 1)
