"""Two answers to the same request, and where they differ: pure (contract migration M53, M54)."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import msgspec

from lernbatch.shadow.model import Answer, AnswerDifference, Kind

MOST_DIFFERENCES = 100  # of one answer
DEEPEST = 60  # levels that are walked; what lies below is compared as a whole
SECONDS_BETWEEN = 1.0  # of two moments that are one
LONGEST_VALUE = 200  # characters of a text that a difference shows
# What tells the elements of a list apart, where each has it and no two have the same.
_IDENTIFIERS = ("identifier", "id", "batchId", "contentId", "userId", "requestId", "osid", "name", "type")
_PLAIN_KEY = re.compile(r"(?!do_)[A-Za-z_@][A-Za-z_]*[A-Za-z0-9_]{0,3}")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.:,](\d{1,6}))?\d*\s*(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_FIRST_MS, _LAST_MS = 10**12, 4 * 10**12  # epoch milliseconds that a number may mean: 2001 to 2096


@dataclass(frozen=True, slots=True)
class Terms:
    """What counts as equal. Paths are written as in `AnswerDifference.path`.

    `generated`: where each service writes an id of its own. `unordered`: lists whose order means nothing.
    `pairs`: primary's id → candidate's, of what both have created. `writes`: the moments of writes that both have
    seen, epoch seconds, sorted.
    """

    generated: frozenset[str] = frozenset()
    unordered: frozenset[str] = frozenset()
    pairs: Mapping[str, str] = field(default_factory=dict)
    writes: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class ComparedAnswers:
    """The differences, at most MOST_DIFFERENCES, and the generated ids that belong together."""

    differences: list[AnswerDifference]
    pairs: dict[str, str]


def compare(primary: Answer, candidate: Answer, terms: Terms) -> ComparedAnswers:
    """Where `candidate` differs: by status, then by the error, then by the result; what follows from one is not told.

    Of the envelope nothing else counts: `id`, `ts`, `msgid` and their kind are each service's own (M53).
    """
    here, there = _decoded(primary.body), _decoded(candidate.body)
    if primary.status != candidate.status:
        told = _status(primary.status, here), _status(candidate.status, there)
        return ComparedAnswers([AnswerDifference(Kind.STATUS, "$status", *told)], {})
    if here is _NO_JSON or there is _NO_JSON:
        sizes = f"{len(primary.body)} bytes", f"{len(candidate.body)} bytes"
        same = primary.body == candidate.body
        return ComparedAnswers([] if same else [AnswerDifference(Kind.VALUE, "$body", *sizes)], {})
    walk = _Walk(terms)
    if _is_envelope(here) and _is_envelope(there):
        errors = [
            AnswerDifference(Kind.ERROR, path, *map(_shown, pair))
            for path, pair in (
                ("$.responseCode", (here.get("responseCode"), there.get("responseCode"))),
                ("$.params.err", (_param(here, "err"), _param(there, "err"))),
                ("$.params.errmsg", (_param(here, "errmsg"), _param(there, "errmsg"))),
            )
            if pair[0] != pair[1]
        ]
        if errors:
            return ComparedAnswers(errors, {})
        walked = walk.values("$.result", here.get("result"), there.get("result"), 0)
    else:
        walked = walk.values("$", here, there, 0)
    return ComparedAnswers(list(islice(walked, MOST_DIFFERENCES)), walk.pairs)


_NO_JSON = object()


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _NO_JSON


def _is_envelope(document: Any) -> bool:
    return isinstance(document, dict) and "responseCode" in document


def _status(status: int, document: Any) -> str:
    """`400 USER_NOT_ENROLLED_COURSE`: the status, with the code of the error where the answer names one."""
    err = _param(document, "err") if _is_envelope(document) else None
    return f"{status} {err[:LONGEST_VALUE]}" if isinstance(err, str) and err else str(status)


def _param(envelope: Mapping[str, Any], name: str) -> Any:
    params = envelope.get("params")
    return params.get(name) if isinstance(params, dict) else None


class _Walk:
    """Goes through two values side by side. `pairs`: the generated ids that it met."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self.pairs: dict[str, str] = {}

    def values(self, path: str, here: Any, there: Any, depth: int) -> Iterator[AnswerDifference]:
        if isinstance(here, dict) and isinstance(there, dict) and depth < DEEPEST:
            yield from self._objects(path, here, there, depth)
        elif isinstance(here, list) and isinstance(there, list) and depth < DEEPEST:
            yield from self._lists(path, here, there, depth)
        elif not self._are_equal(path, here, there):
            yield AnswerDifference(Kind.VALUE, path, _shown(here), _shown(there))

    def _objects(
        self, path: str, here: dict[str, Any], there: dict[str, Any], depth: int
    ) -> Iterator[AnswerDifference]:
        for key in here:
            below = f"{path}.{_key(key)}"
            other = self._terms.pairs.get(key, key) if key not in there else key
            if other in there:
                yield from self.values(below, here[key], there[other], depth + 1)
            else:
                yield AnswerDifference(Kind.MISSING, below, _shown(here[key]))
        ours = {*here, *(self._terms.pairs.get(key, key) for key in here)}
        for key in there:
            if key not in ours:
                yield AnswerDifference(Kind.EXTRA, f"{path}.{_key(key)}", None, _shown(there[key]))

    def _lists(self, path: str, here: list[Any], there: list[Any], depth: int) -> Iterator[AnswerDifference]:
        below = f"{path}[]"
        name = _identifier(here, there)
        if name is not None:
            ids = self._paired([element[name] for element in here]), [element[name] for element in there]
        elif all(map(_is_scalar, here)) and all(map(_is_scalar, there)):
            ids = _numbered(self._paired(here)), _numbered(there)
        else:  # elements that nothing tells apart: by place
            if path in self._terms.unordered:
                here, there = sorted(here, key=_canonical), sorted(there, key=_canonical)
            for element, other in zip(here, there, strict=False):
                yield from self.values(below, element, other, depth + 1)
            yield from (AnswerDifference(Kind.MISSING, below, _shown(element)) for element in here[len(there) :])
            yield from (AnswerDifference(Kind.EXTRA, below, None, _shown(other)) for other in there[len(here) :])
            return
        of_here, of_there = dict(zip(ids[0], here, strict=True)), dict(zip(ids[1], there, strict=True))
        if path not in self._terms.unordered:
            common_here = [key for key in of_here if key in of_there]
            common_there = [key for key in of_there if key in of_here]
            if common_here != common_there:
                yield AnswerDifference(Kind.ORDER, path)
        for key, element in of_here.items():
            if key not in of_there:
                yield AnswerDifference(Kind.MISSING, below, _shown(element))
            elif name is not None:
                yield from self.values(below, element, of_there[key], depth + 1)
        for key, other in of_there.items():
            if key not in of_here:
                yield AnswerDifference(Kind.EXTRA, below, None, _shown(other))

    def _paired(self, values: list[Any]) -> list[Any]:
        return [self._terms.pairs.get(value, value) if isinstance(value, str) else value for value in values]

    def _are_equal(self, path: str, here: Any, there: Any) -> bool:
        if isinstance(here, bool) or isinstance(there, bool):
            return here is there
        if isinstance(here, int | float) and isinstance(there, int | float):
            return here == there or self._are_one_moment(_of_number(here), _of_number(there))
        if isinstance(here, str) and isinstance(there, str):
            if path in self._terms.generated and here and there:
                self.pairs[here] = there
                return True
            if here == there or self._terms.pairs.get(here) == there:
                return True
            return _spelling(here) == _spelling(there) and self._are_one_moment(_of_text(here), _of_text(there))
        # Of values of two types, and of what lies deeper than anything is walked.
        if isinstance(here, dict | list) and type(here) is type(there):
            return _canonical(here) == _canonical(there)
        return type(here) is type(there) and bool(here == there)

    def _are_one_moment(self, here: float | None, there: float | None) -> bool:
        """Whether two moments are those at which both services saw one write."""
        if here is None or there is None or abs(here - there) > SECONDS_BETWEEN:
            return False
        writes, earliest = self._terms.writes, min(here, there) - SECONDS_BETWEEN
        place = bisect_left(writes, earliest)
        return place < len(writes) and writes[place] <= max(here, there) + SECONDS_BETWEEN


def _canonical(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


def _identifier(here: list[Any], there: list[Any]) -> str | None:
    """The key that tells the elements of both lists apart; None: there is none."""
    if not all(isinstance(element, dict) for element in (*here, *there)) or not (here or there):
        return None

    def tells(name: str) -> Callable[[list[Any]], bool]:
        def apart(elements: list[Any]) -> bool:
            values = [element.get(name) for element in elements]
            return all(isinstance(value, str) for value in values) and len(set(values)) == len(values)

        return apart

    return next((name for name in _IDENTIFIERS if all(map(tells(name), (here, there)))), None)


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, dict | list)


def _numbered(values: list[Any]) -> list[tuple[type, Any, int]]:
    """Each value with how many like it came before, so that no two are the same. True is not 1; 1.0 is."""
    counts: dict[tuple[type, Any], int] = {}
    numbered = []
    for value in values:
        kind = type(value) if isinstance(value, bool) or not isinstance(value, int | float) else float
        counts[kind, value] = counts.get((kind, value), 0) + 1
        numbered.append((kind, value, counts[kind, value]))
    return numbered


def _key(key: str) -> str:
    """A key in a path; an id, of which each answer has others, is `*`."""
    return key if len(key) <= 40 and _PLAIN_KEY.fullmatch(key) else "*"


def _shown(value: Any) -> Any:
    """A value as a difference carries it: bounded; of what has parts, how many."""
    if isinstance(value, dict):
        return f"object of {len(value)}"
    if isinstance(value, list):
        return f"list of {len(value)}"
    return value[:LONGEST_VALUE] if isinstance(value, str) else value


def _spelling(text: str) -> str:
    return re.sub(r"\d", "0", text) if len(text) <= 40 else text


def _of_number(value: float) -> float | None:
    return value / 1000 if _FIRST_MS <= value < _LAST_MS else None


def _of_text(text: str) -> float | None:
    """Epoch seconds of a moment as the contract spells it; None: it is none."""
    if (parts := _MOMENT.fullmatch(text)) is None:
        return None
    day, clock, fraction, zone = parts.groups()
    with suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(f"{day}T{clock}.{(fraction or '0')[:6]:0<6}{zone or '+00:00'}")
        return moment.astimezone(UTC).timestamp()
    return None
