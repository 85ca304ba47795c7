"""Keys that protect files, keys that seal what is stored, and how they change."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path

import pytest
import pyzipper
from joserfc.jwk import RSAKey

from lernbatch import sealing
from lernbatch.exhaust import resealing
from lernbatch.person import resealing as person_resealing
from tests.exhaust.test_commands import exhaust
from tests.people import ASHA, KAVYA
from tests.person.test_sealing import NEW, before_ids
from tests.reference_cipher import encrypt_as_reference
from tests.reporting import Reporting, unzipped
from tests.running import Running, running


@pytest.mark.parametrize("key", ["1", "abc1234", "أمينة"])
def test_a_key_that_is_too_short_is_refused(reporting: Reporting, key: str) -> None:
    for dataset in ("progress-exhaust", "userinfo-exhaust"):
        answer = reporting.submit(dataset, encryptionKey=key)
        assert answer.status_code == 400
        assert answer.json()["params"]["errmsg"] == "encryptionKey should have at least 8 characters"


def test_a_key_that_the_references_proxy_has_encrypted_is_measured_as_it_was_typed(dsn: str, tmp_path: Path) -> None:
    with running(tmp_path, dsn, exhaust_encryption_salt="SALT", exhaust_key_characters=7) as own:
        batch = Reporting(own)
        keys = {key: encrypt_as_reference(key, "SALT") for key in ("short1", "secret1")}
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
    assert ["not encrypted" in (one["warning"] or "") for one in told] == [False, False, True]
    protected = "PASSWORD_PROTECTED_DATASET"
    assert [one["level"] for one in told] == [protected, protected, "PLAIN_DATASET"]


@pytest.mark.parametrize(
    ("level", "key", "told"),
    [
        ("PLAIN_DATASET", {}, "PLAIN_DATASET"),
        ("PLAIN_DATASET", {"encryptionKey": "abc12345"}, "PLAIN_DATASET"),
        ("TEXT_KEY_ENCRYPTED_DATASET", {"encryptionKey": "abc12345"}, "TEXT_KEY_ENCRYPTED_DATASET"),
        ("PUBLIC_KEY_ENCRYPTED_DATASET", {}, "PUBLIC_KEY_ENCRYPTED_DATASET"),
    ],
)
def test_the_manifest_says_what_protects_the_file_that_is_there(
    dsn: str, tmp_path: Path, level: str, key: dict[str, str], told: str
) -> None:
    public = tmp_path / "organisation.pem"
    public.write_bytes(RSAKey.generate_key(2048).as_pem(private=False))
    settings = {"exhaust_levels": f"progress-exhaust={level}", "exhaust_public_key": public}
    with running(tmp_path, dsn, **settings) as own:
        batch = Reporting(own)
        batch.enrol(ASHA)
        job = batch.made(**key)
        protection = json.loads(batch.fetch(job["manifestUrl"]))["protection"]
        with zipfile.ZipFile(io.BytesIO(batch.fetch(job["downloadUrls"][0]))) as opened:
            content = opened.read(opened.namelist()[0])
    is_open = told == "PLAIN_DATASET"
    assert (protection["level"], protection["zipEncryption"]) == (told, None)
    assert ("not encrypted" in (protection["warning"] or "")) is is_open
    assert (ASHA.user_id.encode() in content) is is_open


def test_an_encryption_that_nobody_knows_is_refused(reporting: Reporting) -> None:
    answer = reporting.submit(encryptionKey="abc12345", zipEncryption="rot13")
    assert (answer.status_code, "zipEncryption is unknown" in answer.text) == (400, True)


@pytest.mark.real
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
    monkeypatch.setattr(person_resealing, "VALUES_AT_ONCE", 2)
    sealing.seal_of(own.config)  # makes the first key
    key = (own.config.home / "keys" / "exhaust.key").read_bytes()
    for number in range(5):
        insert = "INSERT INTO profile (user_id, sealed, fetched_at) VALUES ($1, $2, now())"
        own.sql(insert, f"u{number}", before_ids(key if number else NEW, b"[]", f"u{number}"))
    count = own.run(resealing.reseal(own.services))
    assert (count.looked_at, count.renewed, count.lost) == (5, 4, 1)
    assert own.run(resealing.reseal(own.services)).renewed == 0
