"""An administrator of one organisation is not one of all; reporters administer nothing; of nobody nothing is."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from lernbatch.batch import rules
from lernbatch.config import Config
from lernbatch.report.model import ReportBatch
from lernbatch.web.caller import NOBODY, Caller, Role
from tests.batch.calls import create, refused
from tests.learning import enrol, known_learner, new_batch
from tests.people import ADMIN, HOME_ORG, MEERA, OTHER_ORG, PLATFORM, RAVI, VIKRAM, Person
from tests.running import Running, running
from tests.seeds import COURSE

FOREIGN = Person("0b1e3c5a-0000-4000-8000-00000000f002", "Farhan", "Q", OTHER_ORG, ("PUBLIC", "ORG_ADMIN"))
REPORTER = Person("0b1e3c5a-0000-4000-8000-00000000f004", "Rekha", "P", HOME_ORG, ("PUBLIC", "REPORT_ADMIN"))
ADMIN_LIST = "/v2/user/courses/admin/list"
TRANSFER = "/v1/course/batch/ownership/transfer"


def test_the_list_of_a_learner_is_for_the_administrators_of_the_learners_organisation(service: Running) -> None:
    home, other = known_learner(service), known_learner(service, org_id=OTHER_ORG)
    batch_id = new_batch(service)
    for learner in (home, other):
        enrol(service, learner, batch_id)

    def seen(by: Person, learner_id: str) -> int:
        return service.call("POST", ADMIN_LIST, by, {"userId": learner_id}).status_code

    assert [seen(by, home.user_id) for by in (ADMIN, FOREIGN, PLATFORM, REPORTER, VIKRAM)] == [200, 401, 200, 401, 401]
    assert [seen(by, other.user_id) for by in (ADMIN, FOREIGN, PLATFORM, REPORTER, RAVI)] == [401, 200, 200, 401, 401]
    assert [seen(by, "nobody") for by in (ADMIN, FOREIGN)] == [401, 401]


def test_a_file_is_shown_to_its_uploader_and_administrators_of_all_its_batches(service: Running) -> None:
    home = create(service, enrollmentType="invite-only")
    other = create(service, RAVI, enrollmentType="invite-only", createdFor=[OTHER_ORG])

    def seen(uploader: Person, *batch_ids: str) -> list[int]:
        lines = "".join(f"{batch_id},u-{number}\n" for number, batch_id in enumerate(batch_ids))
        answer = service.call("POST", "/v1/batch/bulk/enrollment", uploader, {"data": f"batchId,userIds\n{lines}"})
        process_id = answer.json()["result"]["processId"]
        path = f"/v1/upload/status/{process_id}"
        return [service.call("GET", path, by).status_code for by in (VIKRAM, ADMIN, FOREIGN, PLATFORM, REPORTER, RAVI)]

    assert seen(VIKRAM, home) == [200, 200, 404, 200, 404, 404]
    assert seen(RAVI, other) == [404, 404, 200, 200, 404, 200]
    assert seen(VIKRAM, home, other) == [200, 404, 404, 200, 404, 404]
    assert seen(VIKRAM, "no-such-batch") == [200, 404, 404, 200, 404, 404]


def test_batches_are_handed_over_within_the_organisation(service: Running) -> None:
    old = Person("0b1e3c5a-0000-4000-8000-0000000001d6", "Old", "C", roles=("PUBLIC", "CONTENT_CREATOR"))
    create(service, old)
    blocked, deleted = known_learner(service, status=0), known_learner(service, status=2)
    for successor in (RAVI.user_id, blocked.user_id, deleted.user_id, "nobody"):
        request = {"fromUserId": old.user_id, "toUserId": successor}
        answer = service.call("POST", TRANSFER, ADMIN, request)
        refused(answer, "INVALID_USER_ID", "User Id does not exists in our records")
    request = {"fromUserId": old.user_id, "toUserId": MEERA.user_id}
    assert service.call("POST", TRANSFER, REPORTER, request).status_code == 401
    assert service.call("POST", TRANSFER, ADMIN, request).json()["result"]["count"] == 1
    back = {"fromUserId": MEERA.user_id, "toUserId": RAVI.user_id}
    assert service.call("POST", TRANSFER, PLATFORM, back).json()["result"]["count"] >= 1


@pytest.mark.parametrize("role", ["ORG_ADMIN", "SYSTEM_ADMINISTRATION", "REPORT_ADMIN"])
def test_what_concerns_the_whole_platform_is_not_for_an_administrator_of_one_organisation(
    dsn: str, tmp_path: Path, role: str
) -> None:
    one = Person("0b1e3c5a-0000-4000-8000-0000000000a1", "One", "A", HOME_ORG, (role,))
    everywhere = Person("0b1e3c5a-0000-4000-8000-0000000000a2", "All", "A", "", (role,))
    with running(tmp_path, dsn, private_networks="10.0.0.0/8") as service:
        for person, status in ((one, 403), (everywhere, 403 if role == "REPORT_ADMIN" else 200)):
            assert service.call("POST", "/v1/data/sync", person, {"objectType": "user_course"}).status_code == status
            assert service.call("DELETE", "/v1/cache/clear/x", person).status_code == status


def certified(service: Running, learner: Person, batch_id: str) -> None:
    """Give `learner` a certificate of that batch."""
    service.sql(
        """INSERT INTO certificate (user_id, batch_id, template_id, revision, certificate_id, course_id, name, status,
                                    status_index, credential, template, decision, earned_at, issued_at, changed_at)
           SELECT $1, $2, 't', 1, $1 || $2, $3, 'Completion', 'active', count(*), $4, '{}', '{}', now(), now(), now()
             FROM certificate""",
        learner.user_id,
        batch_id,
        COURSE,
        {"issuer": {"name": "State Board"}},
    )


def test_the_certificates_of_a_learner_are_for_staff_of_the_batchs_organisations(service: Running) -> None:
    """Wherever the learner belongs: who runs the batch has issued them."""
    home, other = create(service), create(service, RAVI, createdFor=[OTHER_ORG])
    learner = known_learner(service)
    for batch_id in (home, other):
        certified(service, learner, batch_id)

    def seen(by: Person) -> set[str] | int:
        answer = service.call("POST", "/certs/v1/registry/search", by, {"query": {"recipientId": learner.user_id}})
        if answer.status_code != 200:
            return answer.status_code
        return {hit["_source"]["related"]["batchId"] for hit in answer.json()["result"]["response"]["content"]}

    assert seen(learner) == seen(PLATFORM) == {home, other}
    assert [seen(by) for by in (MEERA, ADMIN)] == [{home}, {home}]
    assert [seen(by) for by in (RAVI, FOREIGN)] == [{other}, {other}]
    assert [seen(by) for by in (REPORTER, known_learner(service))] == [401, 401]


def test_a_reporter_administers_no_batch(service: Running) -> None:
    batch_id, learner = new_batch(service), known_learner(service)
    request = {"courseId": COURSE, "batchId": batch_id, "userId": learner.user_id}
    assert service.call("POST", "/v1/course/admin/enroll", REPORTER, request).status_code == 401
    assert service.call("POST", "/v1/course/batch/cert/issue", REPORTER, request).status_code == 401


def owned(created_by: str | None, mentors: list[str], organisations: list[str]) -> ReportBatch:
    return ReportBatch("b", "c", "n", created_by, organisations, mentors, date(2026, 1, 1), None)


@pytest.mark.parametrize("batch", [owned(None, [], []), owned(None, [], [HOME_ORG]), owned("u-1", ["u-2"], [HOME_ORG])])
@pytest.mark.parametrize("caller", [NOBODY, Caller(on_behalf_of="u-1"), Caller(token="t")])
def test_a_caller_of_whom_nothing_is_known_has_no_rights_anywhere(batch: ReportBatch, caller: Caller) -> None:
    config = Config()
    assert not rules.may_change(caller, batch)
    assert not rules.may_manage(caller, batch, config)
    assert not rules.may_manage(caller, batch, config, ("ORG_ADMIN",))
    assert not caller.speaks_for(None)


def test_a_batch_without_organisations_is_administered_by_administrators_of_the_platform_alone() -> None:
    batch, config = owned(None, [], []), Config()
    one = Caller("u-1", roles=(Role("ORG_ADMIN", frozenset({HOME_ORG})),), token="t")
    everywhere = Caller("u-1", roles=(Role("ORG_ADMIN"),), token="t")
    assert (rules.may_manage(one, batch, config), rules.may_manage(everywhere, batch, config)) == (False, True)
