"""Conditions of a search as SQL: fragments of fragments.sql put together, every value a parameter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib import resources
from zoneinfo import ZoneInfo

from lernbatch.batch.search import values
from lernbatch.batch.search.fields import FIELDS, Field
from lernbatch.batch.search.model import Affix, AnyOf, Comparison, Condition, Exists, FieldKind, OneOf, Scalar, Word
from lernbatch.database import sql
from lernbatch.errors import Malformed

PIECES = sql.parse(resources.files("lernbatch.batch.search").joinpath("fragments.sql").read_text(encoding="utf-8"))
_NOTHING, _EVERYTHING = "false", "true"
_WORDED = ("name", "description")
_IDS = ("batchId", "courseId", "createdBy", "createdFor", "mentors")


class Composer:
    """One statement in the making: its pieces refer to `arguments` by number."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone, self.arguments = zone, list[object]()

    def piece(self, name: str, *, sql_parts: dict[str, str] | None = None, **parameters: object) -> str:
        """The fragment `name` with its parameters appended to the arguments. `sql_parts` are ours, never a caller's."""
        fragment = PIECES.statements[name]
        before = len(self.arguments)
        self.arguments += fragment.arguments(parameters)
        text = re.sub(r"\$(\d+)", lambda number: f"${int(number.group(1)) + before}", fragment.text)
        for part, replacement in (sql_parts or {}).items():
            text = text.replace("{" + part + "}", replacement)
        return text

    def all_of(self, conditions: Iterable[Condition]) -> str:
        return " AND ".join(self.condition(condition) for condition in conditions) or _EVERYTHING

    def condition(self, condition: Condition) -> str:
        match condition:
            case OneOf(field, given):
                return self._one_of(FIELDS.get(field), given)
            case Comparison(field, operator, value):
                return self._bound(FIELDS.get(field), operator, value)
            case Affix(field, text, at_end):
                return self._affix(FIELDS.get(field), text, at_end)
            case Exists(field, has_value):
                return self._exists(FIELDS.get(field), has_value)
            case Word():
                return self._word(condition)
            case AnyOf(conditions):
                return f"({' OR '.join(self.condition(each) for each in conditions)})"

    def _one_of(self, field: Field | None, given: Sequence[Scalar]) -> str:
        if field is None:
            return _NOTHING
        operands: list[object]
        match field.kind:
            case FieldKind.TEXT | FieldKind.TEXTS:
                operands = [values.text(value) for value in given]
            case FieldKind.NUMBER:
                numbers = [values.number(value) for value in given]
                operands = [int(number) for number in numbers if number == number.to_integral_value()]
            case FieldKind.DAY:
                operands = [day for value in given if (day := values.day(value)) is not None]
            case FieldKind.MOMENT:
                moments = [values.moment(value, self.zone) for value in given]
                operands = [moment.at for moment in moments if moment is not None and moment.exact]
        return self.piece(f"{field.kind}_one_of", sql_parts={"column": field.column}, values=operands)

    def _bound(self, field: Field | None, operator: str, value: Scalar) -> str:
        if field is None:
            return _NOTHING
        operand: object
        match field.kind:
            case FieldKind.TEXT | FieldKind.TEXTS:
                operand = values.text(value)
            case FieldKind.NUMBER:
                operand = values.number(value)
            case FieldKind.DAY:
                operator, operand = values.day_bound(operator, value)
            case FieldKind.MOMENT:
                bound = values.moment_bound(operator, value, self.zone)
                if bound is None:
                    return _NOTHING
                operator, operand = bound
        parts = {"column": field.column, "operator": operator}
        return self.piece(f"{field.kind}_bound", sql_parts=parts, value=operand)

    def _affix(self, field: Field | None, text: str, at_end: bool) -> str:
        if field is None:
            return _NOTHING
        if field.kind in (FieldKind.NUMBER, FieldKind.DAY):
            raise Malformed
        pattern = f"%{_literally(text)}" if at_end else f"{_literally(text)}%"
        zone = {"zone": self.zone.key} if field.kind is FieldKind.MOMENT else {}
        return self.piece(f"{field.kind}_affix", sql_parts={"column": field.column}, pattern=pattern, **zone)

    def _exists(self, field: Field | None, has_value: bool) -> str:
        if field is None:
            return _NOTHING if has_value else _EVERYTHING
        name = "texts_exists" if field.kind is FieldKind.TEXTS else "text_exists"
        exists = self.piece(name, sql_parts={"column": field.column})
        return exists if has_value else f"NOT ({exists})"

    def _word(self, word: Word) -> str:
        if word.fields:
            matches = [self._word_in(field, word.text) for field in word.fields]
        else:
            matches = [self._worded(word.text), *(self._word_in(field, word.text) for field in _IDS)]
        either = f"({' OR '.join(matches)})" if matches else _NOTHING
        return either if word.must_occur else f"NOT coalesce({either}, false)"

    def _word_in(self, name: str, word: str) -> str:
        field = FIELDS.get(name)
        if field is None or field.kind not in (FieldKind.TEXT, FieldKind.TEXTS):
            return _NOTHING
        if name in _WORDED:
            within = self.piece("word_in_column", sql_parts={"column": field.column}, pattern=f"%{_literally(word)}%")
            return f"({self._worded(word)} AND {within})"
        piece = "text_is_word" if field.kind is FieldKind.TEXT else "texts_have_word"
        return self.piece(piece, sql_parts={"column": field.column}, word=word)

    def _worded(self, word: str) -> str:
        pattern = f"%{_literally(word)}%"
        if len(word) < 3:
            return self.piece("short_word", pattern=pattern)
        return self.piece("word", word=word, pattern=pattern)


def _literally(text: str) -> str:
    """`text` as a LIKE pattern that matches only itself."""
    return re.sub(r"([\\%_])", r"\\\1", text)
