"""The examples of docs/api.md, run in their order against a real service with the values of the demo."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox import importing
from tests.running import PATIENCE_SECONDS, Running, running

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"
_EXAMPLE = re.compile(r"```http\n(.*?)```\s*```json\n(.*?)```", re.DOTALL)
_WORD = re.compile(r"\$[A-Z_]+(?:\+\d+)?")
ANYTHING = "…"


_VALUES = re.compile(r"```sh\n(.*?)```", re.DOTALL)


@pytest.fixture
def demo(dsn: str, tmp_path: Path) -> Iterator[Running]:
    """A service with what the demo imports."""
    with running(tmp_path, dsn) as service:

        async def fill() -> None:
            async with service.services.pool.acquire() as conn:
                await importing.sample(conn, service.clock.now())

        service.run(fill())
        yield service


def values(service: Running, dsn: str, text: str) -> dict[str, str]:
    """What the lines of shell set: word → value."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LERNBATCH_HOME": str(service.config.home),
        "LERNBATCH_DATABASE_URL": dsn,
    }
    done = subprocess.run(
        ["sh", "-euc", f"unset PWD OLDPWD; set -a\n{text}\nenv -0"],
        env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    pairs = (pair.partition("=") for pair in done.stdout.split("\0"))
    return {f"${name}": value for name, _, value in pairs if f"\n{name}=" in f"\n{text}"}


class Words:
    """What the words that begin with $ stand for; an answer may give a new one its value."""

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values

    def fill(self, text: str) -> str:
        return _WORD.sub(lambda word: self.value(word.group()) or word.group(), text)

    def value(self, word: str) -> str | None:
        name, _, ahead = word.partition("+")
        if ahead:
            return (date.fromisoformat(self._values[name]) + timedelta(days=int(ahead))).isoformat()
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


def test_every_example_is_answered_as_it_is_shown(demo: Running, dsn: str) -> None:
    page = DOCUMENT.read_text(encoding="utf-8")
    (shell,), examples = _VALUES.findall(page), _EXAMPLE.findall(page)
    words = Words(values(demo, dsn, shell))
    assert len(examples) > 10
    for request, answer in examples:
        head, _, body = request.partition("\n\n")
        line, *headers = words.fill(head).strip().splitlines()
        method, path = line.split()
        sent = dict(header.split(": ", 1) for header in headers)
        given = {"json": json.loads(words.fill(body))} if body.strip() else {}
        answered = demo.http.request(method, path, headers=sent, **given)
        assert answered.status_code == 200, f"{line}: {answered.text}"
        words.match(json.loads(answer), answered.json()["result"], line)
