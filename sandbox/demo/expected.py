"""What the input implies, counted from the course's file and the learners' ways, without the service's own code."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.demo.story import COMPLETING, CONTENTS_AN_UPDATE, PASSING, WAYS, StoryContent, Way


@dataclass(frozen=True, slots=True)
class ExpectedFigures:
    """What a run must end with."""

    learners_enrolled: int
    updates_sent: int
    completed: int
    certificates: int
    exhaust_rows: int


def contents(course_file: Path) -> list[StoryContent]:
    """The leaf nodes of a hierarchy file, in document order, each once."""
    envelope = json.loads(course_file.read_text(encoding="utf-8"))
    root = envelope.get("result", envelope).get("content", envelope)
    contents_by_id: dict[str, StoryContent] = {}

    def walk(node: dict[str, Any]) -> None:
        for child in node.get("children") or []:
            if child.get("children"):
                walk(child)
            elif child["mimeType"] != "application/vnd.ekstep.content-collection":
                questions = child.get("totalQuestions") or 0
                optional = bool((child.get("relationalMetadata") or {}).get("optional"))
                contents_by_id.setdefault(child["identifier"], StoryContent(child["identifier"], questions, optional))

    walk(root)
    return list(contents_by_id.values())


def figures(leaf_nodes: list[StoryContent], learners: int) -> ExpectedFigures:
    """The closing figures of a run with so many learners."""
    ways = Counter(WAYS[number % len(WAYS)] for number in range(learners))
    passing = sum(ways[way] for way in PASSING)
    completing = sum(ways[way] for way in COMPLETING)
    active = learners - ways[Way.LEAVES]
    return ExpectedFigures(
        learners_enrolled=active,
        updates_sent=sum(_updates(number, len(leaf_nodes)) for number in range(learners)),
        completed=completing,
        certificates=completing + passing,  # one for completing, one more for good scores
        exhaust_rows=active,
    )


def _updates(number: int, leaf_count: int) -> int:
    way = WAYS[number % len(WAYS)]
    half = leaf_count // 2
    parts = {
        Way.MASTERS: [leaf_count],
        Way.FAILS: [leaf_count],
        Way.HALF: [half],
        Way.LEAVES: [half],
        Way.RETURNS: [half, leaf_count - half],
    }.get(way, [])
    sets = sum(-(-part // CONTENTS_AN_UPDATE) for part in parts)
    return sets * (3 if number % 5 == 0 else 2) + (way is Way.OPENS)
