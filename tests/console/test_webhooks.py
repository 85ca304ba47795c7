"""The pages of webhooks: who sees them, and that they make, try, change and delete what the API does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from lernbatch.console.webhooks import view
from lernbatch.jobs.outbox.announcements import KINDS
from tests.console.browsing import Visitor
from tests.console.conftest import Visits
from tests.people import ADMIN, ASHA, HOME_ORG, OTHER_ORG, PLATFORM, VIKRAM, Person
from tests.running import Running, running, served
from tests.webhook.receiver import Receiver

PATH = "/console/webhooks"
STRANGER = Person("0b1e3c5a-0000-4000-8000-00000000ad02", "Suresh", "Pai", OTHER_ORG, ("PUBLIC", "ORG_ADMIN"))


@pytest.fixture(scope="module")
def lms() -> Iterator[Receiver]:
    receiver = Receiver()
    with served(receiver) as receiver.url:
        yield receiver


@pytest.fixture(scope="module")
def telling(module_dsn: str, lms: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service that may tell `lms`, shared by the tests of this file."""
    settings: dict[str, Any] = {"webhooks_enabled": True, "webhook_hosts": lms.url.removeprefix("http://")}
    with running(tmp_path_factory.mktemp("home"), module_dsn, **settings) as service:
        for person in (STRANGER, PLATFORM):
            service.sql(
                "INSERT INTO sandbox_person (user_id, first_name, last_name, org_id, roles)"
                " VALUES ($1, $2, $3, $4, $5)",
                person.user_id,
                person.first_name,
                person.last_name,
                person.org_id,
                list(person.roles),
            )
        yield service


@pytest.fixture
def administrator(visits: Visits, telling: Running, lms: Receiver) -> Iterator[Visitor]:
    yield visits(ADMIN, at=telling)
    telling.sql("DELETE FROM webhook")
    lms.told, lms.statuses = [], []


def added(visitor: Visitor, url: str, **fields: str) -> str:
    """The address of the page of a new webhook."""
    answer = visitor.send(PATH, "add", {"url": url, **fields})
    assert answer.status_code == 200, answer.text
    addresses: list[str] = re.findall(rf'href="({PATH}/[\w-]+)"', answer.text)
    return addresses[0]


def secret_of(html: str) -> str:
    secrets: list[str] = re.findall(r"<code>(whsec_[^<]+)</code>", html)
    return secrets[0]


def test_they_are_for_administrators_where_there_are_webhooks(
    visits: Visits, telling: Running, service: Running
) -> None:
    for person, status in ((ASHA, 403), (VIKRAM, 403), (ADMIN, 200), (PLATFORM, 200)):
        assert visits(person, at=telling).get(PATH).status_code == status
    assert f'href="{PATH}"' in visits(ADMIN, at=telling).get("/console/batches").text
    without = visits(ADMIN, at=service)
    assert without.get(PATH).status_code == 403
    assert f'href="{PATH}"' not in without.get("/console/batches").text


def test_one_is_made_with_a_secret_that_is_shown_once(administrator: Visitor, telling: Running, lms: Receiver) -> None:
    form = {**administrator.hidden(PATH, "add"), "url": lms.url, "kinds": "learner.completed"}
    first, second = administrator.post(PATH, form), administrator.post(PATH, form)
    (stored,) = telling.sql("SELECT webhook_id, organisation_id, kinds, created_by FROM webhook")
    assert tuple(stored)[1:] == (HOME_ORG, ["learner.completed"], ADMIN.user_id)
    assert secret_of(first.text)
    assert (second.status_code, second.headers["location"]) == (303, f"{PATH}/{stored['webhook_id']}")
    page = administrator.get(PATH).text
    assert lms.url in page
    assert "a learner completed the course" in page
    assert "whsec_" not in page + administrator.get(f"{PATH}/{stored['webhook_id']}").text


def test_a_test_is_sent_and_the_log_says_what_came_of_it(administrator: Visitor, lms: Receiver) -> None:
    page = added(administrator, lms.url)
    assert administrator.send(page, "test", {}).headers["location"] == f"{page}?done=taken"
    lms.statuses = [500]
    assert administrator.send(page, "test", {}).headers["location"] == f"{page}?done=not-taken"
    assert lms.kinds == ["webhook.test", "webhook.test"]
    log = administrator.get(page).text
    assert "It answered 500." in log
    assert log.index("given up") < log.index("taken</span>")


def test_address_kinds_and_secret_change_and_it_is_switched_off_and_deleted(
    administrator: Visitor, telling: Running, lms: Receiver
) -> None:
    page = added(administrator, lms.url)
    administrator.send(page, "save", {"url": f"{lms.url}/other", "kinds": "batch.created"})
    administrator.send(page, "switch", {"active": "no"})
    (stored,) = telling.sql("SELECT url, kinds, active FROM webhook")
    assert tuple(stored) == (f"{lms.url}/other", ["batch.created"], False)
    assert "switched off" in administrator.get(page).text
    administrator.send(page, "switch", {"active": "yes"})
    secret = secret_of(administrator.send(page, "rotate", {}).text)
    administrator.send(page, "test", {})
    assert lms.told[-1].is_signed_by(secret)
    assert administrator.send(page, "delete", {}).headers["location"].startswith(PATH)
    assert administrator.get(page).status_code == 404
    acts = [row["what"] for row in telling.sql("SELECT what FROM audit WHERE about = $1", page.rpartition("/")[2])]
    assert {"webhook.create", "webhook.update", "webhook.rotate", "webhook.test", "webhook.delete"} == set(acts)


def test_what_was_given_up_is_sent_again(administrator: Visitor, telling: Running, lms: Receiver) -> None:
    page = added(administrator, lms.url)
    assert "Send again" not in administrator.get(page).text
    telling.sql(
        "INSERT INTO webhook_delivery (delivery_id, webhook_id, event_id, kind, body, created_at, attempts, error)"
        " VALUES ('msg_1', $1, 1, 'batch.created', '{}', now(), 11, 'It answered 500.')",
        page.rpartition("/")[2],
    )
    assert administrator.send(page, "replay", {}).headers["location"] == f"{page}?done=replayed"
    assert telling.sql("SELECT due_at IS NOT NULL FROM webhook_delivery WHERE delivery_id = 'msg_1'")[0][0]


def test_what_cannot_be_told_is_refused_and_what_was_typed_is_kept(administrator: Visitor, telling: Running) -> None:
    for url, said in (("", "Write the address."), ("https://127.0.0.1/hook", "LERNBATCH_WEBHOOK_HOSTS")):
        answer = administrator.send(PATH, "add", {"url": url, "kinds": "batch.created"})
        assert answer.status_code >= 400
        assert said in answer.text
        assert 'value="batch.created" checked' in answer.text
    assert telling.sql("SELECT 1 FROM webhook") == []


def test_those_of_another_organisation_are_not_there(
    administrator: Visitor, visits: Visits, telling: Running, lms: Receiver
) -> None:
    page = added(administrator, lms.url)
    stranger = visits(STRANGER, at=telling)
    assert stranger.get(page).status_code == 404
    assert stranger.get(f"{PATH}?organisation={HOME_ORG}").status_code in (401, 403)
    assert lms.url not in stranger.get(PATH).text
    assert stranger.post(page, {**stranger.hidden(PATH, "add"), "do": "delete"}).status_code in (403, 404)
    assert len(telling.sql("SELECT 1 FROM webhook")) == 1


def test_who_administers_everything_names_the_organisation(
    administrator: Visitor, visits: Visits, telling: Running, lms: Receiver
) -> None:
    added(administrator, lms.url)
    platform = visits(PLATFORM, at=telling)
    assert lms.url not in platform.get(PATH).text
    assert lms.url in platform.get(f"{PATH}?organisation={HOME_ORG}").text


def test_every_kind_has_its_words() -> None:
    assert set(view.KIND_TEXTS) == set(KINDS)
