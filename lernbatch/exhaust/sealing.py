"""Personal data and keys at rest: authenticated encryption, and the platform's old cipher, which must stay readable.

Source: contract jobs §5.9, enrolment-and-progress §4.3.
"""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lernbatch.errors import Unusable

KEY_BYTES = 32
_NONCE_BYTES = 12
_ROUNDS = 3
_BLOCK_BITS = 128
REFERENCE_KEY = b"ThisAsISerceKtey"  # fixed and public in the reference; values encrypted with it exist


class Seal:
    """Encrypts with AES-256-GCM; `about` binds a value to its owner, so that sealed values cannot change places."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def close(self, value: bytes, about: str) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, value, about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        """Raises: Unusable, when the key is another one or the value was changed."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about.encode())
        except InvalidTag as wrong:
            raise Unusable(
                "A sealed value cannot be opened: the exhaust key is not the one it was sealed with."
            ) from wrong


def key_of(home: Path, given: str) -> bytes:
    """This installation's key: `given` as base64 of 32 bytes, else the file under `home`, made when first needed."""
    if given:
        try:
            key = base64.b64decode(given, validate=True)
        except binascii.Error as wrong:
            raise Unusable("LERNBATCH_EXHAUST_KEY is not base64.") from wrong
        if len(key) != KEY_BYTES:
            raise Unusable("LERNBATCH_EXHAUST_KEY must be base64 of 32 bytes.")
        return key
    path = home / "keys" / "exhaust.key"
    if not path.exists():
        _make(path)
    return path.read_bytes()


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


def encrypt_as_reference(value: str, salt: str, key: bytes = REFERENCE_KEY) -> str:
    """Three rounds of: the salt before it, AES in ECB mode, base64."""
    for _ in range(_ROUNDS):
        padder = padding.PKCS7(_BLOCK_BITS).padder()
        padded = padder.update((salt + value).encode()) + padder.finalize()
        cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - the contract's
        value = base64.b64encode(cipher.update(padded) + cipher.finalize()).decode()
    return value


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
