"""The folder of the identity provider's keys while the service answers: nothing that lies in it ends a request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.people import VIKRAM
from tests.project.test_keys import pem_of, private
from tests.running import Running, running

READ = "/v1/course/batch/read/0140"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def reading(folder: Path, module_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service that looks into its folder of keys for every token."""
    home = tmp_path_factory.mktemp("home")
    with running(home, module_dsn, public_key_folder=folder, key_reload_seconds=0) as service:
        yield service


@pytest.fixture(autouse=True)
def nothing_else(folder: Path) -> Iterator[None]:
    yield
    for path in folder.iterdir():
        path.unlink()


def status(service: Running, key: RSAPrivateKey, key_id: str) -> int:
    """Of a read with a token that `key` signed and that names `key_id`."""
    now = int(service.clock.now().timestamp())
    claims = {
        "sub": f"f:{service.config.federation_provider_id or 'any'}:{VIKRAM.user_id}",
        "iss": service.config.token_issuer,
        "iat": now,
        "exp": now + 600,
        "typ": "Bearer",
        "roles": [{"role": "PUBLIC", "scope": []}],
    }
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    token = jwt.encode({"alg": "RS256", "kid": key_id}, claims, RSAKey.import_key(pem))
    return service.call("GET", READ, headers={"X-Authenticated-User-Token": token}).status_code


GOOD = private(2048)


def test_a_key_counts_from_when_it_is_there_to_when_it_is_gone(reading: Running, folder: Path) -> None:
    statuses = [status(reading, GOOD, "new")]
    (folder / "new").write_bytes(pem_of(GOOD))
    statuses.append(status(reading, GOOD, "new"))
    (folder / "other").write_bytes(pem_of(private(2048)))
    (folder / "new").unlink()
    statuses.append(status(reading, GOOD, "new"))
    assert statuses == [401, 200, 401]


@pytest.mark.filterwarnings("ignore:Key size")  # the library warns of the one that signs here
@pytest.mark.parametrize(
    ("name", "bits", "mode"),
    [("short", 1024, 0o644), ("open", 2048, 0o666), (".hidden", 2048, 0o644), ("key.bak", 2048, 0o644)],
)
def test_a_key_that_is_weak_or_anybody_s_opens_nothing(
    reading: Running, folder: Path, name: str, bits: int, mode: int
) -> None:
    key = GOOD if bits == 2048 else private(bits)
    (folder / name).write_bytes(pem_of(key))
    (folder / name).chmod(mode)
    assert status(reading, key, name) == 401


def no_text(path: Path) -> None:
    path.write_bytes(b"\x00\xff" * 1000)


def a_folder(path: Path) -> None:
    path.symlink_to(path.parent)


def unreadable(path: Path) -> None:
    path.symlink_to("/proc/self/mem")  # even root cannot read it from its beginning


def nowhere(path: Path) -> None:
    path.symlink_to(path.with_name("nothing"))


@pytest.mark.parametrize("make", [no_text, a_folder, unreadable, nowhere])
def test_what_is_no_key_beside_a_good_one_ends_no_request(
    reading: Running, folder: Path, make: Callable[[Path], None]
) -> None:
    (folder / "good").write_bytes(pem_of(GOOD))
    make(folder / "odd")
    assert [status(reading, GOOD, key_id) for key_id in ("good", "odd", "../good")] == [200, 401, 401]
