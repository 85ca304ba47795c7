"""Status lists: one bit a certificate, so that anybody can see what was revoked without asking for one by name.

Source: W3C Bitstring Status List v1.0.
"""

from __future__ import annotations

import gzip
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from lernbatch.credential.strict_json import Unverifiable, instant

LIST_SIZE = 131_072  # the least that the standard admits, so that one is lost in the crowd
MAX_PACKED = 64 * 1024
_ROUNDS = 6
PURPOSES = {"revocation": frozenset(("revoked", "superseded")), "suspension": frozenset(("suspended",))}


def place(key: bytes, given_before: int) -> int:
    """Which bit of a list the certificate gets before which so many of the list were given.

    A permutation of the list's bits: without `key` nobody can tell in what order certificates were issued. It is a
    Feistel network of 18 bits, walked on until it comes to one of the 17 bits that there are.
    """
    value = given_before
    while True:
        left, right = value >> 9, value & 0x1FF
        for number in range(_ROUNDS):
            digest = hmac.digest(key, bytes((number, right >> 8, right & 0xFF)), sha256)
            left, right = right, left ^ (int.from_bytes(digest[:2]) & 0x1FF)
        value = left << 9 | right
        if value < LIST_SIZE:
            return value


def build(url: str, did: str, purpose: str, set_bits: Iterable[int], now: datetime) -> dict[str, Any]:
    """The list as a credential, unsigned. `set_bits`: places in this list."""
    bits = bytearray(LIST_SIZE // 8)
    for place in set_bits:
        bits[place // 8] |= 0x80 >> place % 8  # the first bit is the leftmost
    packed = urlsafe_b64encode(gzip.compress(bytes(bits), mtime=0)).rstrip(b"=").decode()
    return {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "id": url,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": did,
        "validFrom": instant(now),
        "credentialSubject": {
            "id": f"{url}#list",
            "type": "BitstringStatusList",
            "statusPurpose": purpose,
            "encodedList": f"u{packed}",
        },
    }


def is_set(list_credential: Mapping[str, Any], place: int) -> bool:
    """Whether the bit of a certificate is set. Raises: Unverifiable."""
    encoded = str(list_credential["credentialSubject"]["encodedList"])
    try:
        packed = urlsafe_b64decode(encoded[1:] + "=" * (-len(encoded[1:]) % 4))
        bits = gzip.decompress(packed[:MAX_PACKED])
        return bool(bits[place // 8] & 0x80 >> place % 8)
    except (ValueError, OSError, EOFError, IndexError) as broken:
        raise Unverifiable("The status list cannot be read.") from broken
