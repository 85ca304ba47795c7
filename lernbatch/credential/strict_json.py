"""JSON that has one meaning: no key twice, no number that loses digits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


class Unverifiable(Exception):
    """Why a credential does not verify, as a sentence."""


def canonical(document: Mapping[str, Any]) -> bytes:
    """The bytes of RFC 8785 for a document of ours: ASCII names, and no numbers but whole ones.

    Python's encoder gives the same bytes for such documents, ten times as fast; a test holds the two together.
    What comes from outside is canonicalized by the library instead.
    """
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def required_text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise Unverifiable(f"It has no {name}.")
    return value


def read_json(text: str | bytes) -> dict[str, Any]:
    """A JSON object in which no name stands twice. Raises: Unverifiable."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) != len(pairs):
            raise Unverifiable("A name stands twice in it.")
        return fields

    try:
        value = json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError) as wrong:
        raise Unverifiable("It is no JSON.") from wrong
    if not isinstance(value, dict):
        raise Unverifiable("It is no credential.")
    return value


def instant(at: datetime) -> str:
    """2026-07-01T10:00:00Z"""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def epoch_seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())
