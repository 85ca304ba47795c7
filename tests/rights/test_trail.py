"""Every audited act stands or falls with its note, and none that was refused is noted as done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from lernbatch.routes import ROUTES
from lernbatch.web.audit import AUDITED
from tests.people import ASHA, HOME_ORG, KAVYA, VIKRAM
from tests.rights.world import World, world
from tests.rows import enrolled
from tests.seeds import COURSE

METHODS = {route.path: route.method for route in ROUTES}
# Several transactions, or a read: noted as begun, and as done when it is over.
LONG = ("/v1/course/batch/ownership/transfer", "/v1/course/batch/cert/download/{batch_id}")
TABLES = ("batch", "enrolment", "bulk_process", "bulk_row", "roster_change", "certificate", "certificate_due", "outbox")


@pytest.fixture
def own(new_dsn: Callable[[], str], tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, new_dsn()) as made:
        yield made


@pytest.fixture(scope="module")
def seeded(new_dsn: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("trail"), new_dsn()) as made:
        yield made


def kept(own: World) -> list[str]:
    """What the tables that acts write hold, and who asked for exhausts."""
    tables = (*TABLES, "exhaust_request")
    return [
        own.service.sql(f"SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), '')) FROM {table} t")[0][0]
        for table in tables
    ]


@contextmanager
def unwritable_ends(own: World) -> Iterator[None]:
    """No note can be changed from begun to done."""
    own.service.sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no end of a note'; END $$"
    )
    own.service.sql("CREATE TRIGGER refuse BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION refuse()")
    yield
    own.service.sql("DROP TRIGGER refuse ON audit")


def prepared(own: World, path: str) -> Callable[[], httpx.Response]:
    """The creator's act, with a request that is right and something to do."""
    headers = {**own.callers["creator"].headers, "X-Channel-ID": HOME_ORG}
    about = {"courseId": COURSE, "batchId": own.batch_id}
    body: dict[str, Any] | None = None

    def send() -> httpx.Response:
        if body is None:
            return own.call(METHODS[path], path, own.callers["creator"])
        return own.service.http.request(METHODS[path], path, headers=headers, json={"request": body})

    signatories = [{"name": "R. Meera Nair"}]
    design = {"identifier": "default", "criteria": {"enrollment": {"status": 2}}, "signatoryList": signatories}
    if path in ("/v1/course/admin/unenroll", "/v1/course/batch/users/remove/{batch_id}"):
        enrolled(own.service, own.batch_id, KAVYA)
    if path.startswith("/v1/course/batch/cert/template/"):
        body = {"batch": {**about, "template": design}}
    if path in ("/v1/course/batch/cert/template/remove", "/v1/course/batch/cert/issue"):
        own.service.sql("UPDATE batch SET templates = $1 WHERE batch_id = $2", {"default": design}, own.batch_id)
    if path == "/v1/course/batch/cert/issue":
        body = {**about, "userIds": [ASHA.user_id]}
    if path == "/v1/course/batch/cert/status":
        body = {"identifier": "certificate", "status": "revoked", "reason": "a doubt"}
    if path in ("/v1/jobrequest/submit", "/dataset/v1/request/submit"):
        body = {"tag": "another", "dataset": "progress-exhaust", "datasetConfig": {"batchId": own.batch_id}}
    if path == "/v1/batch/roster/apply":
        people = {"batchId": own.batch_id, "userIds": [KAVYA.user_id]}
        plan = own.service.call("POST", "/v1/batch/roster/plan", VIKRAM, people).json()["result"]
        body = {**people, "hash": plan["hash"]}
    own.service.sql("DELETE FROM audit")
    return send


@pytest.mark.parametrize("path", [path for path in AUDITED if path not in LONG])
def test_an_act_and_its_note_stand_or_fall_together(own: World, path: str) -> None:
    act = prepared(own, path)
    before = kept(own)
    with unwritable_ends(own):
        answer = act()
    assert (answer.status_code, kept(own)) == (500, before), answer.text
    assert [row["outcome"] for row in own.service.sql("SELECT outcome FROM audit")] == ["begun"]
    answer = act()
    assert answer.status_code == 200, answer.text
    assert kept(own) != before
    assert {row["outcome"] for row in own.service.sql("SELECT outcome FROM audit")} == {"begun", "done"}


@pytest.mark.parametrize("path", AUDITED)
def test_nothing_that_was_refused_is_noted_as_done(seeded: World, path: str) -> None:
    for name in ("learner", "foreign mentor", "foreign administrator", "machine"):
        seeded.service.sql("DELETE FROM audit")
        before = kept(seeded)
        answer = seeded.call(METHODS[path], path, seeded.callers[name])
        assert answer.status_code >= 400
        assert kept(seeded) == before
        assert {row["outcome"] for row in seeded.service.sql("SELECT outcome FROM audit")} == {"refused"}, name
