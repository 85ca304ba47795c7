"""Webhooks: an organisation's address hears of its batches, signed, at least once, and never inside the network."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from lernbatch.exhaust import resealing
from lernbatch.jobs.outbox.relay import relay
from lernbatch.schedule import SENDERS
from lernbatch.sealing import make_next_key
from lernbatch.webhook import delivery, rules
from lernbatch.webhook.model import DeliveryAttempt
from tests.learning import complete, enrolled, new_batch, refusal, unenrol
from tests.people import ADMIN, HOME_ORG, OTHER_ORG, VIKRAM, Person
from tests.running import Running, running, served
from tests.seeds import REQUIRED
from tests.webhook.receiver import HANGS, Receiver

PAGE = Path(__file__).parents[2] / "docs" / "webhooks.md"


def block(kind: str) -> str:
    """The first block of a kind of the page."""
    text = PAGE.read_text(encoding="utf-8")
    return text.partition(f"```{kind}\n")[2].partition("\n```")[0]


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
        yield service


@pytest.fixture(autouse=True)
def fresh(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "telling" in request.fixturenames:
        service, lms = request.getfixturevalue("telling"), request.getfixturevalue("lms")
        service.sql("DELETE FROM webhook")
        service.sql("DELETE FROM outbox")
        lms.told, lms.statuses, lms.headers = [], [], {}
        service.clock.ahead = timedelta()


def call(service: Running, path: str, person: Person = ADMIN, method: str = "POST", **fields: Any) -> httpx.Response:
    return service.call(method, f"/v1/webhook/{path}", person, fields)


def result(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


def webhook(service: Running, lms: Receiver, *kinds: str, path: str = "/hook") -> tuple[str, str]:
    """The id and the secret of a new one."""
    made = result(call(service, "create", organisationId=HOME_ORG, url=lms.url + path, kinds=list(kinds)))
    return made["webhookId"], made["secret"]


def tell(service: Running) -> None:
    """Relay what waits, and send what is due."""
    while service.run(relay(service.services, SENDERS)):
        pass
    while service.run(delivery.deliver_due(service.services)):
        pass


def listed(service: Running) -> dict[str, dict[str, Any]]:
    answer = service.call("GET", f"/v1/webhook/list?organisationId={HOME_ORG}", ADMIN)
    return {shown["webhookId"]: shown for shown in result(answer)["response"]}


def log(service: Running, webhook_id: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = result(service.call("GET", f"/v1/webhook/log?webhookId={webhook_id}", ADMIN))[
        "response"
    ]
    return entries


def test_a_learners_way_is_told_in_ids_and_signed(telling: Running, lms: Receiver) -> None:
    webhook_id, secret = webhook(telling, lms)
    batch_id = new_batch(telling)
    asha, ravi = enrolled(telling, batch_id), enrolled(telling, batch_id)
    complete(telling, asha, batch_id, *REQUIRED)
    unenrol(telling, ravi, batch_id)
    tell(telling)
    told = {(message.event["type"], message.event["data"].get("userId")): message for message in lms.told}
    assert set(told) == {
        ("batch.created", None),
        ("learner.enrolled", asha.user_id),
        ("learner.enrolled", ravi.user_id),
        ("learner.completed", asha.user_id),
        ("learner.unenrolled", ravi.user_id),
    }
    completed = told["learner.completed", asha.user_id].event
    assert completed["data"] == {
        "batchId": batch_id,
        "courseId": telling.sql("SELECT course_id FROM batch WHERE batch_id = $1", batch_id)[0][0],
        "organisationId": HOME_ORG,
        "userId": asha.user_id,
    }
    assert completed["timestamp"].endswith("Z")
    assert all(message.is_signed_by(secret) for message in lms.told)
    assert abs(int(lms.told[0].headers["webhook-timestamp"]) - telling.clock.now().timestamp()) < 300
    entries = log(telling, webhook_id)
    assert {entry["deliveryId"] for entry in entries} == {message.headers["webhook-id"] for message in lms.told}
    assert {(entry["state"], entry["status"], entry["attempts"]) for entry in entries} == {("taken", 204, 1)}


def test_the_page_shows_a_message_as_it_is_and_checks_it(telling: Running, lms: Receiver) -> None:
    _, secret = webhook(telling, lms, "learner.enrolled")
    enrolled(telling, new_batch(telling))
    tell(telling)
    (message,) = lms.told
    written = json.loads(block("json"))
    assert (message.event.keys(), message.event["data"].keys()) == (written.keys(), written["data"].keys())
    assert len(message.event["timestamp"]) == len(written["timestamp"])
    page: dict[str, Any] = {}
    exec(block("python"), page)
    assert page["is_genuine"](secret, message.headers, message.body)
    assert not page["is_genuine"](secret, message.headers, message.body + b" ")
    assert not page["is_genuine"](secret, {**message.headers, "webhook-timestamp": "1614265330"}, message.body)


def test_only_the_kinds_that_are_asked_for_and_only_ones_own_batches_are_told(telling: Running, lms: Receiver) -> None:
    webhook(telling, lms, "learner.enrolled")
    foreign = new_batch(telling)
    telling.sql("UPDATE batch SET created_for = ARRAY[$2] WHERE batch_id = $1", foreign, OTHER_ORG)
    enrolled(telling, foreign)
    mine = enrolled(telling, new_batch(telling))
    tell(telling)
    assert [(message.event["type"], message.event["data"]["userId"]) for message in lms.told] == [
        ("learner.enrolled", mine.user_id)
    ]


def test_a_message_that_is_not_taken_is_sent_again_with_the_same_id_and_text(telling: Running, lms: Receiver) -> None:
    webhook_id, secret = webhook(telling, lms, "batch.created")
    new_batch(telling)
    lms.statuses = [500, 302, 204]
    lms.headers = {"Location": "/elsewhere"}
    for _ in range(3):
        tell(telling)
        tell(telling)  # it is not due yet
        telling.clock.move(minutes=10)
    assert len({(message.headers["webhook-id"], message.body) for message in lms.told}) == 1
    assert len(lms.told) == 3
    assert len({message.headers["webhook-timestamp"] for message in lms.told}) == 3
    assert all(message.is_signed_by(secret) for message in lms.told)
    (entry,) = log(telling, webhook_id)
    assert (entry["state"], entry["attempts"], entry["error"]) == ("taken", 3, None)


def test_a_webhook_that_takes_nothing_is_stopped_at_the_end_and_begins_anew(telling: Running, lms: Receiver) -> None:
    webhook_id, _ = webhook(telling, lms, "batch.created")
    new_batch(telling)
    lms.statuses = [503] * (len(rules.PAUSES) + 1)
    for _ in range(len(rules.PAUSES) + 1):
        tell(telling)
        telling.clock.move(hours=25)
    assert len(lms.told) == len(rules.PAUSES) + 1
    shown = listed(telling)[webhook_id]
    assert (shown["active"], shown["stopped"][:20]) == (False, "It took nothing from")
    assert log(telling, webhook_id)[0]["state"] == "given-up"
    new_batch(telling)
    tell(telling)
    assert len(lms.told) == len(rules.PAUSES) + 1  # a stopped webhook is told nothing, and nothing waits for it
    result(call(telling, "update", method="PATCH", webhookId=webhook_id, active=True))
    assert result(call(telling, "replay", webhookId=webhook_id)) == {"response": 1}
    tell(telling)
    assert log(telling, webhook_id)[0]["state"] == "taken"
    shown = listed(telling)[webhook_id]
    assert (shown["active"], shown["stopped"]) == (True, None)


def test_who_answers_gone_is_told_no_more(telling: Running, lms: Receiver) -> None:
    webhook_id, _ = webhook(telling, lms, "batch.created")
    new_batch(telling)
    lms.statuses = [410]
    tell(telling)
    assert listed(telling)[webhook_id]["stopped"].startswith("It answered 410")


def test_one_that_fails_keeps_no_other_waiting_and_rests(telling: Running, lms: Receiver) -> None:
    broken, _ = webhook(telling, lms, "batch.created")
    telling.sql("UPDATE webhook SET url = 'http://127.0.0.1:1/' WHERE webhook_id = $1", broken)
    unopened, _ = webhook(telling, lms, "batch.created")
    telling.sql("UPDATE webhook SET sealed = set_byte(sealed, 20, 255 - get_byte(sealed, 20)) WHERE webhook_id = $1",
                unopened)  # fmt: skip
    webhook(telling, lms, "batch.created")
    for _ in range(3):
        new_batch(telling)
    tell(telling)
    assert lms.kinds == ["batch.created"] * 3
    for webhook_id in (broken, unopened):
        assert sorted(entry["attempts"] for entry in log(telling, webhook_id)) == [0, 0, 1]


def test_one_that_does_not_answer_is_given_up_after_the_timeout(
    module_dsn: str, lms: Receiver, telling: Running, tmp_path: Path
) -> None:
    webhook_id, _ = webhook(telling, lms)
    lms.statuses = [HANGS]
    hosts = lms.url.removeprefix("http://")
    with running(
        tmp_path, module_dsn, webhooks_enabled=True, webhook_hosts=hosts, webhook_timeout_seconds=1
    ) as impatient:
        (tmp_path / "keys" / "exhaust.key").write_bytes((telling.config.home / "keys" / "exhaust.key").read_bytes())
        outcome = result(call(impatient, "test", webhookId=webhook_id))
    assert (outcome["taken"], outcome["error"]) == (False, "There was no answer within 1 seconds.")


def test_the_test_button_sends_at_once_and_says_what_came_of_it(telling: Running, lms: Receiver) -> None:
    webhook_id, secret = webhook(telling, lms, "batch.created")
    lms.statuses = [404]
    outcome = result(call(telling, "test", webhookId=webhook_id))
    assert (outcome["taken"], outcome["status"], outcome["error"]) == (False, 404, "It answered 404.")
    outcome = result(call(telling, "test", webhookId=webhook_id))
    assert (outcome["taken"], outcome["status"]) == (True, 204)
    assert lms.told[-1].event["type"] == "webhook.test"
    assert lms.told[-1].is_signed_by(secret)
    assert [(entry["type"], entry["state"]) for entry in log(telling, webhook_id)] == [
        ("webhook.test", "taken"),
        ("webhook.test", "given-up"),
    ]
    assert result(call(telling, "replay", webhookId=webhook_id)) == {"response": 0}


def test_two_secrets_sign_for_a_day_after_a_rotation(telling: Running, lms: Receiver) -> None:
    webhook_id, old = webhook(telling, lms)
    new = result(call(telling, "secret/rotate", webhookId=webhook_id))["secret"]
    call(telling, "test", webhookId=webhook_id)
    telling.clock.move(hours=25)
    call(telling, "test", webhookId=webhook_id)
    assert [(told.is_signed_by(old), told.is_signed_by(new)) for told in lms.told] == [(True, True), (False, True)]


def test_secrets_are_sealed_and_sealed_anew(telling: Running, lms: Receiver) -> None:
    webhook_id, secret = webhook(telling, lms)
    (before,) = telling.sql("SELECT sealed FROM webhook")[0]
    assert secret.removeprefix("whsec_").encode() not in before
    assert secret not in str(listed(telling)[webhook_id])
    make_next_key(telling.config.home)
    telling.run(resealing.reseal(telling.services))
    assert telling.sql("SELECT sealed FROM webhook")[0][0][0] == 2
    call(telling, "test", webhookId=webhook_id)
    assert lms.told[-1].is_signed_by(secret)


def test_the_signature_is_that_of_the_specification() -> None:
    signature = rules.signature(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://lms.example/", "begins with https://"),
        ("ftp://lms.example/", "begins with https://"),
        ("https://127.0.0.1/", "inside the network"),
        ("https://10.1.2.3/", "inside the network"),
        ("https://[::1]/", "inside the network"),
        ("https://[::ffff:10.0.0.1]/", "inside the network"),
        ("https://169.254.169.254/latest", "inside the network"),
        ("https://2130706433/", "inside the network"),
        ("https://localhost/", "inside the network"),
        ("https://u:p@lms.example/", "no user and no password"),
        ("https://lms.example:port/", "is an address such as"),
        ("https://" + "x" * 2000, "is an address such as"),
        ("lms.example", "is an address such as"),
        ("https://lms.example/\n", "is an address such as"),
    ],
)
def test_addresses_inside_the_network_and_other_odd_ones_are_refused(telling: Running, url: str, why: str) -> None:
    status, code, text = refusal(call(telling, "create", organisationId=HOME_ORG, url=url))
    assert (status, code) == (400, "INVALID_REQUESTED_DATA")
    assert why in (text or "")
    assert listed(telling) == {}


def test_an_address_that_moves_inside_later_is_not_reached(telling: Running, lms: Receiver) -> None:
    webhook_id, _ = webhook(telling, lms)
    inside = lms.url.replace("127.0.0.1", "localhost")  # the operator named the other
    telling.sql("UPDATE webhook SET url = $1", inside)
    outcome = result(call(telling, "test", webhookId=webhook_id))
    assert outcome["status"] is None
    assert "name it in LERNBATCH_WEBHOOK_HOSTS" in outcome["error"]
    assert lms.told == []


def test_who_does_not_administer_the_organisation_sees_and_does_nothing(telling: Running, lms: Receiver) -> None:
    webhook_id, _ = webhook(telling, lms)
    for person in (VIKRAM, Person("x", "Rekha", "N", OTHER_ORG, ("ORG_ADMIN",))):
        assert call(telling, "create", person, organisationId=HOME_ORG, url=lms.url).status_code == 401
        assert telling.call("GET", f"/v1/webhook/list?organisationId={HOME_ORG}", person).status_code == 401
        for path in ("delete", "test", "replay", "secret/rotate"):
            assert refusal(call(telling, path, person, webhookId=webhook_id))[0] == 404
        assert refusal(call(telling, "update", person, "PATCH", webhookId=webhook_id, active=False))[0] == 404
        assert telling.call("GET", f"/v1/webhook/log?webhookId={webhook_id}", person).status_code == 404
    assert lms.told == []
    assert refusal(call(telling, "test", webhookId="unknown"))[:2] == (404, "RESOURCE_NOT_FOUND")
    result(call(telling, "delete", webhookId=webhook_id))
    assert listed(telling) == {}
    acts = [row["what"] for row in telling.sql("SELECT what FROM audit WHERE about = $1", webhook_id)]
    assert acts == ["webhook.create", "webhook.delete"]


def test_an_organisation_has_at_most_ten(telling: Running, lms: Receiver) -> None:
    for _ in range(rules.MOST_OF_ORGANISATION):
        webhook(telling, lms)
    assert "at most 10" in str(refusal(call(telling, "create", organisationId=HOME_ORG, url=lms.url)))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"organisationId": HOME_ORG},
        {"organisationId": 5, "url": "https://lms.example/"},
        {"organisationId": HOME_ORG, "url": "https://lms.example/", "kinds": ["everything"]},
        {"organisationId": HOME_ORG, "url": "https://lms.example/", "kinds": "batch.created"},
    ],
)
def test_what_is_no_webhook_is_refused(telling: Running, fields: dict[str, Any]) -> None:
    assert 400 <= call(telling, "create", **fields).status_code < 500


def test_the_log_is_kept_for_its_days(telling: Running, lms: Receiver) -> None:
    webhook_id, _ = webhook(telling, lms)
    call(telling, "test", webhookId=webhook_id)
    telling.clock.move(days=29)
    assert telling.run(delivery.forget_old(telling.services)) == 0
    telling.clock.move(days=2)
    assert telling.run(delivery.forget_old(telling.services)) == 1


def test_a_set_that_is_relayed_again_is_told_once(telling: Running, lms: Receiver) -> None:
    webhook(telling, lms, "batch.created")
    new_batch(telling)
    telling.sql("CREATE TABLE before AS SELECT * FROM outbox WHERE destination = 'webhook'")
    telling.run(relay(telling.services, SENDERS))
    telling.sql("INSERT INTO outbox OVERRIDING SYSTEM VALUE SELECT * FROM before")
    telling.sql("DROP TABLE before")
    tell(telling)
    assert lms.kinds == ["batch.created"]


def test_without_the_setting_nothing_is_written_and_the_calls_say_so(
    new_dsn: Callable[[], str], tmp_path: Path
) -> None:
    with running(tmp_path, new_dsn()) as service:
        enrolled(service, new_batch(service))
        assert service.sql("SELECT FROM outbox WHERE destination = 'webhook'") == []
        answer = call(service, "create", organisationId=HOME_ORG, url="https://lms.example/")
        assert refusal(answer)[:2] == (400, "WEBHOOKS_OFF")


@pytest.mark.parametrize(
    ("attempt", "is_last", "worked", "stops"),
    [
        (DeliveryAttempt(500, "", 1), False, None, False),
        (DeliveryAttempt(500, "", 1), True, None, True),
        (DeliveryAttempt(500, "", 1), True, 1, False),  # it took others since
        (DeliveryAttempt(None, "", 1), True, -1, True),
        (DeliveryAttempt(410, "", 1), False, 1, True),
    ],
)
def test_what_stops_a_webhook(
    attempt: DeliveryAttempt, is_last: bool, worked: int | None, stops: bool, telling: Running
) -> None:
    created_at = telling.clock.now()
    worked_at = None if worked is None else created_at + timedelta(hours=worked)
    why = rules.why_stopped(attempt, is_last=is_last, created_at=created_at, worked_at=worked_at)
    assert (why is not None) is stops
