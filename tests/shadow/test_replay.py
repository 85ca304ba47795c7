"""M60: a recorded journal is played against any candidate; M52: tokens are signed anew only with a key."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from joserfc.jwk import RSAKey

from lernbatch.errors import Unusable
from lernbatch.shadow import journal
from lernbatch.shadow.model import Entry
from lernbatch.shadow.resigning import Resigner
from tests import forked
from tests.people import ASHA, VIKRAM
from tests.running import Running, running, served
from tests.shadow.conftest import SHADOW_KEY
from tests.shadow.side_by_side import Proxied, proxied
from tests.shadow.stubs import Stub
from tests.shadow.test_side_by_side import learn


@pytest.fixture(scope="module")
def replay_key(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A private key, and the folder of public keys of a candidate that trusts it."""
    folder = tmp_path_factory.mktemp("replay")
    key = RSAKey.generate_key(2048)
    private, public = folder / "replay.pem", folder / "public"
    private.write_bytes(key.as_pem(private=True))
    public.mkdir()
    (public / "replay").write_bytes(key.as_pem(private=False))
    (public / "replay").chmod(0o644)
    return private, public


def recorded(proxy: Proxied, primary: Running) -> str:
    batch_id, count = learn(proxy, primary)
    proxy.wait_for(count + 1)
    return batch_id


def outcomes(folder: Path) -> list[tuple[str, str]]:
    return [(entry.route, entry.outcome) for entry in journal.read(folder) if entry.route]


def test_m60_a_journal_is_played_later_against_a_fresh_candidate(
    new_dsn: Callable[[], str], tmp_path: Path, replay_key: tuple[Path, Path]
) -> None:
    private, public = replay_key
    muted: dict[str, Any] = {"takeover": "shadow", "shadow_key": SHADOW_KEY, "public_key_folder": public}
    with running(tmp_path / "primary", new_dsn()) as primary:
        with proxied(primary.url, "http://127.0.0.1:1", tmp_path / "journal") as proxy:
            batch_id = recorded(proxy, primary)
            assert {entry.outcome for entry in proxy.entries()} == {"failed"}
        with running(tmp_path / "candidate", new_dsn(), **muted) as candidate:
            words = ("--candidate", candidate.url, "--journal", tmp_path / "again", "--pace", "0")
            told = proxy.run("replay", tmp_path / "journal", *words, "--replay-key", private)
            assert told.returncode == 0, told.stderr
            # The search may name creators, and /livez is no route of the contract: their bodies are not kept.
            assert "7 requests were asked again, 2 skipped" in told.stdout
            assert candidate.sql("SELECT name FROM batch WHERE batch_id = $1", batch_id) != []
    assert {outcome for _, outcome in outcomes(tmp_path / "again")} == {"same"}
    assert proxy.run("report", tmp_path / "again", "--gate", "1").returncode == 0


def test_m60_without_a_key_what_had_a_token_is_skipped_and_told(tmp_path: Path) -> None:
    candidate = Stub()
    with served(Stub()) as one, served(candidate) as other, proxied(one, other, tmp_path / "journal") as proxy:
        proxy.http.get("/health")
        proxy.http.post("/v1/course/enroll", json={"request": {}}, headers={"X-Authenticated-User-Token": "a.b.c"})
        proxy.http.post("/v1/batch/bulk/enrollment", content=b"batchId,userIds")
        proxy.wait_for(4)
        candidate.requests.clear()
        told = proxy.run("replay", proxy.folder, "--candidate", other, "--pace", "0")
        assert told.returncode == 0, told.stderr
        assert "without its token" in told.stdout
        assert "without its body" in told.stdout
        assert [path for _, path, _, _ in candidate.requests] == ["/health"]
        assert [folder.name.startswith("replay-journal-") for folder in tmp_path.iterdir()].count(True) == 1


@pytest.mark.real
def test_m60_only_what_failed_is_asked_again_on_request(tmp_path: Path) -> None:
    with served(Stub()) as one, proxied(one, "http://127.0.0.1:1", tmp_path / "journal") as proxy:
        proxy.http.post("/v1/course/enroll", json={"request": {"userId": "asha"}})
        proxy.wait_for(2)
        candidate = Stub()
        with served(candidate) as other:
            words = ("--candidate", other, "--journal", tmp_path / "again", "--failed")
            assert proxy.run("replay", proxy.folder, *words).returncode == 0
            assert [path for _, path, _, _ in candidate.requests] == ["/v1/course/enroll"]
            again = ("--candidate", other, "--journal", tmp_path / "third", "--failed")
            assert "0 requests were asked" in proxy.run("replay", tmp_path / "again", *again).stdout


@pytest.mark.real
def test_m60_a_pace_is_a_multiple_of_the_recorded_one(tmp_path: Path) -> None:
    async def write() -> None:
        record = journal.Journal(tmp_path / "journal")
        for second in range(3):
            empty: dict[str, Any] = {"request": {}, "primary": {"status": 200}}
            line = {"at": 100.0 + second * 10, "route": "GET /health", "method": "GET", "target": "/health", **empty}
            record.add(_entry(line))
        await record.close()

    asyncio.run(write())
    with served(Stub()) as one, proxied(one, one, tmp_path / "other") as proxy:
        began = time.monotonic()
        proxy.run("replay", tmp_path / "journal", "--candidate", one, "--journal", tmp_path / "again", "--pace", "5")
        assert time.monotonic() - began >= 4


def _entry(line: dict[str, Any]) -> Entry:
    return msgspec.convert(line, Entry)


@pytest.mark.real
def test_m60_a_replay_never_writes_into_the_journal_that_it_plays(tmp_path: Path) -> None:
    with served(Stub()) as one, proxied(one, one, tmp_path / "journal") as proxy:
        proxy.wait_for(1)
        told = proxy.run("replay", proxy.folder, "--candidate", one, "--journal", proxy.folder)
        assert (told.returncode, "another folder" in told.stderr) == (1, True)


@pytest.mark.real
def test_m52_the_proxy_signs_tokens_for_the_candidate_only_with_a_key(
    tmp_path: Path, service: Running, replay_key: tuple[Path, Path]
) -> None:
    headers = service.headers(ASHA, child=VIKRAM)
    for name, words in {"without": (), "with": ("--replay-key", str(replay_key[0]))}.items():
        candidate = Stub()
        with (
            served(Stub()) as one,
            served(candidate) as other,
            proxied(one, other, tmp_path / name, *words) as proxy,
        ):
            proxy.http.get("/v1/user/courses/list/x", headers=headers)
            proxy.wait_for(2)
            got = next(got for _, path, got, _ in candidate.requests if "list" in path)
        for header, sent in headers.items():
            assert (got[header.lower()] == sent) is (name == "without")


@pytest.mark.parametrize("pem", ["no key", "public"])
def test_m52_a_key_that_cannot_sign_is_refused_with_a_sentence(replay_key: tuple[Path, Path], pem: str) -> None:
    text = (replay_key[1] / "replay").read_text() if pem == "public" else pem
    with pytest.raises(Unusable):
        Resigner.of(text, "replay", "issuer")
    assert Resigner.of("", "", "issuer") is None


@pytest.mark.parametrize(
    "words",
    [
        ("serve", "--primary", "lms:9000", "--candidate", "http://x", "--journal", "j"),
        ("serve", "--primary", "http://x", "--candidate", "ftp://x", "--journal", "j"),
        ("serve", "--primary", "http://x", "--candidate", "http://x", "--journal", "j", "--sample", "2"),
        ("serve", "--primary", "http://x", "--candidate", "http://x", "--journal", "j", "--settle", "-1"),
        ("serve", "--primary", "http://x", "--candidate", "http://x", "--journal", "j", "--replay-key", "/none"),
        ("report", "/none"),
        ("report", "/none", "--gate", "3"),
        ("replay", "/none", "--candidate", "http://x"),
        ("replay", "/none", "--candidate", "http://x", "--pace", "-1"),
    ],
)
def test_m59_m60_what_cannot_be_done_is_one_sentence(tmp_path: Path, words: tuple[str, ...]) -> None:
    told = forked.run(["shadow", *words], os.environ, tmp_path)
    assert told.returncode == 1
    assert told.stderr.startswith("lernbatch: ")
    assert "Traceback" not in told.stderr
