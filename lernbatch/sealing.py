"""Personal data and keys at rest: authenticated encryption, and the platform's old cipher, which must stay readable.

Source: contract jobs §5.9, enrolment §4.3.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lernbatch.config import Config
from lernbatch.errors import Unusable

KEY_BYTES = 32
FIRST_KEY, LAST_KEY = 1, 255
_NONCE_BYTES = 12
_ROUNDS = 3
_BLOCK_BITS = 128
REFERENCE_KEY = b"ThisAsISerceKtey"  # fixed and public in the reference; values encrypted with it exist


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The installation's keys by id, 1 to 255. The newest is used; the others open what they were used for."""

    keys: Mapping[int, bytes] = field(repr=False)

    @property
    def newest(self) -> int:
        return max(self.keys)

    def derived(self, key_id: int, purpose: str) -> bytes:
        """The key for one purpose, from which no other one can be told. Raises: KeyError."""
        derive = HKDF(hashes.SHA256(), length=KEY_BYTES, salt=None, info=f"lernbatch {purpose}".encode())
        return derive.derive(self.keys[key_id])


class Seal:
    """Encrypts with AES-256-GCM; `about` binds a value to its owner, so that sealed values cannot change places.

    A sealed value is the key's id in one byte, the nonce, and the ciphertext with its tag.
    """

    def __init__(self, ring: KeyRing) -> None:
        self._ring, self._newest = ring, ring.newest
        self._ciphers = {key_id: AESGCM(ring.derived(key_id, "sealing")) for key_id in ring.keys}
        self._digesting = {key_id: ring.derived(key_id, "digests") for key_id in ring.keys}

    def close(self, value: bytes, about: str) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return bytes([self._newest]) + nonce + self._ciphers[self._newest].encrypt(nonce, value, about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        """Raises: Unusable, when the key is another one or the value was changed."""
        cipher = self._ciphers.get(sealed[0]) if sealed else None
        value = None if cipher is None else _decrypted(cipher, sealed[1:], about)
        if value is None:  # sealed before keys had ids: it begins with its nonce, and was sealed by the key itself
            values = (_decrypted(AESGCM(key), sealed, about) for key in self._ring.keys.values())
            value = next((value for value in values if value is not None), None)
        if value is None:
            raise Unusable("A sealed value cannot be opened: the exhaust keys lack the one it was sealed with.")
        return value

    def renewed(self, sealed: bytes, about: str) -> bytes | None:
        """`sealed`, sealed by the newest key; None, if it is already. Raises: Unusable, as `open`."""
        if (
            sealed[:1] == bytes([self._newest])
            and _decrypted(self._ciphers[self._newest], sealed[1:], about) is not None
        ):
            return None
        return self.close(self.open(sealed, about), about)

    def digest(self, value: bytes) -> bytes:
        """Tells values apart, and nothing of them to who has not the key."""
        return hmac.digest(self._digesting[self._newest], value, "sha256")

    def digests(self, value: bytes) -> list[bytes]:
        """`digest` by each of the keys, since what is stored may be older than the newest."""
        return [hmac.digest(key, value, "sha256") for key in self._digesting.values()]


def _decrypted(cipher: AESGCM, data: bytes, about: str) -> bytes | None:
    try:
        return cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], about.encode())
    except (InvalidTag, ValueError):  # the latter: it is shorter than a nonce
        return None


def read_keys(home: Path, given: str) -> KeyRing:
    """This installation's keys: `given` as base64 of 32 bytes, or several as `1:…, 2:…`; else the files under `home`.

    The files are exhaust.key, exhaust-2.key and so on; the first is made when it is needed. Raises: Unusable.
    """
    if given:
        keys: dict[int, bytes] = {}
        for entry in filter(None, map(str.strip, given.split(","))):
            key_id, _, key = entry.rpartition(":")
            key_id = key_id or str(FIRST_KEY)
            if not (key_id.isascii() and key_id.isdigit() and FIRST_KEY <= int(key_id) <= LAST_KEY):
                raise Unusable(f"LERNBATCH_EXHAUST_KEY names keys by ids from {FIRST_KEY} to {LAST_KEY}.")
            keys[int(key_id)] = _read_key(key)
        return KeyRing(keys)
    folder = home / "keys"
    # The folder is listed, and not each of its 255 names asked for: this is read for many a value.
    names = {file.name for pattern in (_file_name(FIRST_KEY), "exhaust-*.key") for file in folder.glob(pattern)}
    if not names:
        _make(folder / _file_name(FIRST_KEY))
        names = {_file_name(FIRST_KEY)}
    key_ids = [key_id for key_id in range(FIRST_KEY, LAST_KEY + 1) if _file_name(key_id) in names]
    return KeyRing({key_id: (folder / _file_name(key_id)).read_bytes() for key_id in key_ids})


def keys_of(config: Config) -> KeyRing:
    """This installation's keys: of LERNBATCH_EXHAUST_KEY, else of the files under its home. Raises: Unusable."""
    return read_keys(config.home, config.exhaust_key.get_secret_value())


def seal_of(config: Config) -> Seal:
    """What seals keys and personal data of this installation. Raises: Unusable."""
    return Seal(keys_of(config))


def make_next_key(home: Path) -> Path:
    """A new key file, which is the newest from now on. Raises: Unusable, when there are 255."""
    newest = read_keys(home, "").newest
    if newest == LAST_KEY:
        raise Unusable(f"There are {LAST_KEY} exhaust keys; no id is left.")
    path = home / "keys" / _file_name(newest + 1)
    _make(path)
    return path


def _file_name(key_id: int) -> str:
    return "exhaust.key" if key_id == FIRST_KEY else f"exhaust-{key_id}.key"


def _read_key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error as wrong:
        raise Unusable("LERNBATCH_EXHAUST_KEY is not base64.") from wrong
    if len(key) != KEY_BYTES:
        raise Unusable("LERNBATCH_EXHAUST_KEY must be base64 of 32 bytes.")
    return key


def _make(path: Path) -> None:
    """A new key, complete before it has its name, so that two processes at first start agree on one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.urandom(KEY_BYTES))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # the twin was first: its key counts
    finally:
        draft.unlink()


def decrypt_as_reference(value: str, salt: str, key: bytes = REFERENCE_KEY) -> str:
    """The plain value; what was never encrypted comes back as it is."""
    plain = value
    for _ in range(_ROUNDS):
        opened = _opened(plain, key)
        if opened is None or not opened.startswith(salt):
            return value
        plain = opened[len(salt) :]
    return plain


def _opened(value: str, key: bytes) -> str | None:
    try:
        data = base64.b64decode(value.replace("\n", ""), validate=True)
        cipher = Cipher(algorithms.AES(key), modes.ECB()).decryptor()  # noqa: S305 - the contract's
        padded = cipher.update(data) + cipher.finalize()
        unpadder = padding.PKCS7(_BLOCK_BITS).unpadder()
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except (binascii.Error, ValueError):
        return None
