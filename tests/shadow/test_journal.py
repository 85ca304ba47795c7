"""M52: the journal holds no token and no personal data, is its owner's alone, and survives a bad end."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lernbatch.errors import Unusable
from lernbatch.routes import ROUTES
from lernbatch.shadow import journal
from lernbatch.shadow.journal import Damage, Journal
from lernbatch.shadow.model import Entry
from lernbatch.shadow.redaction import Redaction, kept_headers
from lernbatch.shadow.rules import KEPT
from tests.running import served
from tests.shadow.side_by_side import proxied
from tests.shadow.stubs import Stub

KEY = b"k" * 32


def write(folder: Path, *runs: list[Entry], file_bytes: int = journal.FILE_BYTES) -> None:
    """Each run is a journal that is opened, written frame by frame, and closed."""

    async def work() -> None:
        for entries in runs:
            record = Journal(folder, file_bytes)
            for entry in entries:
                record.add(entry)
                await record.flush()
            await record.close()

    asyncio.run(work())


def entries(count: int, **fields: Any) -> list[Entry]:
    return [Entry(at=1.0 + n, route="GET /x", outcome="same", **fields) for n in range(count)]


def test_m52_what_was_written_is_read_in_order_over_files_and_runs(tmp_path: Path) -> None:
    write(tmp_path, entries(5), entries(3), file_bytes=1)
    assert [entry.at for entry in journal.read(tmp_path)] == [1, 2, 3, 4, 5, 1, 2, 3]
    assert len(list(tmp_path.iterdir())) == 8
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_m52_a_file_that_is_cut_off_gives_all_before_the_cut(tmp_path: Path, cut: int) -> None:
    write(tmp_path, entries(9))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-cut])
    damage = Damage()
    assert len(list(journal.read(tmp_path, damage))) == 8
    assert damage.frames == 1


def test_m52_a_line_that_is_none_is_counted_and_the_next_one_read(tmp_path: Path) -> None:
    lines = b'{"at": 1, "route": "GET /x"}\nno line\n[1]\n{"at": 2, "route": "GET /x"}\n'
    (tmp_path / "journal-1.jsonl.zst").write_bytes(pyarrow.compress(lines, codec="zstd", asbytes=True))
    damage = Damage()
    assert [entry.at for entry in journal.read(tmp_path, damage)] == [1, 2]
    assert damage.lines == 2


def test_m52_a_folder_without_a_journal_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="There is no journal"):
        list(journal.read(tmp_path))


def test_m52_what_waits_for_a_disk_has_a_bound_and_what_is_beyond_is_counted(tmp_path: Path) -> None:
    record = Journal(tmp_path)
    big = Entry(at=1, reason="x" * 1024 * 1024)
    for _ in range(40):
        record.add(big)
    assert record.lost >= 8
    asyncio.run(record.close())
    told = list(journal.read(tmp_path))
    assert len(told) + sum(entry.lost for entry in told) == 40 + 1  # and the line that counts


PEOPLE = st.text(min_size=3, max_size=20, alphabet=st.characters(codec="utf-8", exclude_characters="0123456789"))
PERSONAL = st.recursive(
    PEOPLE | st.integers(10**6, 10**12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PEOPLE, inner, max_size=4),
    max_leaves=15,
)


@given(PERSONAL)
def test_m52_a_shape_has_no_value_of_what_it_is_the_shape_of(document: Any) -> None:
    body = json.dumps({"result": document}).encode()
    recorded = Redaction(KEY).recorded(body, keep=False)
    assert recorded.text is None
    assert recorded == Redaction(KEY).recorded(body, keep=False)
    told = _values(msgspec.to_builtins(recorded.shape))
    assert told.isdisjoint(_values(document))


def _values(document: Any) -> set[str]:
    if isinstance(document, dict):
        return set().union(*map(_values, document.values())) if document else set()
    if isinstance(document, list):
        return set().union(*map(_values, document)) if document else set()
    return {str(document)}


@pytest.mark.parametrize("body", [b"Asha,9876543210\n", b"\xff\xfe", b"{", b"[" * 100_000, b"%PDF-1.7"])
def test_m52_what_is_no_json_is_a_hash(body: bytes) -> None:
    assert str(Redaction(KEY).recorded(body, keep=False).shape).startswith("bytes ")


def test_m52_a_hash_is_of_one_key(tmp_path: Path) -> None:
    assert Redaction(KEY).hash("asha") == Redaction(KEY).hash("asha") != Redaction(b"x" * 32).hash("asha")


def test_m52_headers_that_may_name_somebody_are_not_kept() -> None:
    given_headers = {"cookie": "a", "authorization": "b", "x-forwarded-for": "10.0.0.1", "x-channel-id": "c"}
    assert kept_headers(given_headers) == {"x-channel-id": "c"}


def test_m52_kept_routes_exist_and_none_of_them_is_about_names_reports_or_files() -> None:
    ours = {f"{route.method} {route.path}" for route in ROUTES}
    assert ours >= KEPT
    personal = ("bulk", "upload", "exhaust", "dataset", "jobrequest", "certs", "/rc/", "registry", "account", "roster")
    assert [route for route in KEPT if any(word in route for word in personal)] == []


def test_m52_of_routes_with_personal_data_shapes_and_hashes_are_kept(tmp_path: Path) -> None:
    routes = [
        ("POST", "/v1/batch/bulk/enrollment"),
        ("POST", "/certs/v1/registry/search"),
        ("GET", "/v1/exhaust/files/a/b.csv?sig=Secret"),
        ("POST", "/private/v1/user/account/merge"),
        ("GET", "/v1/somebody/else"),
        ("POST", "/dataset/v1/request/submit"),
    ]
    primary = Stub(answer={"responseCode": "OK", "params": {}, "result": {"firstName": "Asha", "phone": "9876543210"}})
    candidate = Stub(
        answer={"responseCode": "OK", "params": {}, "result": {"firstName": "Usha", "phone": "9876543210"}}
    )
    token = "Bearer head.payload.Secret"
    with served(primary) as one, served(candidate) as other, proxied(one, other, tmp_path / "journal") as proxy:
        for method, path in routes:
            body = None if method == "GET" else {"request": {"name": "Asha", "phone": "9876543210"}}
            proxy.http.request(method, path, json=body, headers={"Authorization": token, "Cookie": "Secret"})
        written = proxy.wait_for(1 + len(routes))
    different = [entry for entry in written if entry.outcome == "differs" and entry.route != "GET /livez"]
    assert len(different) == len(routes)
    for entry in different:
        kept = msgspec.json.encode(entry).decode()
        assert [word for word in ("Asha", "Usha", "98765", "Secret") if word in kept] == []
        assert [difference.path for difference in entry.differences] == ["$.result.firstName"]
