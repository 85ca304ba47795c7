"""The keys of tokens: new ones are taken up, withdrawn ones count no more, without a restart."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lernbatch.auth import TOKEN_HEADER, Gate, Keys
from lernbatch.clock import Clock
from lernbatch.config import Config
from lernbatch.errors import NotAuthenticated
from lernbatch.neighbours import identity


class Door:
    """A gate whose keys are looked at for every token, and the folder they lie in."""

    def __init__(self, home: Path) -> None:
        self.config = Config(home=home)
        self.folder = identity.public_folder(home)
        self.gate = Gate(self.config, Clock(self.config.time_zone), Keys(self.folder, 0))
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
