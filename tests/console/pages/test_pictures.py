"""The pictures of docs/console.md: `make pictures` writes them anew, and every run opens their pages."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.console.chromium import PHONE, WIDE
from tests.console.pages.conftest import Readers
from tests.console.term import Term

DOCS = Path(__file__).parents[3] / "docs"
WRITTEN_TO = os.environ.get("LERNBATCH_PICTURES")
# Name of the picture → whose page it is, and its address.
PICTURES = {
    "overview": ("creator", "/console/batches/{batch}"),
    "learners": ("creator", "/console/batches/{batch}/learners"),
    "learner": ("creator", "/console/batches/{batch}/learners/{near}"),
    "mentor": ("creator", "/console/mentor"),
    "rules": ("creator", "/console/batches/{batch}/rules"),
    "certificates": ("creator", "/console/batches/{batch}/certificates"),
    "my-course": ("learner", "/console/my/{batch}"),
    "operation": ("operator", "/console/operation"),
}


def test_the_guide_shows_each_picture_that_is_made_and_no_other() -> None:
    shown = re.findall(r"\(pictures/console/([\w-]+)\.png\)", (DOCS / "console.md").read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(PICTURES)
    assert sorted(path.stem for path in (DOCS / "pictures" / "console").glob("*.png")) == sorted(PICTURES)


@pytest.mark.parametrize(("who", "width"), [("creator", WIDE), ("learner", PHONE), ("operator", WIDE)])
def test_the_pages_of_the_pictures_open_without_complaint(readers: Readers, term: Term, who: str, width: int) -> None:
    reader = readers(term.people[who], width=width)
    for name, (whose, path) in PICTURES.items():
        if whose == who:
            answer = reader.page.goto(term.address(path))
            assert answer is not None
            assert answer.status == 200, name
            assert not reader.scrolls_sideways(), name
            if WRITTEN_TO:
                reader.page.screenshot(path=Path(WRITTEN_TO, f"{name}.png"))
    assert reader.complaints == []
