"""The key issuer_keys: made once, turned, and a sentence when it cannot be used."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from lernbatch import keyfiles
from lernbatch.credential import keys
from lernbatch.errors import Unusable
from tests.running import running

URL = "https://lern.example:8443/learn"


def test_the_first_use_makes_a_key_that_only_we_may_read(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "keys"
    issuer_keys = keys.open_key_set(folder, URL)
    assert issuer_keys.did == "did:web:lern.example%3A8443:learn"
    assert [path.name for path in folder.iterdir()] == ["key-1.pem"]
    assert (folder / "key-1.pem").stat().st_mode & 0o077 == 0


def test_many_who_are_first_at_once_get_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        names = {
            issuer_keys.signing.name for issuer_keys in pool.map(lambda _: keys.open_key_set(tmp_path, URL), range(16))
        }
    assert len(names) == 1


def test_the_secret_of_ids_is_made_once_and_only_we_may_read_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: keys.secret(tmp_path / "keys"), range(16)))
    assert [len(secret) for secret in found] == [32]
    assert (tmp_path / "keys" / "identifiers.secret").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", ["", "abcd", "nonsense"])
def test_a_secret_that_is_none_is_a_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "identifiers.secret").write_text(content)
    with pytest.raises(Unusable, match="secret of certificate ids"):
        keys.secret(tmp_path)


def test_a_turned_ring_signs_anew_and_knows_the_old(tmp_path: Path) -> None:
    old = keys.open_key_set(tmp_path, URL).signing
    new = keys.add_key(tmp_path)
    issuer_keys = keys.open_key_set(tmp_path, URL)
    assert issuer_keys.signing.name == new.name
    assert issuer_keys.find(old.name) is not None
    assert [method["publicKeyMultibase"] for method in issuer_keys.document["verificationMethod"]] == [
        new.name,
        old.name,
    ]


def test_a_retired_key_may_be_kept_as_its_public_half(tmp_path: Path) -> None:
    old = keys.open_key_set(tmp_path, URL).signing
    public = old.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key-1.pem").write_bytes(public)
    with pytest.raises(Unusable, match="nothing can be signed"):
        _ = keys.open_key_set(tmp_path, URL).signing
    keys.add_key(tmp_path)
    assert keys.open_key_set(tmp_path, URL).find(old.name) is not None


@pytest.mark.parametrize("content", [b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
def test_a_file_that_is_no_key_is_named_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key-1.pem").write_bytes(content)
    with pytest.raises(Unusable, match=r"key-1\.pem cannot be read"):
        keys.open_key_set(tmp_path, URL)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    rsa = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key-1.pem").write_bytes(rsa)
    with pytest.raises(Unusable, match="is no Ed25519 key"):
        keys.open_key_set(tmp_path, URL)


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unusable, match="Not a directory"):
        keys.open_key_set(tmp_path / "file" / "keys", URL)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("mode", "said"), [(0o666, "may be written by everybody"), (0o644, "may be read by everybody"), (0o660, None)]
)
def test_a_private_key_is_nobody_elses_to_read_or_write(tmp_path: Path, mode: int, said: str | None) -> None:
    keys.open_key_set(tmp_path, URL)
    keys.secret(tmp_path)
    for name, read in (
        ("key-1.pem", lambda: keys.read_good_keys(tmp_path)),
        ("identifiers.secret", lambda: keys.secret(tmp_path)),
    ):
        (tmp_path / name).chmod(mode)
        if said is None:
            assert read()
        else:
            with pytest.raises(Unusable, match=said):
                read()


def test_a_key_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "key-1.pem").symlink_to("/proc/self/mem")  # a file that even root cannot read from its beginning
    with pytest.raises(Unusable, match=r"key-1\.pem cannot be read"):
        keys.open_key_set(tmp_path, URL)


@pytest.mark.parametrize("name", ["key-01.pem", "key-1.PEM", "key-x.pem", "key-1.pem~", ".key-1.pem", "key-1.pem.bak"])
def test_other_names_are_no_keys(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("nonsense")
    assert [path.name for path in sorted(tmp_path.iterdir())] == [name]
    assert keys.read_good_keys(tmp_path) == ()


@pytest.mark.parametrize(
    ("mode", "owner", "said"),
    [
        (0o100644, 0, None),
        (0o100640, 1000, None),  # the folder's owner
        (0o100644, 4711, "belongs to another user than its folder"),
        (0o100646, 0, "may be written by everybody (chmod o-w)"),
        (0o040755, 0, "is no file"),
        (0o010644, 0, "is no file"),
    ],
)
def test_whose_files_are_trusted(mode: int, owner: int, said: str | None) -> None:
    assert keyfiles.why_untrusted(mode, owner, {0, 1000}, secret=False) == said


def test_keys_that_cannot_be_used_are_503_and_tell_no_path(new_dsn: Callable[[], str], tmp_path: Path) -> None:
    with running(tmp_path, new_dsn()) as service:
        folder = keys.folder_of(service.config)
        folder.mkdir(parents=True)
        (folder / "key-1.pem").write_text("nonsense")
        for path in ("/.well-known/did.json", "/.well-known/jwks.json", "/certs/status/revocation/0"):
            answer = service.call("GET", path)
            assert (answer.status_code, answer.json()["params"]["err"]) == (503, "SERVICE_UNAVAILABLE")
            assert str(folder) not in answer.text
