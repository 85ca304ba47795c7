"""Catching up from the shadow proxy's journal: minutes instead of a pass (migration M33)."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lernbatch.shadow.journal import Journal
from lernbatch.shadow.model import Credential, Entry, RecordedBody
from tests.cli.commands import Installation as CommandLine
from tests.takeover.moving import PROVIDER, Installation

BATCH, COURSE = "0141000000000000001", "do_3141000000000001"
CREATOR = "ac85572a-a680-4a46-a7d5-fb153747f644"
JUNE = datetime(2024, 6, 3, 10, tzinfo=UTC).timestamp()


def entry(route: str, learner: str, request: dict[str, Any] | RecordedBody, at: float = JUNE, **others: Any) -> Entry:
    """A line as the proxy writes it of a call that the old service took."""
    method, _, path = route.partition(" ")
    token = Credential(learner, "hash", [])
    given: dict[str, Any] = {
        "headers": {"content-type": "application/json"},
        "credentials": {"x-authenticated-user-token": token},
        "request": request
        if isinstance(request, RecordedBody)
        else RecordedBody(text=json.dumps({"request": request})),
        "primary": RecordedBody(status=200, text="{}"),
        "outcome": "failed",
    }
    return Entry(at=at, route=route, method=method, target=path, learner=learner, **{**given, **others})


def state(user_id: str, content_id: str, at: float, status: int = 2) -> Entry:
    accessed = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S:000+0000")
    content = {"contentId": content_id, "courseId": COURSE, "batchId": BATCH, "status": status}
    request = {"userId": user_id, "contents": [{**content, "lastAccessTime": accessed}]}
    return entry("PATCH /v1/content/state/update", user_id, request, at)


def written(folder: Path, *entries: Entry) -> Path:
    async def work() -> None:
        journal = Journal(folder)
        for line in entries:
            journal.add(line)
        await journal.close()

    asyncio.run(work())
    return folder


def learner_of(installation: Installation, condition: str) -> str:
    text = f"SELECT user_id FROM enrolment WHERE batch_id = '{BATCH}' AND {condition} ORDER BY 1 LIMIT 1"
    return str(installation.sql(text)[0][0])


@pytest.fixture
def line(installation: Installation) -> CommandLine:
    return CommandLine(installation.home, installation.dsn, {"LERNBATCH_FEDERATION_PROVIDER_ID": PROVIDER})


def test_m33_the_writes_that_the_proxy_saw_are_done_once_and_in_order(
    installation: Installation, line: CommandLine, tmp_path: Path
) -> None:
    empty = line.run("sunbird", "catch-up", "--journal", written(tmp_path / "early", state("u", "c", JUNE)))
    assert "run `lernbatch sunbird copy`" in empty.stderr
    installation.copy()
    begun = learner_of(installation, "active AND status = 0")
    left = learner_of(installation, "active AND status = 1")
    batch = {"courseId": COURSE, "name": "Of the journal", "enrollmentType": "open", "startDate": "2024-06-10",
             "createdBy": CREATOR}  # fmt: skip
    course = {"courseId": COURSE, "batchId": BATCH}
    folder = written(
        tmp_path / "journal",
        state(begun, "do_314100000000000101", JUNE, status=1),
        state(begun, "do_314100000000000101", JUNE + 60),
        entry("POST /v1/course/unenroll", left, {**course, "userId": left}, JUNE + 70),
        entry("POST /v1/course/batch/create", CREATOR, batch, JUNE + 80, created_id="0149999999999999999"),
        entry("POST /v1/content/state/read", begun, {**course, "userId": begun}, is_read=True),
        entry("POST /v1/course/enroll", "nobody", {**course, "userId": "nobody"}, primary=RecordedBody(status=400)),
    )
    told = line.run("sunbird", "catch-up", "--journal", folder)
    assert told.returncode == 0, told.stderr
    assert "4 writes were done, 0 of the journal were done before." in told.stdout
    rows = {row["user_id"]: row for row in installation.rows("enrolments") if row["batch_id"] == BATCH}
    at_ms = int(JUNE + 60) * 1000
    assert rows[begun]["states"]["do_314100000000000101"][:6] == [2, 100, 2, 1, at_ms, at_ms]
    assert rows[left]["active"] is False
    created = installation.sql("SELECT name, created_at FROM batch WHERE batch_id = '0149999999999999999'")[0]
    assert created["name"] == "Of the journal"
    assert created["created_at"] == datetime.fromtimestamp(JUNE + 80, UTC)
    before = installation.everything()
    again = line.run("sunbird", "catch-up", "--journal", folder)
    assert "0 writes were done, 4 of the journal were done before." in again.stdout, again.stderr
    assert installation.everything() == before
    differing = {tuple(one["key"]) for one in installation.verify()["differences"]["examples"]}
    assert differing == {(begun, BATCH), (left, BATCH)}  # what the export did not see


@pytest.mark.real
def test_m33_a_journal_that_lacks_something_does_not_stand_for_a_pass(
    installation: Installation, line: CommandLine, tmp_path: Path
) -> None:
    installation.copy()
    learner = learner_of(installation, "active AND status = 1")
    folder = written(
        tmp_path / "journal",
        entry("POST /v1/batch/bulk/enrollment", CREATOR, RecordedBody(shape="bytes 12", bytes=40)),
        entry("POST /v1/course/enroll", learner, {"courseId": COURSE, "batchId": "0140000", "userId": learner}),
        Entry(at=JUNE, lost=3),
        state(learner, "do_314100000000000105", JUNE),
    )
    told = line.run("sunbird", "catch-up", "--journal", folder)
    assert told.returncode == 1
    assert "1 writes were done" in told.stdout
    assert "POST /v1/batch/bulk/enrollment: the journal has no bodies of 1." in told.stderr
    assert "the old service took 1, this one did not." in told.stderr
    assert "3 exchanges are not in the journal" in told.stderr
    refused = line.run("sunbird", "hand-over")
    assert "Of the journal: 3 exchanges are not in the journal" in refused.stderr
    for words in (("export", "--journal", folder), ("--journal", tmp_path / "nothing")):
        assert line.run("sunbird", "catch-up", *words).returncode == 1
