"""Keys that protect files, keys that seal what is stored, and how they change."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest
import pyzipper
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lernbatch import sealing
from lernbatch.errors import Unusable
from lernbatch.exhaust import actions, resealing
from lernbatch.sealing import KeyRing, Seal
from tests.exhaust.reporting import Reporting, unzipped
from tests.exhaust.test_commands import exhaust
from tests.people import ASHA, KAVYA
from tests.running import Running, running

OLD, NEW = bytes(32), bytes(31) + b"1"


@pytest.mark.parametrize("key", ["1", "abc1234", "أمينة"])
def test_a_key_that_is_too_short_is_refused(reporting: Reporting, key: str) -> None:
    for dataset in ("progress-exhaust", "userinfo-exhaust"):
        answer = reporting.submit(dataset, encryptionKey=key)
        assert answer.status_code == 400
        assert answer.json()["params"]["errmsg"] == "encryptionKey should have at least 8 characters"


def test_a_key_that_the_references_proxy_has_encrypted_is_measured_as_it_was_typed(dsn: str, tmp_path: Path) -> None:
    with running(tmp_path, dsn, exhaust_encryption_salt="SALT", exhaust_key_characters=7) as own:
        batch = Reporting(own)
        keys = {key: sealing.encrypt_as_reference(key, "SALT") for key in ("short1", "secret1")}
        statuses = {key: batch.submit(encryptionKey=encrypted).status_code for key, encrypted in keys.items()}
    assert statuses == {"short1": 400, "secret1": 200}


def test_a_request_may_ask_for_the_encryption_that_holds(reporting: Reporting) -> None:
    reporting.enrol(ASHA)
    old, new = (reporting.made(encryptionKey="abc12345", **more) for more in ({}, {"zipEncryption": "aes256"}))
    with zipfile.ZipFile(io.BytesIO(reporting.fetch(old["downloadUrls"][0]))) as opened:
        assert opened.read(opened.namelist()[0], pwd=b"abc12345")
    with pyzipper.AESZipFile(io.BytesIO(reporting.fetch(new["downloadUrls"][0]))) as opened:
        assert (opened.infolist()[0].wz_aes_strength, opened.read(opened.namelist()[0], pwd=b"abc12345")[:1]) == (
            3,
            b"C",
        )
    told = [json.loads(reporting.fetch(job["manifestUrl"]))["protection"] for job in (old, new, reporting.made())]
    assert [one["zipEncryption"] for one in told] == ["zipcrypto", "aes256", None]
    assert ["broken" in (one["warning"] or "") for one in told] == [True, False, False]


def test_an_encryption_that_nobody_knows_is_refused(reporting: Reporting) -> None:
    answer = reporting.submit(encryptionKey="abc12345", zipEncryption="rot13")
    assert (answer.status_code, "zipEncryption is unknown" in answer.text) == (400, True)


def before_ids(key: bytes, value: bytes, about: str) -> bytes:
    """A value as it was sealed before keys had ids."""
    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, value, about.encode())


def test_what_older_keys_have_sealed_is_read_and_sealed_anew() -> None:
    old, both, new = (Seal(KeyRing(keys)) for keys in ({1: OLD}, {1: OLD, 2: NEW}, {2: NEW}))
    for _ in range(300):  # a nonce may begin like the id of a key
        legacy = before_ids(OLD, b"Asha", "u1")
        assert both.open(legacy, "u1") == old.open(legacy, "u1") == b"Asha"
        renewed = both.renewed(legacy, "u1")
        assert renewed is not None
        assert new.open(renewed, "u1") == b"Asha"
        assert both.renewed(renewed, "u1") is None
    sealed = old.close(b"Asha", "u1")
    assert (sealed[0], both.open(sealed, "u1"), both.close(b"x", "u1")[0]) == (1, b"Asha", 2)
    with pytest.raises(Unusable):
        new.open(sealed, "u1")


def test_no_key_for_one_purpose_is_that_for_another() -> None:
    ring = KeyRing({1: OLD, 2: NEW})
    derived = {ring.derived(key_id, purpose) for key_id in (1, 2) for purpose in ("sealing", "links", "digests")}
    assert len(derived | {OLD, NEW}) == 8


def test_keys_come_from_the_setting_or_from_files(tmp_path: Path) -> None:
    old, new = (base64.b64encode(key).decode() for key in (OLD, NEW))
    assert sealing.keys_of(tmp_path, old) == KeyRing({1: OLD})
    assert sealing.keys_of(tmp_path, f"1:{old}, 7:{new}") == KeyRing({1: OLD, 7: NEW})
    for wrong in (f"0:{old}", f"256:{old}", f"x:{old}"):
        with pytest.raises(Unusable, match="ids from 1 to 255"):
            sealing.keys_of(tmp_path, wrong)
    first = sealing.keys_of(tmp_path, "")
    second = sealing.make_next_key(tmp_path)
    assert (second.name, second.stat().st_mode & 0o777) == ("exhaust-2.key", 0o600)
    assert sealing.keys_of(tmp_path, "").keys.keys() == {1, 2}
    (tmp_path / "keys" / "exhaust.key").unlink()
    assert sealing.keys_of(tmp_path, "").keys == {2: second.read_bytes()}
    assert first.newest == 1


def test_a_new_key_takes_over_while_the_service_runs(own: Running, dsn: str) -> None:
    batch, home = Reporting(own), own.config.home
    batch.enrol(ASHA)
    batch.enrol(KAVYA)
    batch.consent(ASHA)
    (link,) = batch.made("userinfo-exhaust", encryptionKey="abc12345")["downloadUrls"]
    key = (home / "keys" / "exhaust.key").read_bytes()
    legacy = before_ids(key, b'["Old","o@x.org",""]', KAVYA.user_id)
    own.sql("UPDATE profile SET sealed = $1 WHERE user_id = $2", legacy, KAVYA.user_id)
    batch.submit("userinfo-exhaust", encryptionKey="abc12346")  # waits, with its key sealed
    done = exhaust(batch, dsn, "new-key")
    assert done.returncode == 0, done.stderr
    assert "3 of 3 sealed values were sealed anew." in done.stdout
    assert batch.fetch(link)  # made under the older key
    shutil.move(home / "keys" / "exhaust.key", home / "exhaust.key.gone")
    assert exhaust(batch, dsn, "reseal").stdout == "0 of 3 sealed values were sealed anew.\n"
    batch.work()
    made = next(job for job in batch.jobs() if job["status"] == "SUCCESS" and len(job["downloadUrls"]) == 1)
    text = unzipped(batch.fetch(made["downloadUrls"][0]), "abc12346").decode()
    assert "Asha K" in text


def test_sealing_anew_goes_set_by_set_and_says_what_is_lost(own: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resealing, "VALUES_AT_ONCE", 2)
    key = actions.seal(own.config) and (own.config.home / "keys" / "exhaust.key").read_bytes()
    for number in range(5):
        insert = "INSERT INTO profile (user_id, sealed, fetched_at) VALUES ($1, $2, now())"
        own.sql(insert, f"u{number}", before_ids(key if number else NEW, b"[]", f"u{number}"))
    count = own.run(resealing.reseal(own.services))
    assert (count.looked_at, count.renewed, count.lost) == (5, 4, 1)
    assert own.run(resealing.reseal(own.services)).renewed == 0
