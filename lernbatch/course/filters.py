"""The filters of a search for courses, applied to a course's metadata as the platform's search applies them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Filters: TypeAlias = Sequence[tuple[str, Sequence[object]]]  # keys, each with the values it may have, in lower case


def folded(filters: Mapping[str, Any]) -> Filters:
    """The filters of a request as `matches` takes them: in lower case, without those that let everything pass."""
    lists = ((key, value if isinstance(value, list) else [value]) for key, value in filters.items())
    return tuple((key, [_lower(choice) for choice in choices]) for key, choices in lists if choices)


def matches(content: Mapping[str, Any], filters: Filters) -> bool:
    """Whether a course's metadata passes: a value equals one of the choices, or a list holds one of them.

    A key with a dot, `trackable.enabled`, may lie inside an object.
    """
    for key, choices in filters:
        value = content.get(key)
        if key not in content and "." in key:
            outer, _, inner = key.partition(".")
            nested = content.get(outer)
            value = nested.get(inner) if isinstance(nested, dict) else None
        values = value if isinstance(value, list) else [value]
        if not any(_lower(item) in choices for item in values):
            return False
    return True


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value
