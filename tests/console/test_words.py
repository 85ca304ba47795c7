"""Numbers, dates and texts by language, and that every text of a page can be translated."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel.messages.extract import extract_from_dir

import lernbatch.console
from lernbatch.figures.model import Sentence
from lernbatch.template.wire import read_template
from lernbatch.wording import awards, standings
from lernbatch.wording import words as speech
from lernbatch.wording.words import Words

ROOM = Path(lernbatch.console.__file__).parent
# Text between tags that is no word of a language: figures, signs, our name, code.
_EXPRESSION = re.compile(r"{%.*?%}|{{.*?}}|{#.*?#}|<code>.*?</code>|<!--.*?-->", re.DOTALL)


@pytest.mark.parametrize(
    ("language", "shown"), [("en", "1,248,000"), ("en-in", "12,48,000"), ("hi", "12,48,000"), ("ur", "12,48,000")]
)
def test_numbers_are_grouped_as_the_reader_s_language_does(words: Words, language: str, shown: str) -> None:
    assert replace(words, language=language).number(1_248_000) == shown


@pytest.mark.parametrize(
    ("count", "total", "shown"),
    [(35, 100, "35\xa0%"), (1, 3, "33\xa0%"), (0, 5, "0\xa0%"), (0, 0, "–"), (5, 5, "100\xa0%")],
)
def test_a_part_of_nothing_is_a_dash(words: Words, count: int, total: int, shown: str) -> None:
    assert words.part(count, total) == shown


def test_a_day_has_its_weekday_and_the_year_only_when_it_is_another_one(words: Words) -> None:
    assert words.day_text(date(2026, 9, 30)) == "Wednesday 30 September"
    assert "2027" in words.day_text(date(2027, 9, 30))
    assert str(words.day(date(2026, 9, 30))).startswith('<time datetime="2026-09-30">')
    assert str(words.day(None)) == "–"


@pytest.mark.parametrize(
    ("before", "shown"),
    [
        (timedelta(), "just now"),
        (timedelta(seconds=-3), "just now"),
        (timedelta(seconds=40), "40 seconds ago"),
        (timedelta(days=9), "9 days ago"),
        (timedelta(days=90), "Friday 22 May"),
    ],
)
def test_an_age_is_rounded_and_becomes_a_day(words: Words, before: timedelta, shown: str) -> None:
    assert shown in str(words.ago(words.now - before))


def test_a_zone_is_called_as_its_people_call_it(words: Words) -> None:
    assert words.zone_text() == "India (Asia/Kolkata)"
    assert words.zone_text(ZoneInfo("UTC")) == "UTC"


@pytest.mark.parametrize(
    ("cookie", "header", "language"),
    [
        (None, "", "en"),
        (None, "en-IN,en;q=0.8", "en-in"),
        (None, "de, fr;q=0.5", "en"),
        (None, "de;q=x, en-GB", "en"),
        ("xx", "en-IN", "en-in"),
        ("en", "en-IN", "en"),
        (None, "," * 5000, "en"),
    ],
)
def test_the_language_is_the_chosen_one_else_the_browser_s(cookie: str | None, header: str, language: str) -> None:
    assert speech.choose(cookie, header) == language


@pytest.mark.parametrize(("word", "letter"), [("Asha", "A"), ("பிரியா", "பி"), ("कविता", "क"), ("", "")])
def test_the_first_letter_keeps_its_signs(word: str, letter: str) -> None:
    assert speech.first_letter(word) == letter


# Names that are the same in every language.
NAMES = frozenset(("Lernbatch", "PDF", "SHA"))


@pytest.mark.parametrize("template", sorted(ROOM.rglob("*.html")), ids=lambda path: str(path.relative_to(ROOM)))
def test_k74_no_text_of_a_template_is_left_unmarked(template: Path) -> None:
    source = template.read_text(encoding="utf-8")
    source = re.sub(r"{% trans.*?endtrans %}|{% block body_class %}\w*", "", source, flags=re.DOTALL)
    for attribute in ("aria-label", "placeholder", "title", "data-l", "alt"):
        bare = [value for value in re.findall(rf'\s{attribute}="([^"]*)"', source) if "{{" not in value]
        assert [value for value in bare if value.partition("-")[0] not in NAMES] == [], attribute
    text = re.sub(r"<[^>]*>", " ", _EXPRESSION.sub(" ", source))
    assert [word for word in re.findall(r"[^\W\d_]{2,}", text) if word not in NAMES] == []


def test_k74_every_marked_text_is_found_by_the_catalogues() -> None:
    mapping = [("**.py", "python"), ("**.html", "jinja2")]
    options = {"**.html": {"silent": "false", "trim_blocks": "true", "lstrip_blocks": "true"}}
    keywords = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
    found = extract_from_dir(str(ROOM), mapping, options, keywords=keywords)
    texts = {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}
    assert {"Batches", "Running", "Choose who you are", "There is a problem", "%(num)s enrolled"} <= texts


SCORE = {"assessment": {"score": {">=": 70}}}
RULES: list[dict[str, Any]] = [
    {"enrollment": {"status": 2}},
    {"enrollment": {"status": 1}},
    {"enrollment": {"status": 2}, **SCORE},
    {"enrollment": {"status": 2}, "assessment": {"score": {"<=": 40}}},
    {"assessment": {"score": {"eq": 100}}},
    {"assessments": {"mode": "all", "score": {">=": 50}}},
    {"assessments": {"mode": "average", "score": {">=": 65}}},
    {"assessments": {"contents": {"do_quiz": {">=": 80}}}},
    {"assessments": {"score": {">=": 70}, "attempts": {"<=": 3}}},
    {"enrollment": {"status": 2}, "user": {"rootOrgId": "1"}},
    {"enrollment": {"status": 2}, **SCORE, "assessments": {"attempts": {"<=": 1}}, "user": {"userType": "teacher"}},
    {},
]


@pytest.mark.parametrize("criteria", RULES, ids=str)
def test_k42_the_sentence_of_a_rule_is_whole_in_four_languages(words: Words, criteria: dict[str, Any]) -> None:
    rule = read_template("default", {"name": "Merit", "criteria": criteria})
    numbers = re.findall(r"\d+", str({key: value for key, value in criteria.items() if key.startswith("assess")}))
    english = awards.rule(rule, None, words)
    assert english
    for language in ("en", "hi", "ta", "ur"):
        parts = awards.rule(rule, None, replace(words, language=language))
        assert len(parts) == len(english)
        assert sorted(re.findall(r"\d+", " ".join(parts))) == sorted(numbers), language
        if language != "en":
            assert not set(parts) & set(english), language
            script = {"hi": "[\u0900-\u097f]", "ta": "[\u0b80-\u0bff]", "ur": "[\u0600-\u06ff]"}[language]
            assert all(re.search(script, part) for part in parts), parts


@pytest.mark.parametrize(
    ("days", "shown"),
    [
        (0, "joined today, opened nothing"),
        (1, "joined 1 day ago, opened nothing"),
        (14, "joined 14 days ago, opened nothing"),
    ],
)
def test_who_joined_today_did_not_join_nought_days_ago(words: Words, days: int, shown: str) -> None:
    assert standings.in_words(Sentence("never-started", {"days": days}), words) == shown
