"""The keys of tokens: new ones are taken up, withdrawn ones count no more, without a restart."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lernbatch.clock import Clock
from lernbatch.config import Config
from lernbatch.errors import NotAuthenticated, Unusable
from lernbatch.sunbird.http import TOKEN_HEADER
from lernbatch.web.tokens import PublicKeys, TokenVerifier
from sandbox import identity


class Door:
    """A gate whose keys are looked at for every token, and the folder they lie in."""

    def __init__(self, home: Path) -> None:
        self.config = Config(home=home)
        self.folder = identity.public_folder(home)
        self.keys = PublicKeys(self.folder, 0)
        self.gate = TokenVerifier(self.config, Clock(self.config.time_zone), self.keys)
        self.token = identity.mint(home, self.config, "u1", now=datetime.now(UTC))

    def opens(self) -> bool:
        try:
            return self.gate.caller({TOKEN_HEADER: self.token}, required=True).user_id == "u1"
        except NotAuthenticated:
            return False


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def test_a_token_of_a_withdrawn_key_counts_no_more_although_it_was_seen(door: Door) -> None:
    assert door.opens()
    next(door.folder.iterdir()).unlink()
    assert not door.opens()


def test_a_key_that_comes_later_is_taken_up(door: Door) -> None:
    key = next(door.folder.iterdir())
    content = key.read_bytes()
    key.unlink()
    assert not door.opens()
    key.write_bytes(content)
    assert door.opens()


def test_a_file_that_is_no_key_harms_nobody(door: Door) -> None:
    (door.folder / "README").write_text("no key")
    assert door.opens()


def test_a_folder_that_is_away_for_a_moment_withdraws_no_key(door: Door) -> None:
    assert door.opens()
    door.folder.rename(door.folder.with_name("away"))
    assert door.opens()


def private(bits: int) -> RSAPrivateKey:
    return generate_private_key(65537, bits)


def pem_of(key: RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("bits", [1024, 2047])
def test_a_short_rsa_key_is_none(door: Door, bits: int) -> None:
    (door.folder / "short").write_bytes(pem_of(private(bits)))
    assert door.opens()
    assert "short" not in door.keys.current()


@pytest.mark.parametrize("name", [".hidden", "key.bak", "key~", "key.swp", "with space", "k" * 129, "a:b"])
def test_not_every_name_is_a_key_id(door: Door, name: str) -> None:
    (door.folder / name).write_bytes(pem_of(private(2048)))
    assert name not in door.keys.current()
    assert len(door.keys.current()) == 1


@pytest.mark.parametrize("name", ["accessv1_key1", "-Q1v_x", "_0b7.pem", "lernbatch-2026", "YWJj=="])
def test_these_names_are(door: Door, name: str) -> None:
    (door.folder / name).write_bytes(pem_of(private(2048)))
    assert name in door.keys.current()


def test_a_key_that_everybody_may_write_is_none(door: Door) -> None:
    path = next(door.folder.iterdir())
    path.chmod(0o646)
    assert not door.opens()
    path.chmod(0o644)
    assert door.opens()


def test_a_file_that_cannot_be_read_ends_no_request(door: Door) -> None:
    (door.folder / "closed").symlink_to("/proc/self/mem")  # even root cannot read it from its beginning
    assert door.opens()
    assert "closed" not in door.keys.current()


def test_a_folder_that_is_not_there_is_said_by_the_check_and_ends_no_request(door: Door) -> None:
    keys = PublicKeys(door.folder / "nowhere", 0)
    assert keys.current() == {}
    with pytest.raises(Unusable, match="does not exist"):
        keys.load()
