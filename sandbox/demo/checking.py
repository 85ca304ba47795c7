"""Checks certificates as a stranger would: with the published key alone, and once more with one byte changed."""

from __future__ import annotations

import json
from collections.abc import Sequence

from lernbatch.credential import keys, proof, strict_json
from lernbatch.credential.keys import IssuerKey
from sandbox.demo.journey import Surprise


def published_keys(did_document: bytes) -> list[IssuerKey]:
    """The keys that /.well-known/did.json names."""
    methods = json.loads(did_document)["verificationMethod"]
    return [keys.key_of_name(method["publicKeyMultibase"]) for method in methods]


def check(data: bytes, trusted: Sequence[IssuerKey], number: int) -> None:
    """The credential verifies, and does not once a byte of what it says is changed. Raises: Surprise.

    `number` chooses the byte, so that over many certificates many places are tried.
    """
    if not _verifies(data, trusted):
        raise Surprise("a certificate does not verify with the published key")
    places = [place for place in range(len(data)) if chr(data[place]).isalnum()]
    place = places[number * 7919 % len(places)]
    other = b"a" if data[place : place + 1] != b"a" else b"b"
    if _verifies(data[:place] + other + data[place + 1 :], trusted):
        raise Surprise(f"a certificate still verifies with byte {place} changed")


def _verifies(data: bytes, trusted: Sequence[IssuerKey]) -> bool:
    try:
        return proof.verify(data, trusted).trusted
    except strict_json.Unverifiable:
        return False
