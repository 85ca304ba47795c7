"""The keys that sign credentials: the first is made on first use, a command adds one, old keys keep verifying.

A key set is a folder of PEM files `key-1.pem`, `key-2.pem`, … (Ed25519). The highest number that is a private key
signs; all verify. A retired key may be kept as its public half alone. A key that came into wrong hands is declared bad
by a file `key-1.bad` beside it: it neither signs nor verifies any more. Beside them lies `identifiers.secret`, from
which the ids of certificates follow: who keeps or shares the folder keeps or shares it too.
"""

from __future__ import annotations

import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, cached_property, lru_cache
from pathlib import Path
from secrets import token_hex
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import quote, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from joserfc.jwk import OKPKey

from lernbatch import keyfiles, log
from lernbatch.config import Config
from lernbatch.errors import LernbatchError, Unusable

_ED25519_PUBLIC = b"\xed\x01"  # the multicodec prefix of a public key
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_IDENTIFIERS = "identifiers.secret"
_LOOPBACK = re.compile(r"^(?:127(?:\.\d+){3}|\[::1\])(?=:|$)")
_FILE = re.compile(r"^key-([1-9]\d{0,5})\.pem$")


class KeysUnusable(Unusable, LernbatchError):
    """The keys cannot be used. The text is for the operator; a caller is told no more than that it will not do now."""

    http_status = 503
    code = "SERVICE_UNAVAILABLE"
    message = "Certificates can be neither signed nor checked at the moment."

    def __init__(self, sentence: str) -> None:
        Exception.__init__(self, sentence)


@dataclass(frozen=True)
class IssuerKey:
    """One key pair, or only its public half. `name` is the public key itself, in multibase."""

    public: Ed25519PublicKey
    private: Ed25519PrivateKey | None = None
    is_bad: bool = False

    @cached_property
    def name(self) -> str:
        return multibase(_ED25519_PUBLIC + self.public.public_bytes_raw())

    @property
    def jwk(self) -> dict[str, str]:
        """The public half as a JSON Web IssuerKey."""
        x = urlsafe_b64encode(self.public.public_bytes_raw()).rstrip(b"=").decode()
        return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": self.name, "alg": "EdDSA", "use": "sig"}

    @property
    def private_jwk(self) -> OKPKey:
        """The private half, for signing tokens. Raises: KeysUnusable."""
        return OKPKey.import_key(self._private_half())

    def sign(self, data: bytes) -> bytes:
        """The signature of `data`. Raises: KeysUnusable."""
        return self._private_half().sign(data)

    def _private_half(self) -> Ed25519PrivateKey:
        if self.private is None:
            raise KeysUnusable(f"The key {self.name} has no private half here.")
        return self.private

    def verifies(self, signature: bytes, data: bytes) -> bool:
        try:
            self.public.verify(signature, data)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class KeySet:
    """The good keys of an issuer, the newest first, and the bad ones; `did` is the issuer's name in credentials."""

    did: str
    keys: tuple[IssuerKey, ...]
    bad: tuple[IssuerKey, ...] = ()

    @property
    def signing(self) -> IssuerKey:
        for key in self.keys:
            if key.private is not None:
                return key
        raise KeysUnusable("No key of certificates is a private key: nothing can be signed.")

    def find(self, name: str) -> IssuerKey | None:
        return next((key for key in self.keys if key.name == name), None)

    def method(self, key: IssuerKey) -> str:
        """How credentials name a key."""
        return f"{self.did}#{key.name}"

    @property
    def document(self) -> dict[str, Any]:
        """The DID document: who wants to verify without us keeps a copy of it. Bad keys are not in it."""
        methods = [
            {"id": self.method(key), "type": "Multikey", "controller": self.did, "publicKeyMultibase": key.name}
            for key in self.keys
        ]
        return {
            "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
            "id": self.did,
            "verificationMethod": methods,
            "assertionMethod": [method["id"] for method in methods],
        }

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [key.jwk for key in self.keys]}


def did_of(public_url: str) -> str:
    """https://example.org:8443/x → did:web:example.org%3A8443:x

    did:web admits no numeric addresses, so a service that only its own machine reaches is called localhost.
    """
    parts = urlsplit(public_url)
    netloc = _LOOPBACK.sub("localhost", parts.netloc)
    path = [quote(segment, safe="") for segment in parts.path.split("/") if segment]
    return ":".join(["did:web", quote(netloc, safe=""), *path])


def folder_of(config: Config) -> Path:
    """The folder of this installation's key set."""
    return config.certificate_key_folder or config.home / "keys" / "certificates"


def open_key_set(folder: Path, public_url: str) -> KeySet:
    """The key set in `folder`; its first key is made if there is none.

    Raises: Unusable, with a sentence, when a key cannot be read or made.
    """
    keys = read_all(folder)
    if not keys:
        _write(folder, 1)
        keys = read_all(folder)
    good, bad = (tuple(key for key in keys if key.is_bad is wrong) for wrong in (False, True))
    return KeySet(did_of(public_url), good, bad)


def read_good_keys(folder: Path) -> tuple[IssuerKey, ...]:
    """The good keys in `folder`, the newest first. Raises: Unusable."""
    return tuple(key for key in read_all(folder) if not key.is_bad)


def read_all(folder: Path) -> tuple[IssuerKey, ...]:
    """All keys in `folder`, the newest first. Raises: Unusable."""
    return tuple(_read(folder, number) for number in sorted(_numbers(folder), reverse=True))


def declare_bad(folder: Path, name: str, now: datetime) -> IssuerKey:
    """Trust a key no more; the one that signs from now on, which is made where no good one is left.

    Raises: Unusable, when no key in `folder` has that name.
    """
    named = {_read(folder, number).name: number for number in _numbers(folder)}
    if name not in named:
        raise KeysUnusable(f"No certificate key in {folder} is called {name}.")
    try:
        _put(folder / f"key-{named[name]}.bad", f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}\n".encode())
    except OSError as closed:
        raise KeysUnusable(f"The key cannot be declared bad in {folder}: {closed.strerror}.") from closed
    signing = next((key for key in read_good_keys(folder) if key.private is not None), None)
    return signing or add_key(folder)


def add_key(folder: Path) -> IssuerKey:
    """Add a key that signs from now on; older keys still verify. Running processes take it up."""
    number = max(_numbers(folder), default=0) + 1
    _write(folder, number)
    return _read(folder, number)


def secret(folder: Path) -> bytes:
    """What makes the ids of certificates impossible to guess; made on first use. Raises: Unusable."""
    path = folder / _IDENTIFIERS
    try:
        if not path.exists():
            _put(path, token_hex(32).encode())
        if why := keyfiles.trouble(path, secret=True):
            raise KeysUnusable(f"The secret of certificate ids, {path}, {why}.")
        key = bytes.fromhex(path.read_text("ascii").strip())
    except OSError as closed:
        raise KeysUnusable(f"The secret of certificate ids, {path}, cannot be read: {closed.strerror}.") from closed
    except ValueError as broken:
        raise KeysUnusable(f"The secret of certificate ids, {path}, is no hexadecimal text.") from broken
    if len(key) < 32:
        raise KeysUnusable(f"The secret of certificate ids, {path}, is shorter than 32 bytes.")
    return key


def _numbers(folder: Path) -> list[int]:
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    except OSError as closed:
        raise KeysUnusable(f"The folder of certificate keys, {folder}, cannot be read: {closed.strerror}.") from closed
    return [int(match.group(1)) for name in names if (match := _FILE.match(name))]


def _read(folder: Path, number: int) -> IssuerKey:
    path = folder / f"key-{number}.pem"
    try:
        pem = path.read_bytes()
        is_private = b"PRIVATE" in pem
        private = load_pem_private_key(pem, password=None) if is_private else None
        public = load_pem_public_key(pem) if private is None else private.public_key()
        why = keyfiles.trouble(path, secret=is_private)
        is_bad = (folder / f"key-{number}.bad").exists()
    except OSError as closed:
        raise KeysUnusable(f"The certificate key {path} cannot be read: {closed.strerror}.") from closed
    except (ValueError, TypeError) as broken:
        raise KeysUnusable(f"The certificate key {path} cannot be read: it is no unencrypted PEM file.") from broken
    if not isinstance(public, Ed25519PublicKey) or not isinstance(private, Ed25519PrivateKey | None):
        raise KeysUnusable(f"The certificate key {path} is no Ed25519 key.")
    if why is not None:
        raise KeysUnusable(f"The certificate key {path} {why}.")
    return IssuerKey(public, None if is_bad else private, is_bad)


def _write(folder: Path, number: int) -> None:
    """Make key `number`, unless somebody else just did."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        _put(folder / f"key-{number}.pem", pem)
    except OSError as closed:
        raise KeysUnusable(f"No certificate key can be made in {folder}: {closed.strerror}.") from closed


def _put(path: Path, content: bytes) -> None:
    """Make a file that only we may read, unless somebody else just did: it appears whole or not at all, and once."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with NamedTemporaryFile(dir=path.parent, prefix=".new-") as file:  # mode 0600
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        with suppress(FileExistsError):  # a twin was first: its file is ours
            os.link(file.name, path)


def multibase(data: bytes) -> str:
    """`data` in base58btc with its multibase prefix z."""
    number, digits = int.from_bytes(data), ""
    while number:
        number, digit = divmod(number, 58)
        digits = _BASE58[digit] + digits
    return "z" + "1" * (len(data) - len(data.lstrip(b"\0"))) + digits


def read_multibase(text: str) -> bytes:
    """The bytes of `multibase`. Raises: ValueError."""
    if not text.startswith("z") or len(text) > 200:
        raise ValueError("not base58btc multibase")
    number, digits = 0, text[1:]
    for digit in digits:
        number = number * 58 + _BASE58.index(digit)
    zeros = len(digits) - len(digits.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8)


def key_of_name(name: str) -> IssuerKey:
    """The public key that a key's name spells. Raises: ValueError."""
    data = read_multibase(name)
    if data[:2] != _ED25519_PUBLIC or len(data) != 34:
        raise ValueError("not an Ed25519 key")
    return IssuerKey(Ed25519PublicKey.from_public_bytes(data[2:]))


def key_of_jwk(jwk: Mapping[str, Any]) -> IssuerKey:
    """The public key of a JSON Web IssuerKey. Raises: ValueError, KeyError."""
    if (jwk["kty"], jwk["crv"]) != ("OKP", "Ed25519"):
        raise ValueError("not an Ed25519 key")
    x = str(jwk["x"])
    return IssuerKey(Ed25519PublicKey.from_public_bytes(urlsafe_b64decode(x + "=" * (-len(x) % 4))))


def key_set(config: Config) -> KeySet:
    """The keys that sign, read again when the folder changes. Raises: KeysUnusable.

    While the service is muted they only verify: without a private half nothing can be signed anywhere.
    """
    folder = folder_of(config)
    try:
        keys_now = _key_set(folder, config.public_url, folder.stat().st_mtime_ns if folder.is_dir() else 0)
    except Unusable as unusable:
        _log_once(str(unusable))
        raise
    _log_once.cache_clear()
    if config.is_muted:
        return replace(keys_now, keys=tuple(replace(key, private=None) for key in keys_now.keys))
    return keys_now


@lru_cache(16)
def _log_once(trouble: str) -> None:
    """A trouble that every request meets stands in the log once."""
    log.warning("certificate keys cannot be used", error=trouble)


@cache
def _key_set(folder: Path, public_url: str, _changed: int) -> KeySet:
    return open_key_set(folder, public_url)
