"""The old zip encryption ("ZipCrypto", APPNOTE 6.1), as a stream: weak, but every desktop opens it.

A byte's key depends on all bytes before it, so plain Python would take a microsecond a byte. What hides behind the
chain are two checksums and a multiplication, and those can be computed for many rows of bytes at once.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pyzipper
from numpy.typing import NDArray
from pyzipper.zipfile_aes import BaseZipEncrypter

Words = NDArray[np.uint32]

_WIDTH = 64  # bytes in a row: the steps that must follow each other
_HEIGHT = 4096  # rows: what one step does at once
_BLOCK = _WIDTH * _HEIGHT
_MULTIPLIER = 134775813
_MODULUS = 1 << 32
_INVERSE = pow(_MULTIPLIER, -1, _MODULUS)
HEADER_BYTES = 12


def _crc_table() -> Words:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0xEDB88320), table >> 1)
    return table


_CRC = _crc_table()


def _skips() -> list[list[int]]:
    """What a row of zero bytes makes of each byte of a checksum; checksums add up bit by bit."""
    tables = []
    for place in range(4):
        states = np.arange(256, dtype=np.uint32) << np.uint32(8 * place)
        for _ in range(_WIDTH):
            states = _CRC[states & 0xFF] ^ (states >> np.uint32(8))
        tables.append(states.tolist())
    return tables


_SKIP = _skips()


def _powers(base: int) -> Words:
    exponents = np.empty(_BLOCK + 1, dtype=np.uint32)
    exponents[0] = 1
    with np.errstate(over="ignore"):
        exponents[1:] = np.cumprod(np.full(_BLOCK, base, dtype=np.uint32), dtype=np.uint32)
    return exponents


_POWERS, _INVERSE_POWERS = _powers(_MULTIPLIER), _powers(_INVERSE)


def _checksums(start: int, data: NDArray[np.uint8]) -> Words:
    """The running checksum after every byte of `data`, beginning with `start`."""
    rows = -(-len(data) // _WIDTH)
    padded = np.zeros(rows * _WIDTH, dtype=np.uint32)
    padded[: len(data)] = data
    columns = np.ascontiguousarray(padded.reshape(rows, _WIDTH).T)
    states = np.zeros(rows, dtype=np.uint32)
    for column in columns:
        states = _CRC[(states ^ column) & 0xFF] ^ (states >> np.uint32(8))
    # The checksum with which each row begins, from what each row alone would make of nothing.
    first, second, third, fourth = _SKIP
    starts, state = [], start
    for row in states.tolist():
        starts.append(state)
        state = first[state & 0xFF] ^ second[state >> 8 & 0xFF] ^ third[state >> 16 & 0xFF] ^ fourth[state >> 24] ^ row
    states = np.array(starts, dtype=np.uint32)
    running = np.empty_like(columns)
    for place, column in enumerate(columns):
        states = _CRC[(states ^ column) & 0xFF] ^ (states >> np.uint32(8))
        running[place] = states
    return np.ascontiguousarray(running.T).reshape(-1)[: len(data)]


class ZipCryptoKeys:
    """The three running keys, as the password leaves them."""

    def __init__(self, password: bytes) -> None:
        self._first, self._second, self._third = 0x12345678, 0x23456789, 0x34567890
        self._advance(np.frombuffer(password, dtype=np.uint8))

    def encrypt(self, data: bytes) -> bytes:
        """`data`, encrypted; the next call goes on where this one ended."""
        view = np.frombuffer(data, dtype=np.uint8)
        blocks = (view[at : at + _BLOCK] for at in range(0, len(view), _BLOCK))
        return b"".join((block ^ self._advance(block)).tobytes() for block in blocks)

    def _advance(self, data: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Take `data` into the keys; the key stream that belongs to it."""
        if not len(data):
            return data
        first = _checksums(self._first, data)
        # k' = (k + low) * m + 1 for every byte: divided by powers of m it is a running sum.
        count = len(data)
        with np.errstate(over="ignore"):
            added = (first & np.uint32(0xFF)) * np.uint32(_MULTIPLIER) + np.uint32(1)
            summed = np.cumsum(added * _INVERSE_POWERS[1 : count + 1], dtype=np.uint32)
            second = _POWERS[1 : count + 1] * (summed + np.uint32(self._second))
        third = _checksums(self._third, (second >> np.uint32(24)).astype(np.uint8))
        before = np.empty_like(third)
        before[0], before[1:] = self._third, third[:-1]
        self._first, self._second, self._third = int(first[-1]), int(second[-1]), int(third[-1])
        mixed = (before | 2) & 0xFFFF
        return ((mixed * (mixed ^ 1)) >> np.uint32(8)).astype(np.uint8)


class ZipCryptoEncrypter(BaseZipEncrypter):  # type: ignore[misc]
    """What pyzipper asks of an encryption, for files whose checksum is not known when they begin.

    The steps of a block cost the same however little is in it, so small pieces wait until a block is full.
    """

    def __init__(self, password: bytes) -> None:
        self._keys = ZipCryptoKeys(password)
        self._check = 0
        self._waiting = bytearray()

    def update_zipinfo(self, zipinfo: object) -> None:
        """With sizes after the data, readers test the password by the time of the entry."""
        _, _, _, hour, minute, second = zipinfo.date_time  # type: ignore[attr-defined]
        self._check = (hour << 11 | minute << 5 | second // 2) >> 8

    def finalize_zipinfo(self, zipinfo: object) -> None:
        """Nothing changes at the end."""

    def encryption_header(self) -> bytes:
        return self._keys.encrypt(os.urandom(HEADER_BYTES - 1) + bytes([self._check]))

    def encrypt(self, data: bytes) -> bytes:
        self._waiting += data
        full = len(self._waiting) // _BLOCK * _BLOCK
        return self._take(full) if full else b""

    def flush(self) -> bytes:
        return self._take(len(self._waiting))

    def _take(self, size: int) -> bytes:
        taken = bytes(self._waiting[:size])
        del self._waiting[:size]
        return self._keys.encrypt(taken)


class AnyZip(pyzipper.AESZipFile):  # type: ignore[misc]
    """pyzipper's writer, which also knows the old encryption."""

    def get_encrypter(self) -> Any:
        if self.encryption == pyzipper.WZ_AES:
            return super().get_encrypter()
        return ZipCryptoEncrypter(self.pwd)

    def __del__(self) -> None:
        """A zip that was given up has no end to write."""
