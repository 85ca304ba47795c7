"""Words, numbers and dates as the reader's language has them. English is the source; the others are catalogues."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from importlib import resources
from types import MappingProxyType
from zoneinfo import ZoneInfo

from babel import Locale, core, dates, numbers, support
from babel.lists import format_list
from babel.messages import mofile, pofile
from markupsafe import Markup

SOURCE = "en"
# Language → how it calls itself. One without a catalogue is not offered.
NAMES: Mapping[str, str] = MappingProxyType({"hi": "हिन्दी", "ta": "தமிழ்", "ur": "اردو", SOURCE: "English"})
RIGHT_TO_LEFT = frozenset(("ur",))
_LOCALES = {SOURCE: "en_GB", "en-in": "en_IN", "hi": "hi_IN", "ta": "ta_IN", "ur": "ur_IN"}
_GROUPED_AS_IN_INDIA = frozenset(("en-in", "hi", "ta", "ur"))
INDIAN = "#,##,##0.###"
_DAYS = 60
_JUST_NOW = timedelta(seconds=5)
LONGEST_HEADER = 200


def mark(text: str) -> str:
    """Marks a text for the catalogues that is translated later, where it is shown."""
    return text


N_ = mark


@cache
def languages() -> tuple[str, ...]:
    """The languages that can be chosen: English, and those with a catalogue."""
    folder = resources.files("lernbatch.wording").joinpath("locale")
    return tuple(name for name in NAMES if name == SOURCE or folder.joinpath(f"{name}.po").is_file())


@cache
def translations(language: str) -> support.NullTranslations:
    """The catalogue of a language. It is read as translators write it, so that nothing has to be built."""
    path = resources.files("lernbatch.wording").joinpath("locale", f"{language}.po")
    if language == SOURCE or not path.is_file():
        return support.NullTranslations()
    compiled = io.BytesIO()
    mofile.write_mo(compiled, pofile.read_po(io.BytesIO(path.read_bytes()), locale=language))
    compiled.seek(0)
    return support.Translations(compiled)


def choose(cookie: str | None, header: str) -> str:
    """The language of a reader: the one they chose, else the first of Accept-Language that there is, else English."""
    if cookie in languages():
        return cookie
    entries = []
    for entry in header[:LONGEST_HEADER].split(","):
        name, _, weight = entry.strip().lower().partition(";q=")
        try:
            entries.append((-float(weight or 1), name))
        except ValueError:
            continue
    for _, name in sorted(entries, key=lambda entry: entry[0]):
        if (language := name.partition("-")[0]) in languages():
            return "en-in" if name == "en-in" else language
    return SOURCE


@dataclass(frozen=True, slots=True)
class Words:
    """One reader's language, zone and present moment. Made for each request; views and templates ask it.

    `zone`: whose days and hours are meant where a page does not name a batch's own.
    """

    language: str
    now: datetime
    zone: tzinfo

    @property
    def code(self) -> str:
        """The language as `lang` has it."""
        return self.language.partition("-")[0]

    @property
    def direction(self) -> str:
        return "rtl" if self.code in RIGHT_TO_LEFT else "ltr"

    @property
    def locale(self) -> Locale:
        return _locale(self.language)

    def _(self, text: str, **values: object) -> str:
        """`text` in the reader's language, with `%(name)s` filled in."""
        translated = translations(self.code).ugettext(text)
        return translated % values if values else translated

    def ngettext(self, singular: str, plural: str, num: int, **values: object) -> str:
        """The form for `num`, which stands in the text as `%(num)s`, in the reader's figures."""
        translated = translations(self.code).ungettext(singular, plural, num)
        return translated % {"num": self.number(num), **values}

    def number(self, value: float) -> str:
        """12480 → 12,480, or 1,24,800 where numbers are grouped so."""
        pattern = INDIAN if self.language in _GROUPED_AS_IN_INDIA else None
        return numbers.format_decimal(value, pattern, locale=self.locale)

    def percent(self, share: float | None) -> str:
        """0.347 → 35 %. None, of nothing, is a dash."""
        if share is None:
            return "–"
        return f"{self.number(round(share * 100))}\N{NO-BREAK SPACE}%"

    def part(self, count: int, total: int) -> str:
        """The share of `count` in `total`, in percent; of nothing a dash."""
        return self.percent(count / total if total else None)

    def day_text(self, day: date, *, short: bool = False, weekday: bool = True) -> str:
        """Wednesday 30 September, or Wed 30 Sep; with the year, if it is not this one."""
        this_year = self.now.astimezone(self.zone).year == day.year
        skeleton = ("" if this_year else "y") + ("MMM" if short else "MMMM") + "d"
        if weekday:
            skeleton += "E" if short else "EEEE"
        return _skeleton(skeleton, day, self.locale)

    def day(self, day: date | None, *, short: bool = False, weekday: bool = True) -> Markup:
        """That day in a `<time>`; None is a dash."""
        if day is None:
            return Markup("–")
        text = self.day_text(day, short=short, weekday=weekday)
        return Markup('<time datetime="{}">{}</time>').format(day.isoformat(), text)

    def months_text(self, first: date, last: date) -> str:
        """June to November 2026; the year twice, where there are two."""
        left = _skeleton("yMMMM" if first.year != last.year else "MMMM", first, self.locale)
        return self._("%(first)s to %(last)s", first=left, last=_skeleton("yMMMM", last, self.locale))

    def moment(self, at: datetime | None) -> Markup:
        """A day with the hour, in the reader's zone, in a `<time>`; None is a dash."""
        if at is None:
            return Markup("–")
        local = at.astimezone(self.zone)
        text = f"{self.day_text(local.date())}, {self.hour_text(local)}"
        return Markup('<time datetime="{}">{}</time>').format(local.isoformat(timespec="seconds"), text)

    def hour_text(self, at: datetime) -> str:
        """4:12 pm"""
        return _skeleton("hm", at.astimezone(self.zone), self.locale)

    def ago(self, at: datetime | None) -> Markup:
        """40 seconds ago, 9 days ago; from two months on the day itself. None is a dash."""
        if at is None:
            return Markup("–")
        since = max(self.now - at, timedelta())  # what was counted for this page is newer than its beginning
        if since < _JUST_NOW:
            return Markup('<time datetime="{}">{}</time>').format(at.isoformat(timespec="seconds"), self._("just now"))
        if since > timedelta(days=_DAYS):
            return self.day(at.astimezone(self.zone).date())
        text = dates.format_timedelta(-since, add_direction=True, threshold=1.5, locale=self.locale)
        return Markup('<time datetime="{}">{}</time>').format(at.astimezone(UTC).isoformat(timespec="seconds"), text)

    def lasting(self, span: timedelta) -> str:
        """9 days, 3 hours: rounded to the largest unit."""
        return dates.format_timedelta(span, threshold=1.5, locale=self.locale)

    def zone_text(self, zone: tzinfo | None = None) -> str:
        """India (Asia/Kolkata): a zone as its people call it, and by name."""
        zone = zone or self.zone
        name = zone.key if isinstance(zone, ZoneInfo) else str(zone)
        territory = core.get_global("zone_territories").get(name, "")
        place = self.locale.territories.get(territory)
        return f"{place} ({name})" if place else name

    def listed(self, entries: list[str]) -> str:
        """Meera Nair, Ravi Shankar and Asha Kulkarni."""
        return format_list(entries, locale=self.locale)


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(_LOCALES[language])


def _skeleton(skeleton: str, value: date | datetime, locale: Locale) -> str:
    """`value` by a pattern of the locale, which decides on order and marks."""
    pattern = dates.match_skeleton(skeleton, locale.datetime_skeletons)
    text: str = locale.datetime_skeletons[pattern or "MMMEd"].apply(value, locale)
    return text


def first_letter(word: str) -> str:
    """The first letter of a word with the signs that belong to it: பி of பிரியா."""
    end = 1
    while end < len(word) and unicodedata.category(word[end]) in ("Mn", "Mc", "Me"):
        end += 1
    return word[:end]
