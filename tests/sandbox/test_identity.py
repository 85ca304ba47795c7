"""Tokens of the bundled identity provider: what the gate makes of them, and where the keys lie."""

from __future__ import annotations

import multiprocessing
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lernbatch.clock import Clock
from lernbatch.config import Config
from lernbatch.errors import NotAuthenticated
from lernbatch.sunbird.http import TOKEN_HEADER
from lernbatch.web.caller import Role
from lernbatch.web.tokens import MANAGED_HEADER, PublicKeys, TokenVerifier
from sandbox import identity

NOW = datetime.now(UTC)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(home=tmp_path)


@pytest.fixture
def gate(config: Config) -> TokenVerifier:
    return TokenVerifier(config, Clock(config.time_zone), PublicKeys(identity.public_folder(config.home), 30))


def test_a_token_says_who_asks_with_which_roles(config: Config, gate: TokenVerifier) -> None:
    roles = [Role("ORG_ADMIN", frozenset({"org-1", "org-2"})), Role("PUBLIC")]
    token = identity.mint(config.home, config, "u-asha", now=NOW, roles=roles)
    caller = gate.caller({TOKEN_HEADER: token}, required=True)
    assert (caller.user_id, caller.on_behalf_of) == ("u-asha", None)
    assert caller.administers(["org-2"], ["ORG_ADMIN"])
    assert not caller.administers(["org-3"], ["ORG_ADMIN"])


def test_a_token_lasts_a_day_and_an_expired_one_is_over(config: Config, gate: TokenVerifier) -> None:
    for over in (
        identity.mint(config.home, config, "u-asha", now=NOW, expired=True),
        identity.mint(config.home, config, "u-asha", now=NOW - timedelta(days=1, seconds=2)),
    ):
        with pytest.raises(NotAuthenticated):
            gate.caller({TOKEN_HEADER: over}, required=True)
        assert gate.caller({TOKEN_HEADER: over}, required=True, accept_expired=True).user_id == "u-asha"


def test_a_childs_token_works_for_its_parent_alone(config: Config, gate: TokenVerifier) -> None:
    def minted(user_id: str, parent_id: str | None = None) -> str:
        return identity.mint(config.home, config, user_id, now=NOW, parent_id=parent_id)

    headers = {TOKEN_HEADER: minted("u-asha"), MANAGED_HEADER: minted("u-chotu", parent_id="u-asha")}
    assert gate.caller(headers, required=True).subject == "u-chotu"
    with pytest.raises(NotAuthenticated):
        gate.caller({**headers, TOKEN_HEADER: minted("u-meera")}, required=True)


def test_the_private_key_is_for_its_owner_alone(config: Config) -> None:
    public = identity.public_folder(config.home)
    private = config.home / "keys" / "private.pem"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    (published,) = public.iterdir()
    assert b"PRIVATE" not in published.read_bytes()
    assert identity.public_folder(config.home) == public


def test_a_key_of_another_home_opens_nothing(
    config: Config, gate: TokenVerifier, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with pytest.raises(NotAuthenticated):
        gate.caller({TOKEN_HEADER: identity.mint(elsewhere, config, "u-asha", now=NOW)}, required=True)


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    homes = [tmp_path] * 4
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        folders = pool.map(identity.public_folder, homes)
    assert len(set(folders)) == 1
    assert len(list(folders[0].iterdir())) == 1
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["private.pem", "public"]
