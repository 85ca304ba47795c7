"""How a file is packed: a zip of one entry, made while its content arrives, and the encrypted envelope inside it.

Source: contract jobs §5.9. Nothing here holds more than a few blocks, whatever the size of the file.
"""

from __future__ import annotations

import base64
import hashlib
import os
import zipfile
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from lernbatch.archive.model import CannotBeMade, Level, ZipEncryption

ROWS_OF_LARGE_FILES = 1_000_000  # from here on the zip's sizes take eight bytes; small files open everywhere
COMPRESSION_LEVEL = 4  # measured on progress rows: twice as quick as 6, 7 % larger
_ZERO_IV = bytes(16)  # the contract's: each file's key is fresh, so no two files share key and vector
_BLOCK_BITS = 128


@dataclass(frozen=True, slots=True)
class Protection:
    """What protects a file.

    `password`: of the zip, or of the envelope's key at TEXT_KEY; None or "": there is none. `strong`: AES-256, which
    needs 7-Zip or the like, instead of ZipCrypto. `public_key`: of the organisation that will read the file.
    """

    level: Level = Level.PLAIN
    password: str | None = None
    strong: bool = False
    public_key: RSAPublicKey | None = None

    @property
    def applied_level(self) -> Level:
        """The level that the file has in the end: a password's, without a password, is none."""
        return Level.PLAIN if self.level is Level.PASSWORD and not self.password else self.level

    @property
    def zip_encryption(self) -> ZipEncryption | None:
        """How the zip itself is encrypted; None: it is not."""
        if self.applied_level is not Level.PASSWORD:
            return None
        return ZipEncryption.AES256 if self.strong else ZipEncryption.ZIPCRYPTO


class Packing(Protocol):
    """Packs one file: takes its content piece by piece. Each method returns the next bytes to store, possibly none."""

    def write(self, data: bytes) -> bytes: ...
    def finish(self) -> bytes: ...


class Sink:
    """The file object that a library writes to; it holds what was written since the last `take`.

    It cannot seek, so the zip writes an entry's sizes after its data.
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def flush(self) -> None:
        """The libraries call it."""

    def close(self) -> None:
        """The libraries may call it."""

    def take(self) -> bytes:
        """All bytes since the last call; they are forgotten here."""
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


class Zip:
    """A zip of one entry `name`.

    `at`: the entry's time as (year, month, day, hour, minute, second). `password`: None or "" leaves it unencrypted.
    `strong`: AES-256 instead of ZipCrypto. `large`: the entry may pass 4 GiB.
    """

    def __init__(
        self, name: str, at: tuple[int, ...], *, password: str | None, strong: bool = False, large: bool = False
    ) -> None:
        self._sink = Sink()
        from lernbatch.archive.zipcrypto import AnyZip  # brings numpy, half a second that only an exhaust needs

        encryption = None if not password else "WZ_AES" if strong else "ZipCrypto"
        self._zip = AnyZip(self._sink, "w", compression=zipfile.ZIP_DEFLATED, encryption=encryption)
        if password:
            self._zip.setpassword(password.encode())
        entry = self._zip.zipinfo_cls(name, at)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry._compresslevel = COMPRESSION_LEVEL
        self._entry = self._zip.open(entry, "w", force_zip64=large)

    def write(self, data: bytes) -> bytes:
        self._entry.write(data)
        return self._sink.take()

    def finish(self) -> bytes:
        self._entry.close()
        self._zip.close()
        return self._sink.take()


class Enveloped:
    """The platform's encrypted envelope, then `inner`.

    Line 1: the level; line 2: base64 of the file's wrapped key; the rest: AES-256-CBC of the content.
    """

    def __init__(self, inner: Packing, protection: Protection) -> None:
        self._inner = inner
        derive = PBKDF2HMAC(hashes.SHA256(), length=32, salt=os.urandom(128), iterations=1000)
        key = derive.derive(str(uuid4()).encode())
        head = f"{protection.level}\n{base64.b64encode(wrap_key(key, protection)).decode()}\n"
        self._before = head.encode()
        self._padder = padding.PKCS7(_BLOCK_BITS).padder()
        self._cipher = Cipher(algorithms.AES(key), modes.CBC(_ZERO_IV)).encryptor()

    def write(self, data: bytes) -> bytes:
        before, self._before = self._before, b""
        return self._inner.write(before + self._cipher.update(self._padder.update(data)))

    def finish(self) -> bytes:
        last = self._cipher.update(self._padder.finalize()) + self._cipher.finalize()
        before, self._before = self._before, b""
        return self._inner.write(before + last) + self._inner.finish()


def pack(name: str, at: tuple[int, ...], protection: Protection, row_count: int) -> Packing:
    """The packing of an entry `name` of about `row_count` rows under `protection`. `at`: as `Zip` takes it."""
    large = row_count >= ROWS_OF_LARGE_FILES
    if protection.level in (Level.TEXT_KEY, Level.PUBLIC_KEY):
        return Enveloped(Zip(name, at, password=None, large=large), protection)
    password = protection.password if protection.level is Level.PASSWORD else None
    return Zip(name, at, password=password, strong=protection.strong, large=large)


def text_key(password: str) -> bytes:
    """The 32 upper-case hexadecimal characters of the password's MD5, under which a file's key is wrapped."""
    return hashlib.md5(password.encode(), usedforsecurity=False).hexdigest().upper().encode()


def public_key(pem: bytes) -> RSAPublicKey:
    """The key that a PEM holds. Raises: WrongKey, unless it is a public RSA key."""
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as wrong:
        raise WrongKey from wrong
    if not isinstance(key, RSAPublicKey):
        raise WrongKey
    return key


def wrap_key(key: bytes, protection: Protection) -> bytes:
    """A file's key, encrypted for its reader: RSA (PKCS 1 v1.5) under a public key, else AES-256-CBC under a password.

    Source: contract jobs §5.9.
    """
    if protection.public_key is not None:
        return protection.public_key.encrypt(key, rsa_padding.PKCS1v15())
    padder = padding.PKCS7(_BLOCK_BITS).padder()
    cipher = Cipher(algorithms.AES(text_key(protection.password or "")), modes.CBC(_ZERO_IV)).encryptor()
    return cipher.update(padder.update(key) + padder.finalize()) + cipher.finalize()


class WrongKey(CannotBeMade):
    message = "The organisation's key is no public RSA key in PEM"
