"""Deviations on purpose: which differences docs/differences.md explains (contract migration M54, `known`)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files

import msgspec

from lernbatch.shadow.model import AnswerDifference, Kind

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """Differences that are meant.

    `case`: a stable id; `row`: how the row of docs/differences.md that says so begins. `routes`: as `METHOD /path`,
    or `*`. `path`: of the difference; `.**` at its end takes what lies below, too. `kinds`: none is any. `primary`
    and `candidate`: patterns of which what that side says must fit one. `same-day`: a day and an instant of it.
    """

    case: str
    row: str
    routes: list[str]
    path: str
    kinds: list[Kind] = []
    primary: list[str] = []
    candidate: list[str] = []
    same_day: bool = False

    def explains(self, route: str, difference: AnswerDifference) -> bool:
        return (
            (route in self.routes or "*" in self.routes)
            and self._is_there(difference.path)
            and (not self.kinds or difference.kind in self.kinds)
            and _fits(difference.primary, self.primary)
            and _fits(difference.candidate, self.candidate)
            and (not self.same_day or _are_of_one_day(difference.primary, difference.candidate))
        )

    def _is_there(self, path: str) -> bool:
        if not self.path.endswith(".**"):
            return path == self.path
        above = self.path.removesuffix(".**")
        return path == above or path.startswith((f"{above}.", f"{above}[]"))


def _fits(value: object, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(str(value), pattern) for pattern in patterns)


def _are_of_one_day(primary: object, candidate: object) -> bool:
    """Whether one text is a day and the other an instant, or text, that begins with it."""
    day, longer = sorted((str(primary), str(candidate)), key=len)
    return _DAY.fullmatch(day) is not None and longer.startswith(day)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    known: list[Rule]


@cache
def rules() -> Sequence[Rule]:
    """The rules of known.toml, which is part of the package."""
    text = files("lernbatch.shadow").joinpath("known.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), _File).known


def explained(
    route: str, differences: Sequence[AnswerDifference], explaining: Sequence[Rule]
) -> list[AnswerDifference]:
    """`differences`, each with the case that explains it, where one does."""
    cases = (
        next((rule.case for rule in explaining if rule.explains(route, difference)), difference.case)
        for difference in differences
    )
    return [msgspec.structs.replace(difference, case=case) for difference, case in zip(differences, cases, strict=True)]
