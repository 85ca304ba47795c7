"""The catalogues of the console: every language has every text, with the same placeholders and the forms it needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages import pofile
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg

from lernbatch.wording import words

WORDING = Path(words.__file__).parent
CONSOLE = WORDING.parent / "console"
LOCALE = WORDING / "locale"
TRANSLATED = [name for name in words.NAMES if name != words.SOURCE]
HOW = "run `make texts`, then write each msgstr in lernbatch/wording/locale/{}.po"
_PLACEHOLDER = re.compile(r"%\(\w+\)s|</?\w+>")


@cache
def texts() -> frozenset[str | tuple[str, ...]]:
    """Every text that is marked in the code and the templates, as `make texts` finds them."""
    with (LOCALE / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    keywords = {**DEFAULT_KEYWORDS, "N_": None}
    folders = (CONSOLE, WORDING)
    return frozenset(
        row[2] for folder in folders for row in extract_from_dir(folder, methods, options, keywords=keywords)
    )


@cache
def catalogue(language: str) -> Catalog:
    with (LOCALE / f"{language}.po").open("rb") as file:
        return pofile.read_po(file, locale=language)


def translated(language: str) -> Iterator[tuple[Message, tuple[str, ...]]]:
    """Every text of a catalogue with its one translation, or those of its forms."""
    for message in catalogue(language):
        if message.id:
            yield message, (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


@pytest.mark.parametrize("language", TRANSLATED)
def test_k74_every_text_is_translated(language: str) -> None:
    complete = {message.id for message, forms in translated(language) if all(forms) and not message.fuzzy}
    missing = sorted(text if isinstance(text, str) else text[0] for text in texts() - complete)
    assert missing == [], HOW.format(language)


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_placeholders_and_marks_of_its_text(language: str) -> None:
    for message, forms in translated(language):
        singular, *plural = message.id if isinstance(message.id, tuple) else (message.id,)
        expected = sorted(_PLACEHOLDER.findall(str(plural[0] if plural else singular)))
        for form in forms:
            assert sorted(_PLACEHOLDER.findall(form)) == expected, message.id


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_keeps_the_spaces_at_its_ends(language: str) -> None:
    for message, forms in translated(language):
        text = message.id[0] if isinstance(message.id, tuple) else message.id
        for form in forms:
            assert (form[0].isspace(), form[-1].isspace()) == (text[0].isspace(), text[-1].isspace()), text


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_count_has_the_forms_of_the_language(language: str) -> None:
    own = Catalog(locale=language)
    assert (catalogue(language).num_plurals, catalogue(language).plural_expr) == (own.num_plurals, own.plural_expr)
    for message, forms in translated(language):
        assert len(forms) == (own.num_plurals if message.pluralizable else 1), message.id


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_date_as_it_is_typed_keeps_its_order_in_a_line_from_right_to_left(language: str) -> None:
    for message, forms in translated(language):
        for form in forms:
            for date in re.findall(r"(.)(\d{4}-\d\d-\d\d)(.)", form):
                isolated = (date[0], date[2]) == ("\u2066", "\u2069")
                assert isolated == (language in words.RIGHT_TO_LEFT), message.id
