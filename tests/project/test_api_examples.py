"""The examples of docs/api.md, run in their order against a real service."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.people import ADMIN, ASHA, HOME_ORG, MEERA, VIKRAM
from tests.running import Running
from tests.seeds import COURSE

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"
_EXAMPLE = re.compile(r"```http\n(.*?)```\s*```json\n(.*?)```", re.DOTALL)
_WORD = re.compile(r"\$[A-Z_]+(?:\+\d+)?")
ANYTHING = "…"


class Words:
    """What the words that begin with $ stand for; an answer may give a new one its value."""

    def __init__(self, service: Running) -> None:
        people = {"CREATOR": VIKRAM, "MENTOR": MEERA, "LEARNER": ASHA, "ADMIN": ADMIN}
        self._service = service
        self._values = {"$COURSE": COURSE, "$ORGANISATION": HOME_ORG}
        for name, person in people.items():
            self._values |= {f"${name}": service.token(person), f"${name}_ID": person.user_id}

    def fill(self, text: str) -> str:
        return _WORD.sub(lambda word: self.value(word.group()) or word.group(), text)

    def value(self, word: str) -> str | None:
        name, _, ahead = word.partition("+")
        if name == "$TODAY":
            return (self._service.clock.today() + timedelta(days=int(ahead or 0))).isoformat()
        return self._values.get(word)

    def match(self, shown: Any, found: Any, where: str) -> None:
        """Fails when `found` is not what the document shows."""
        if isinstance(shown, dict):
            assert isinstance(found, dict), where
            for key, value in shown.items():
                self.match(value, found.get(key), f"{where}.{key}")
        elif isinstance(shown, list):
            assert isinstance(found, list), where
            assert len(shown) == len(found), where
            for number, (one, other) in enumerate(zip(shown, found, strict=True)):
                self.match(one, other, f"{where}[{number}]")
        elif isinstance(shown, str) and _WORD.fullmatch(shown) and self.value(shown) is None:
            assert isinstance(found, str), where
            self._values[shown] = found
        else:
            wanted = self.value(shown) or shown if isinstance(shown, str) and _WORD.fullmatch(shown) else shown
            assert shown == ANYTHING or wanted == found, f"{where}: {found!r}"


def test_every_example_is_answered_as_it_is_shown(service: Running) -> None:
    words, examples = Words(service), _EXAMPLE.findall(DOCUMENT.read_text(encoding="utf-8"))
    assert len(examples) > 10
    for request, answer in examples:
        head, _, body = request.partition("\n\n")
        line, *headers = words.fill(head).strip().splitlines()
        method, path = line.split()
        sent = dict(header.split(": ", 1) for header in headers)
        given = {"json": json.loads(words.fill(body))} if body.strip() else {}
        answered = service.http.request(method, path, headers=sent, **given)
        assert answered.status_code == 200, f"{line}: {answered.text}"
        words.match(json.loads(answer), answered.json()["result"], line)
