"""Who vouches for a certificate, what is only claimed, what the platform mails, and who may know whose it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

import pytest

from lernbatch.credential import status_list
from lernbatch.template import rules
from tests.certificate.cohort import Cohort, new_cohort, template
from tests.people import ADMIN, ASHA, HOME_ORG, IMRAN, KAVYA, MEERA, OTHER_ORG, RAVI, VIKRAM, Person
from tests.running import Running, running

RC, CERTREG = "/api/rc/certificate/v1", "/api/certreg/v1/certs"
UNIVERSITY = {"name": "University of Madras", "url": "https://unom.example"}


def issue(cohort: Cohort, by: Person = VIKRAM, **fields: Any) -> tuple[str, dict[str, Any]]:
    """A certificate of Asha's: its number, and what its page says as JSON."""
    cohort.enrol(ASHA)
    assert cohort.attach(by, **fields).status_code == 200
    cohort.work()
    number = str(cohort.certificates(ASHA)[0]["certificate_id"])
    shown = cohort.service.call("GET", f"/certs/{number}", headers={"Accept": "application/json"}).json()
    return number, shown


def test_what_a_mentor_writes_as_issuer_is_not_signed_nor_shown(cohort: Cohort) -> None:
    number, shown = issue(cohort, issuer=UNIVERSITY, name="Degree of Doctor")
    assert (shown["issuer"], shown["onBehalfOf"]) == ("State Board", None)
    assert shown["credential"]["issuer"]["name"] == "State Board"
    for path in (f"/certs/{number}", f"/certs/{number}.json", f"{RC}/download/{number}"):
        assert "Madras" not in cohort.service.call("GET", path).text
    (warning,) = cohort.attach(issuer=UNIVERSITY).json()["result"]["warnings"]
    assert warning == "The issuer is State Board: only who administers the organisation may name another one."


def test_what_an_administrator_or_an_asset_names_is_a_claim_beside_who_vouches(cohort: Cohort) -> None:
    number, shown = issue(cohort, ADMIN, issuer=UNIVERSITY)
    assert (shown["issuer"], shown["onBehalfOf"]) == ("State Board", "University of Madras")
    assert "Madras" not in str(shown["credential"])
    page = cohort.service.call("GET", f"/certs/{number}").text
    assert "State Board, who vouches for it" in page
    assert "<dt>On behalf of</dt>" in page
    record = cohort.service.call("GET", f"{RC}/download/{number}", ASHA).json()
    assert (record["issuer"]["name"], record["issuer"]["onBehalfOf"]) == ("State Board", "University of Madras")
    read = cohort.service.call("GET", f"{CERTREG}/read/{number}", ASHA).json()["result"]["response"]
    assert read["json"]["badge"]["issuer"]["name"] == "State Board"
    stored = cohort.service.call("GET", f"/v1/course/batch/read/{cohort.batch_id}", VIKRAM).json()["result"]["response"]
    assert stored["cert_templates"]["default"]["issuer"] == UNIVERSITY  # as the contract keeps it


@pytest.mark.parametrize(("organisations", "name"), [([], "Lernbatch"), ([HOME_ORG, OTHER_ORG], "Lernbatch")])
def test_where_no_single_organisation_vouches_the_installation_does(
    cohort: Cohort, organisations: list[str], name: str
) -> None:
    cohort.service.sql("UPDATE batch SET created_for = $2 WHERE batch_id = $1", cohort.batch_id, organisations)
    _, shown = issue(cohort, name="Merit")
    assert shown["issuer"] == name


@pytest.fixture(scope="module")
def strict(new_dsn: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service whose organisations allow one template, and that vouches in its own name."""
    settings: dict[str, Any] = {
        "certificate_templates": (f"{HOME_ORG}:do_allowed",),
        "certificate_issuer": "installation",
        "certificate_issuer_name": "State Platform",
    }
    with running(tmp_path_factory.mktemp("strict"), new_dsn(), **settings) as service:
        yield service


def test_who_only_manages_a_batch_awards_by_templates_that_its_organisation_allows(strict: Running) -> None:
    cohort = new_cohort(strict)
    refused = cohort.attach()
    assert (refused.status_code, refused.json()["params"]["err"]) == (403, "FORBIDDEN")
    preview = {"batch": cohort.request(template=template())}
    path = "/v1/course/batch/cert/template/preview"
    assert strict.call("POST", path, VIKRAM, preview).status_code == 403
    unknown = cohort.attach(identifier="do_allowed", signatoryList=[])
    assert unknown.json()["params"]["errmsg"] == "Given cert template not found: do_allowed"
    _, shown = issue(cohort, ADMIN)
    assert shown["issuer"] == "State Platform"


@pytest.mark.parametrize(
    ("template_id", "allowed", "may"),
    [("a", (), True), ("a", ("o1:a",), True), ("a", ("*:a",), True), ("a", ("o2:a",), False), ("b", ("o1:a",), False)],
)
def test_which_templates_may_be_used(template_id: str, allowed: tuple[str, ...], may: bool) -> None:
    assert rules.may_use(template_id, ["o1"], allowed) is may


HOSTS = frozenset({"lern.example", "pictures.example"})


@pytest.mark.parametrize(
    ("key", "value", "kept"),
    [
        ("subject", "Well done", True),
        ("subject", "शाबाश, आशा! 10.5 % (Grade 7.B)", True),
        ("subject", "See https://lern.example/certs", True),
        ("subject", "Verify your account at http://evil.example", False),
        ("subject", "Verify at HTTPS://EVIL.example", False),
        ("subject", "Verify at www.evil.example", False),
        ("subject", "Verify at evil.example/verify", False),
        ("subject", "Verify at https://lern.example@evil.example", False),
        ("subject", "javascript:alert(1)", False),
        ("subject", "Hello\r\nBcc: all@evil.example", False),
        ("subject", "<b>Hello</b>", False),
        ("subject", "x" * 201, False),
        ("subject", {"a": 1}, False),
        ("regards", "Director of Education", True),
        ("regardsperson", "R. Meera", True),
        ("emailTemplateType", "defaultCertTemp", True),
        ("stateImgUrl", "https://pictures.example/a.png", True),
        ("stateImgUrl", "CLOUD_BASE_PATH/a.png", True),
        ("stateImgUrl", "https://evil.example/a.png", False),
        ("stateImgUrl", "//evil.example/a.png", False),
        ("stateImgUrl", "https://pictures.example@evil.example/a.png", False),
        ("stateImgUrl", "https://evil.example\\@pictures.example/", False),
        ("stateImageUrl", "javascript:alert(1)", False),
        ("mode", "sms", False),
        ("body", "Send money", False),
        ("recipientUserIds", ["u1"], False),
    ],
)
def test_what_goes_out_in_a_mail(key: str, value: Any, kept: bool) -> None:
    fields, doubts = rules.mail_fields({key: value}, HOSTS, "CLOUD_BASE_PATH")
    assert (fields.get(key) == value) is kept
    assert bool(doubts) is not kept
    assert ("subject" in fields) is (key == "subject")


def mails(cohort: Cohort) -> list[dict[str, Any]]:
    rows = cohort.service.sql(
        "SELECT payload FROM outbox WHERE destination = 'notification' AND key = $1 ORDER BY event_id DESC",
        ASHA.user_id,
    )
    return [row["payload"] for row in rows]


def test_mails_carry_what_is_allowed_and_the_organisation(cohort: Cohort) -> None:
    notify = {
        "subject": "Verify at http://evil.example",
        "regards": "Director",
        "stateImgUrl": "https://evil.example/x",
    }
    answer = cohort.attach(notifyTemplate=notify).json()["result"]
    assert len(answer["warnings"]) == 2
    cohort.enrol(ASHA)
    cohort.ask(ASHA)
    cohort.work()
    newest = mails(cohort)[0]
    assert (newest["subject"], newest["regards"], newest["orgName"]) == ("Certificate", "Director", "State Board")
    assert "evil" not in str(newest)


def test_what_was_stored_before_the_rule_goes_out_by_the_rule(cohort: Cohort) -> None:
    cohort.attach(notifyTemplate={"subject": "Well done"})
    cohort.service.sql(
        "UPDATE batch SET templates = jsonb_set(templates, '{default,notifyTemplate}', $2) WHERE batch_id = $1",
        cohort.batch_id,
        {"subject": "Well done", "stateImgUrl": "https://evil.example/x", "recipientUserIds": ["everybody"]},
    )
    cohort.enrol(ASHA)
    cohort.ask(ASHA)
    cohort.work()
    newest = mails(cohort)[0]
    assert (newest["subject"], newest["recipientUserIds"]) == ("Well done", [ASHA.user_id])
    assert "stateImgUrl" not in newest


@pytest.mark.parametrize("key", ["user", "users"])
@pytest.mark.parametrize("attribute", [{"phone": "9000000009"}, {"email": "a@b.example"}, {"userType": ["x"]}])
def test_criteria_ask_for_nothing_that_may_not_be_shared(cohort: Cohort, key: str, attribute: dict[str, Any]) -> None:
    criteria = {"enrollment": {"status": 2}, key: {"rootOrgId": HOME_ORG, **attribute}}
    request = {"batch": cohort.request(template=template(criteria=criteria))}
    for method, path in (("PATCH", "add"), ("POST", "preview")):
        answer = cohort.service.call(method, f"/v1/course/batch/cert/template/{path}", VIKRAM, request)
        params = answer.json()["params"]
        said = (answer.status_code, params["err"], params["errmsg"])
        assert said == (400, "INVALID_PROPERTY_ERROR", "Invalid property for User.")


def test_a_preview_by_attributes_tells_no_group_of_fewer_than_five(cohort: Cohort) -> None:
    def previewed() -> dict[str, Any]:
        criteria = {"user": {"rootOrgId": HOME_ORG}}
        request = {"batch": cohort.request(template=template(criteria=criteria, name="Home"))}
        answer = cohort.service.call("POST", "/v1/course/batch/cert/template/preview", VIKRAM, request)
        (tally,) = answer.json()["result"]["response"]["templates"]
        return dict(tally)

    cohort.enrol(IMRAN)
    alone = previewed()
    assert (alone["outcomes"], alone["reasons"]) == ({"fewerThanFive": 1}, {"fewerThanFive": 1})
    assert alone["summary"] == "Home: 1 learners. What fewer than 5 share is not told apart."
    for person in (ASHA, KAVYA, MEERA, VIKRAM, ADMIN):
        cohort.enrol(person)
    assert previewed()["outcomes"] == {"met": 5, "fewerThanFive": 1}


def search(cohort: Cohort, by: Person) -> Any:
    filters = {"recipient": {"id": {"eq": ASHA.user_id}}, "training": {"batchId": {"eq": cohort.batch_id}}}
    return cohort.service.call("POST", f"{RC}/search", by, json={"filters": filters})


def test_a_mentor_of_another_organisation_sees_nobodys_certificates(cohort: Cohort) -> None:
    number, _ = issue(cohort)
    far_mentor = Person(RAVI.user_id, "Ravi", "Das", OTHER_ORG, ("PUBLIC", "COURSE_MENTOR"))
    far_admin = Person(RAVI.user_id, "Ravi", "Das", OTHER_ORG, ("ORG_ADMIN",))
    for stranger in (far_mentor, far_admin, RAVI):
        assert search(cohort, stranger).json() == []
        query = {"query": {"bool": {"must": [{"match_phrase": {"recipient.id": ASHA.user_id}}]}}}
        hits = cohort.service.call("POST", f"{CERTREG}/search", stranger, query).json()["result"]["response"]
        assert number not in str(hits)
        read = cohort.service.call("GET", f"{CERTREG}/read/{number}", stranger).json()["result"]["response"]
        assert ASHA.user_id not in str(read)
    for own in (ASHA, VIKRAM, MEERA, ADMIN):
        assert [one["osid"] for one in search(cohort, own).json()] == [number]
    assert search(cohort, KAVYA).status_code == 401


def test_a_batchs_creator_and_mentors_see_its_certificates_wherever_they_belong(cohort: Cohort) -> None:
    number, _ = issue(cohort)
    cohort.service.sql(
        "UPDATE batch SET created_for = '{}', mentors = ARRAY[$2] WHERE batch_id = $1", cohort.batch_id, IMRAN.user_id
    )
    for own in (VIKRAM, IMRAN):
        assert [one["osid"] for one in search(cohort, own).json()] == [number]
    assert search(cohort, MEERA).json() == []


def test_the_public_learns_no_user_id(cohort: Cohort) -> None:
    number, shown = issue(cohort)
    (system_id,) = [
        one for one in shown["credential"]["credentialSubject"]["identifier"] if one["identityType"] == "systemId"
    ]
    assert system_id["hashed"] is True
    digest = sha256(f"{ASHA.user_id}{system_id['salt']}".encode()).hexdigest()
    assert system_id["identityHash"] == f"sha256${digest}"
    valid = cohort.service.call("POST", f"{CERTREG}/validate", None, {"certId": number, "accessCode": ""})
    for answer in (cohort.service.call("GET", f"{RC}/download/{number}"), valid):
        assert answer.status_code == 200
        assert ASHA.user_id not in answer.text
        assert system_id["identityHash"] in answer.text
    assert cohort.service.call("GET", f"{RC}/download/{number}", ASHA).json()["recipient"]["id"] == ASHA.user_id


def test_a_private_reason_is_for_those_who_manage_the_batch_and_a_code_for_everybody(cohort: Cohort) -> None:
    number, _ = issue(cohort)
    request = {"identifier": number, "status": "revoked", "reason": "copied, mother informed", "code": "misconduct"}
    assert cohort.service.call("PATCH", "/v1/course/batch/cert/status", VIKRAM, request).status_code == 200
    page = cohort.service.call("GET", f"/certs/{number}").text
    shown = cohort.service.call("GET", f"/certs/{number}", headers={"Accept": "application/json"}).json()
    assert "mother" not in page + str(shown)
    assert "Reason: misconduct" in page
    assert (shown["reason"], shown["reasonCode"]) == ("misconduct", "misconduct")
    path = f"/v1/course/batch/cert/explain/{cohort.batch_id}/{ASHA.user_id}"
    assert "mother informed" in cohort.service.call("GET", path, VIKRAM).text
    assert "mother" not in cohort.service.call("GET", path, ASHA).text


@pytest.mark.parametrize("code", ["re-issued", "because", "accounts-merged"])
def test_a_code_is_one_of_those_there_are(cohort: Cohort, code: str) -> None:
    number, _ = issue(cohort)
    request = {"identifier": number, "status": "revoked", "reason": "x", "code": code}
    answer = cohort.service.call("PATCH", "/v1/course/batch/cert/status", VIKRAM, request)
    assert answer.json()["params"]["err"] == "INVALID_PARAMETER_VALUE"


def test_places_in_a_status_list_do_not_follow_the_order_of_issue(cohort: Cohort) -> None:
    for number in range(40):
        cohort.put(ASHA.user_id if not number else f"place-{number}-{cohort.batch_id}", 2, {})
    cohort.service.sql(
        "INSERT INTO sandbox_person (user_id, first_name)"
        " SELECT 'place-' || n || '-' || $1, 'Lata' FROM generate_series(1, 39) AS n",
        cohort.batch_id,
    )
    cohort.attach()
    cohort.work()
    indices = [row["status_index"] for row in cohort.certificates()]
    assert len(set(indices)) == 40
    steps = [later - earlier for earlier, later in zip(sorted(indices), sorted(indices)[1:], strict=False)]
    assert max(steps) > 100


def test_every_place_of_a_list_is_given_once() -> None:
    places = {status_list.place(b"k" * 16, number) for number in range(4096)}
    assert len(places) == 4096
    assert all(0 <= place < status_list.LIST_SIZE for place in places)
    assert places != {status_list.place(b"l" * 16, number) for number in range(4096)}
