"""Who does what in the demo: each learner's way through the course, decided by the learner's number alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

PASS_PERCENT = 60
CONTENTS_AN_UPDATE = 3


class Way(Enum):
    """How far a learner goes."""

    MASTERS = "completes with good scores"
    FAILS = "completes with poor scores"
    HALF = "stops half way"
    OPENS = "opens the first content"
    WAITS = "enrols, and does nothing"
    LEAVES = "leaves half way"
    RETURNS = "leaves half way, comes back and completes with good scores"


# Twenty learners; the next twenty do the same.
WAYS = (
    *[Way.MASTERS] * 11,
    *[Way.FAILS] * 2,
    *[Way.HALF] * 3,
    Way.OPENS,
    Way.WAITS,
    Way.LEAVES,
    Way.RETURNS,
)

COMPLETING = frozenset({Way.MASTERS, Way.FAILS, Way.RETURNS})
PASSING = frozenset({Way.MASTERS, Way.RETURNS})


@dataclass(frozen=True, slots=True)
class StoryContent:
    """A leaf node as the story needs it; `questions` 0: it is no question set."""

    content_id: str
    questions: int
    optional: bool


@dataclass(frozen=True, slots=True)
class StoryLearner:
    number: int
    user_id: str

    @property
    def way(self) -> Way:
        return WAYS[self.number % len(WAYS)]


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a learner: enrol, unenrol, or an update with these contents and assessments."""

    kind: str
    contents: tuple[dict[str, Any], ...] = ()
    assessments: tuple[dict[str, Any], ...] = ()


ENROL, UNENROL, UPDATE = "enrol", "unenrol", "update"


def steps(learner: StoryLearner, contents: Sequence[StoryContent], now_ms: int) -> Iterator[Step]:
    """The requests of one learner, in order."""
    half = len(contents) // 2
    yield Step(ENROL)
    match learner.way:
        case Way.OPENS:
            yield Step(UPDATE, (_state(contents[0], 1, 30),))
        case Way.HALF:
            yield from _work(learner, contents[:half], now_ms)
        case Way.LEAVES:
            yield from _work(learner, contents[:half], now_ms)
            yield Step(UNENROL)
        case Way.RETURNS:
            yield from _work(learner, contents[:half], now_ms)
            yield Step(UNENROL)
            yield Step(ENROL)
            yield from _work(learner, contents[half:], now_ms)
        case Way.MASTERS | Way.FAILS:
            yield from _work(learner, contents, now_ms)


def _work(learner: StoryLearner, contents: Sequence[StoryContent], now_ms: int) -> Iterator[Step]:
    """Open, then complete, a few contents an update; every fifth learner's phone sends each report twice."""
    for start in range(0, len(contents), CONTENTS_AN_UPDATE):
        part = contents[start : start + CONTENTS_AN_UPDATE]
        yield Step(UPDATE, tuple(_state(content, 1, 40) for content in part))
        attempts: list[dict[str, Any]] = []
        for content in part:
            right = content.questions if learner.way in PASSING else content.questions // 3
            answers = [_answer(content, number, number < right, now_ms) for number in range(content.questions)]
            if answers:
                attempt_id = f"{learner.user_id}-{content.content_id}"
                key = {"contentId": content.content_id, "attemptId": attempt_id, "userId": learner.user_id}
                attempts.append({**key, "assessmentTs": now_ms, "events": answers})
        read = tuple(_state(content, 2, 100) for content in part if not content.questions)
        done = Step(UPDATE, read, tuple(attempts))
        yield done
        if learner.number % 5 == 0:
            yield done


def _state(content: StoryContent, status: int, progress: int) -> dict[str, Any]:
    return {"contentId": content.content_id, "status": status, "progress": progress}


def _answer(content: StoryContent, number: int, right: bool, now_ms: int) -> dict[str, Any]:
    return {
        "eid": "ASSESS",
        "ets": now_ms + number,
        "edata": {
            "index": number + 1,
            "pass": "Yes" if right else "No",
            "score": 1.0 if right else 0.0,
            "duration": 4.0,
            "resvalues": [{"1": '{"text":"A"}'}],
            "item": {
                "id": f"{content.content_id}-q{number + 1}",
                "title": f"Question {number + 1}",
                "desc": "",
                "type": "mcq",
                "maxscore": 1.0,
                "params": [{"1": '{"text":"A"}'}, {"2": '{"text":"B"}'}],
            },
        },
    }
