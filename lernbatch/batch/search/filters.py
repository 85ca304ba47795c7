"""Reading the filter language and text queries (contract batches §3.4)."""

from __future__ import annotations

import unicodedata
from typing import Any

from lernbatch.batch.model import LONGEST_DESCRIPTION
from lernbatch.batch.rules import InvalidRequest
from lernbatch.batch.search.model import Affix, AnyOf, Comparison, Condition, OneOf, Scalar, Word
from lernbatch.errors import Malformed

MOST_CONDITIONS = 100
MOST_VALUES = 10_000
MOST_NAMES = 100  # of fields, sort keys and facets
MOST_WORDS = 10
LONGEST_QUERY = 1000
LONGEST_VALUE = LONGEST_DESCRIPTION  # characters of a text: nothing that is looked for is longer
_OPERATORS = ("<=", ">=", "<", ">")


def read_filters(filters: dict[str, Any]) -> list[Condition]:
    """The conditions of an object of filters, by field. Raises: Malformed."""
    conditions: list[Condition] = []
    for key, value in filters.items():
        if key == "objectType":
            continue  # the reference puts its own there
        conditions += _read_any_of(value) if key == "$or" else _read_filter(key, value)
    return conditions


def _read_filter(field: str, value: object) -> list[Condition]:
    """The conditions of one filter; none for what the reference ignores: an empty list, unknown operators."""
    if isinstance(value, list):
        return [OneOf(field, _scalars(value))] if value else []
    if isinstance(value, dict):
        return [condition for key, operand in value.items() for condition in _read_operator(field, key, operand)]
    return [OneOf(field, (_scalar(value),))]


def _read_operator(field: str, operator: str, operand: object) -> list[Condition]:
    if operator in _OPERATORS:
        return [Comparison(field, operator, _scalar(operand))]
    if operator in ("startsWith", "endsWith"):
        if not isinstance(operand, str):
            raise Malformed
        return [Affix(field, _bounded(operand), at_end=operator == "endsWith")]
    return []


def _read_any_of(value: object) -> list[Condition]:
    if not isinstance(value, dict):
        raise Malformed
    either = tuple(OneOf(field, (_scalar(operand),)) for field, operand in value.items())
    return [AnyOf(either)] if either else []


def _scalar(value: object) -> Scalar:
    if isinstance(value, str):
        return _bounded(value)
    if isinstance(value, int | float):  # a bool is an int
        return value
    raise Malformed


def _bounded(text: str) -> str:
    """A text that is compared. Raises: InvalidRequest: the database would go through all of it for every search."""
    if len(text) > LONGEST_VALUE:
        raise InvalidRequest
    return text


def _scalars(entries: list[object]) -> tuple[Scalar, ...]:
    """The values of a list, whose type the first one decides: among texts there is nothing else."""
    if isinstance(entries[0], str) and not all(isinstance(entry, str) for entry in entries):
        raise Malformed
    return tuple(_scalar(entry) for entry in entries)


def read_words(request: dict[str, Any]) -> list[Condition]:
    """`query` as a simple query string: any of its words, all of them with a +, none behind a -, phrases in quotes."""
    query = request.get("query")
    if query is None:
        return []
    if not isinstance(query, str):
        raise Malformed
    if len(query) > LONGEST_QUERY:
        raise InvalidRequest
    fields = tuple(read_names(request, "queryFields")) or None
    tokens = signed_words(unicodedata.normalize("NFC", query).lower())
    words = [Word(text, fields, must_occur=True) for sign, text in tokens if sign != "-"]
    unwanted = [Word(text, fields, must_occur=False) for sign, text in tokens if sign == "-"]
    if len(tokens) > MOST_WORDS:
        raise InvalidRequest
    if len(words) < 2 or any(sign == "+" for sign, _ in tokens):
        return [*words, *unwanted]
    return [AnyOf(tuple(words)), *unwanted]


def signed_words(query: str) -> list[tuple[str, str]]:
    """The words and phrases of a query, each with its sign.

    `asha "first run" -old` → [("", "asha"), ("", "first run"), ("-", "old")]
    """
    tokens, sign = [], ""
    parts = query.split('"')  # outside and inside of quotes, in turns
    if len(parts) % 2 == 0:  # a quote without an end is a character like any other
        parts[-2:] = [f"{parts[-2]} {parts[-1]}"]
    for index, part in enumerate(parts):
        quoted = index % 2 == 1
        for word in [part] if quoted else part.split():
            signs = "" if quoted else word[: len(word) - len(word.lstrip("+-|"))]
            bare = word if quoted else word.lstrip("+-|").rstrip("*|").strip("()")
            sign = signs[-1:] or sign
            if bare.strip():
                tokens.append((sign, bare.strip()))
                sign = ""
    return tokens


def check_bounds(conditions: list[Condition]) -> None:
    """Raises: InvalidRequest, for more conditions or values than a search may have."""
    parts = [part for each in conditions for part in (each.conditions if isinstance(each, AnyOf) else (each,))]
    values = sum(len(part.values) for part in parts if isinstance(part, OneOf))
    if len(parts) > MOST_CONDITIONS or values > MOST_VALUES:
        raise InvalidRequest


def read_names(request: dict[str, Any], key: str) -> list[str]:
    """The texts in the list under `key`, at most MOST_NAMES. Raises: Malformed, InvalidRequest."""
    names = request.get(key)
    if names is None:
        return []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Malformed
    if len(names) > MOST_NAMES:
        raise InvalidRequest
    return names
