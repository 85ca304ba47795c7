"""Key rings, and what they seal of people."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lernbatch import sealing
from lernbatch.errors import Unusable
from lernbatch.sealing import KeyRing, Seal
from tests.reference_cipher import encrypt_as_reference

OLD, NEW = bytes(32), bytes(31) + b"1"


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
    assert sealing.read_keys(tmp_path, old) == KeyRing({1: OLD})
    assert sealing.read_keys(tmp_path, f"1:{old}, 7:{new}") == KeyRing({1: OLD, 7: NEW})
    for wrong in (f"0:{old}", f"256:{old}", f"x:{old}"):
        with pytest.raises(Unusable, match="ids from 1 to 255"):
            sealing.read_keys(tmp_path, wrong)
    first = sealing.read_keys(tmp_path, "")
    second = sealing.make_next_key(tmp_path)
    assert (second.name, second.stat().st_mode & 0o777) == ("exhaust-2.key", 0o600)
    assert sealing.read_keys(tmp_path, "").keys.keys() == {1, 2}
    (tmp_path / "keys" / "exhaust.key").unlink()
    assert sealing.read_keys(tmp_path, "").keys == {2: second.read_bytes()}
    assert first.newest == 1


def test_a_sealed_value_opens_for_its_owner_only() -> None:
    seal = sealing.Seal(sealing.KeyRing({1: bytes(32)}))
    sealed = seal.close(b"Asha", "u1")
    assert seal.open(sealed, "u1") == b"Asha"
    for wrong, owner in ((seal, "u2"), (sealing.Seal(sealing.KeyRing({1: bytes(31) + b"1"})), "u1")):
        with pytest.raises(Unusable):
            wrong.open(sealed, owner)


@pytest.mark.parametrize("value", [b"", b"\x01", b"\x01short", bytes(64)])
def test_what_was_never_sealed_is_not_opened(value: bytes) -> None:
    seal = sealing.Seal(sealing.KeyRing({1: bytes(32)}))
    for act in (seal.open, seal.renewed):
        with pytest.raises(Unusable):
            act(value, "u1")


def test_values_of_the_references_cipher_are_read_and_plain_ones_left() -> None:
    known = "7eGvDtEJNG3hT3MlGFkzFK3tl1/r/iYi1Z0xIRIHrnI0l+QDXKU39tVpls0gVt7iTQtMGOn7lhkDdxs1iV8l8A=="
    assert encrypt_as_reference("secret1", "SALT") == known
    assert sealing.decrypt_as_reference(known, "SALT") == "secret1"
    assert sealing.decrypt_as_reference("abc12345", "SALT") == "abc12345"


def test_two_processes_agree_on_one_key(tmp_path: Path) -> None:
    first = sealing.read_keys(tmp_path, "")
    assert sealing.read_keys(tmp_path, "") == first
    assert (tmp_path / "keys" / "exhaust.key").stat().st_mode & 0o077 == 0
    with pytest.raises(Unusable, match="32 bytes"):
        sealing.read_keys(tmp_path, base64.b64encode(b"short").decode())
