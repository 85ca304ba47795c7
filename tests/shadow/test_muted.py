"""M55: while another service answers the platform, nothing of ours reaches it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lernbatch import log
from lernbatch.credential.keys import KeysUnusable, key_set
from lernbatch.errors import Upstream
from lernbatch.jobs import worker
from lernbatch.schedule import JOBS
from tests.certificate.cohort import Cohort
from tests.learning import complete, enrol, new_batch
from tests.people import ASHA, MEERA, VIKRAM
from tests.running import Running, running, served
from tests.seeds import REQUIRED
from tests.shadow.platform import SERVICES, Platform

MUTED = pytest.mark.parametrize("takeover", ["copy", "shadow"])


@contextmanager
def beside(home: Path, dsn: str, **settings: Any) -> Iterator[tuple[Running, Platform]]:
    """A service whose every other service is a platform that keeps what it was asked."""
    platform = Platform(dsn, home)
    with (
        served(platform) as url,
        running(home, dsn, mail_enabled=True, **dict.fromkeys(SERVICES, url), **settings) as service,
    ):
        yield service, platform


def learn(service: Running) -> Cohort:
    """All that tells others: a batch with a mentor, a certificate, and a learner who completes; then every job."""
    cohort = Cohort(service, new_batch(service, mentors=[MEERA.user_id]))
    assert cohort.attach().status_code == 200
    assert enrol(service, ASHA, cohort.batch_id).status_code == 200
    for content_id in REQUIRED:
        complete(service, ASHA, cohort.batch_id, content_id)
    for job in JOBS:
        service.run(worker.run_now(service.services, job))
    return cohort


def test_m55_a_service_that_is_not_muted_writes_to_the_platform_and_signs(tmp_path: Path, dsn: str) -> None:
    with beside(tmp_path, dsn) as (service, platform):
        cohort = learn(service)
        assert len(cohort.certificates()) == 1
    kinds = {path.split("/")[-1] if "update" not in path else "update" for _, path in platform.writes}
    assert {"update", "email"} <= kinds


@MUTED
def test_m55_a_muted_service_only_reads_the_platform(tmp_path: Path, dsn: str, takeover: str) -> None:
    with beside(tmp_path, dsn, takeover=takeover) as (service, platform):
        learn(service)
        assert service.sql("SELECT destination FROM outbox") == []
    assert platform.calls != []
    assert platform.writes == []


@MUTED
def test_m55_a_muted_service_signs_nothing_and_its_learners_stay_due(tmp_path: Path, dsn: str, takeover: str) -> None:
    with running(tmp_path, dsn, takeover=takeover) as service:
        cohort = learn(service)
        assert cohort.certificates() == []
        assert [row["user_id"] for row in cohort.due()] == [ASHA.user_id]
        with pytest.raises(KeysUnusable):
            key_set(service.config).signing.sign(b"")
        assert service.call("GET", "/.well-known/did.json").json()["verificationMethod"] != []


@MUTED
def test_m55_a_muted_service_sends_nothing_to_kafka(tmp_path: Path, dsn: str, takeover: str) -> None:
    settings = {"kafka_servers": "127.0.0.1:1", "telemetry": "kafka"}
    with running(tmp_path, dsn, takeover=takeover, **settings) as service:
        learn(service)
        assert service.sql("SELECT destination FROM outbox") == []
        with pytest.raises(Upstream):
            service.run(service.services.kafka.send([("t", b"k", b"v")]))


def test_m55_the_outbox_is_written_to_the_log_without_people(
    tmp_path: Path, dsn: str, capfd: pytest.CaptureFixture[str]
) -> None:
    log.configure("info")
    try:
        with running(tmp_path, dsn, takeover="shadow") as service:
            learn(service)
    finally:
        log.configure("warning")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    muted = [line for line in lines if line["event"] == "event muted"]
    assert "content" in {line["destination"] for line in muted}
    assert ASHA.user_id not in json.dumps(muted)


@MUTED
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/livez"), ("GET", "/v1/course/batch/read/1"), ("GET", "/none"), ("OPTIONS", "/x")]
)
def test_m55_every_answer_of_a_muted_service_says_so(
    muted_service: Callable[[str], Running], method: str, path: str, takeover: str
) -> None:
    assert muted_service(takeover).call(method, path).headers["x-lernbatch-takeover"] == takeover


@MUTED
@pytest.mark.parametrize("path", ["/health", "/healthz"])
def test_m55_health_says_that_the_service_is_muted(
    muted_service: Callable[[str], Running], path: str, takeover: str
) -> None:
    assert muted_service(takeover).call("GET", path).json()["result"]["takeover"] == takeover


@pytest.mark.parametrize("path", ["/health", "/healthz"])
def test_m55_a_service_that_is_not_muted_says_nothing_of_it(service: Running, path: str) -> None:
    answer = service.call("GET", path)
    assert "takeover" not in answer.json()["result"]
    assert "x-lernbatch-takeover" not in answer.headers


def test_m55_what_would_change_another_service_at_once_is_refused_with_the_reason(
    muted_service: Callable[[str], Running],
) -> None:
    collection = "application/vnd.ekstep.content-collection"
    request = {"course": {"name": "Physics", "code": "p", "contentType": "Course", "mimeType": collection}}
    answer = muted_service("shadow").call("POST", "/v1/course/create", VIKRAM, request)
    assert (answer.status_code, answer.json()["params"]["err"]) == (503, "TAKEOVER_IN_PROGRESS")
