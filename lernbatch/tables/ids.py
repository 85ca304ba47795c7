"""Ids as people paste them: what is invisible around them goes; what is wrong inside them is named."""

from __future__ import annotations

import re
import unicodedata

LONGEST_ID = 128  # characters
_SEPARATORS = re.compile("[;,|\t\n\r\v\f\x1c-\x1e\x85\u2028\u2029，；｜、،؛]")
# Zero-width blanks and joiners, direction marks, soft hyphen, word joiner, byte order mark: no id holds them. In names
# the two joiners (U+200C, U+200D) shape letters of Indic scripts, so only ids lose them.
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")
_EDGES = "\ufeff\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069"
_OUTSIDE = re.compile(f"^[\\s{_EDGES}]+|[\\s{_EDGES}]+$")
_QUOTES = "\"'`´‘’‚‛“”„‟«»‹›＂＇"
_TEXT_FORMULA = re.compile(r'="([^"]*)"')  # how people keep a spreadsheet from reading a number
_WHOLE_DECIMAL = re.compile(r"[0-9]+[.,]0+")
_EXPONENT = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?[eE]\+[0-9]+")
_PLAIN = re.compile(r"[A-Za-z0-9_:.@-]*")  # as nearly all ids are
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*")
_KEPT_DIGITS = 15  # of a number in a spreadsheet; the others become zeros
_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d")
_ODD_CATEGORIES = ("Cc", "Cf", "Cn", "Co", "Cs")  # control characters, and what Unicode gives no meaning

AS_TEXT = "give the column the format Text and enter the ids again"
OTHER_SEPARATOR = "where a line has another separator than the header, save the table as CSV again"


def trimmed(text: str) -> str:
    """`text` without blanks and invisible characters at its ends; inside they belong to it."""
    return _OUTSIDE.sub("", text)


def cleaned(text: str) -> str:
    """An id without what spreadsheets and clipboards put around and between its characters.

    Blanks and quotation marks at its ends go, invisible characters go everywhere; `="0137"` is 0137.
    """
    if _PLAIN.fullmatch(text):
        return text
    visible = trimmed(_INVISIBLE.sub("", text))
    formula = _TEXT_FORMULA.fullmatch(visible)
    return trimmed((formula.group(1) if formula else visible).strip(_QUOTES))


def split(cell: str) -> list[str]:
    """The ids of a cell, cleaned and in its order, with `;` `,` `|`, a tab or a line break between them."""
    if _PLAIN.fullmatch(cell):
        return [cell] if cell else []
    return [user_id for part in _SEPARATORS.split(cell) if (user_id := cleaned(part))]


def first_and_others(cell: str) -> tuple[str, str]:
    """The text before the first separator of a cell, and the text after it; "" where there is none."""
    bare = trimmed(cell)
    separator = _SEPARATORS.search(bare)
    return (bare[: separator.start()], trimmed(bare[separator.end() :])) if separator else (bare, "")


def flaw(value: str) -> str | None:
    """Why `value` cannot be an id, as a sentence with the remedy; None if it can. `value` is `cleaned`."""
    if len(value) > LONGEST_ID:
        return f"an id that begins with {value[:20]!r} has {len(value)} characters, more than {LONGEST_ID}"
    if _WHOLE_DECIMAL.fullmatch(value):
        return f"{value!r} is an id that was read as a number; {AS_TEXT}"
    if _PLAIN.fullmatch(value) and not _DATE.fullmatch(value):
        return None
    if _EXPONENT.fullmatch(value):
        return f"{value!r} is a number that a spreadsheet has shortened; {AS_TEXT}"
    if _DATE.fullmatch(value):
        return f"{value!r} is a date, which a spreadsheet made of an id; {AS_TEXT}"
    separator = _SEPARATORS.search(value)
    if separator:
        return f"{value!r} holds {separator.group()!r}; {OTHER_SEPARATOR}"
    for character in value:
        if character.isspace():
            return f"{value!r} holds {_named(character)}; an id has none, and several ids need a comma between them"
        if character in _DASHES:
            return f'{value!r} holds {_named(character)} where an id has "-"'
        if unicodedata.category(character) in _ODD_CATEGORIES:
            return f"{value!r} holds {_named(character)}; type the id again"
    if any(letter.isascii() and letter.isalpha() for letter in value):
        for character in value:
            if look_alike(character):
                return f"{value!r} holds {_named(character)}, which looks like another letter; type the id again"
    return None


def has_lost_digits(value: str) -> bool:
    """Whether `value` is a number of 17 digits or more with zeros from the 16th on, as spreadsheets leave it."""
    is_long = value.isascii() and value.isdigit() and _KEPT_DIGITS + 1 < len(value) <= LONGEST_ID
    return is_long and value[0] != "0" and not value[_KEPT_DIGITS:].strip("0")


def look_alike(character: str) -> bool:
    """Whether a character may be taken for a Latin letter, digit or sign, but is none."""
    if character.isascii():
        return False
    name = unicodedata.name(character, "")
    return name.startswith(("CYRILLIC", "GREEK", "FULLWIDTH", "MATHEMATICAL", "ARMENIAN", "CHEROKEE"))


def odd_characters(text: str) -> str:
    """The characters of a name that look like others, with their numbers; "" when there are none."""
    return ", ".join(_named(character) for character in dict.fromkeys(text) if look_alike(character))


def _named(character: str) -> str:
    if character == " ":
        return "a blank"
    return f"U+{ord(character):04X} {unicodedata.name(character, 'a control character')}"
