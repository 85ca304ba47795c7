"""What the hot calls are measured on: who is in which batch, by number, so that nothing has to be looked up.

A learner is in BATCHES_EACH batches of LEARNERS_EACH learners, each of another course. A few are also in one batch of a
course that is five times as large.
"""

from __future__ import annotations

from dataclasses import dataclass

BATCHES_EACH = 5  # of a learner, so of every LEARNERS_EACH: the length of the list of enrolled courses
LEARNERS_EACH = 1000
CONTENTS = 20  # of a course
ACTIVE = 10_000  # learners whose calls are made; their rows lie spread over the whole table
FRESH = 2000  # learners who have opened every content once, where all others have come back to most of them
LARGE_COURSE, LARGE_BATCH, LARGE_CONTENTS, LARGE_LEARNERS = BATCHES_EACH, 800_000, 100, 2000
FIRST_EMPTY, EMPTY = 900_000, 10_000  # batches that newcomers enrol in: none comes twice to many of them
FIRST_NEWCOMER, NEWCOMERS = 95_000_000, 2000
MANAGER = 99_000_000  # who made the batches, and may see who is in them
SEARCHED_PER_COURSE = 5  # of the batches that are searched


@dataclass(frozen=True, slots=True)
class Size:
    """How much is loaded. `searched`: batches beside those with learners, to be searched."""

    enrolments: int
    searched: int = 0
    contents: int = CONTENTS

    @property
    def learners(self) -> int:
        return max(self.enrolments // BATCHES_EACH, 2)

    @property
    def batches(self) -> int:
        """With learners, but for the one of the large course."""
        return -(-self.learners // LEARNERS_EACH) * BATCHES_EACH

    @property
    def stride(self) -> int:
        """Every so many learners one is active, and the next one fresh."""
        return max(self.learners // ACTIVE, 2)

    @property
    def active_learners(self) -> range:
        """The numbers of the learners whose calls are made."""
        return range(0, self.learners, self.stride)[:ACTIVE]

    @property
    def fresh_learners(self) -> range:
        return range(1, self.learners, self.stride)[:FRESH]

    @property
    def large_learners(self) -> range:
        """Those who are in the batch of the large course, too."""
        return self.active_learners[:LARGE_LEARNERS]


def content_id(number: int) -> str:
    return f"do_3137{number:015d}"


def course_id(batch: int) -> str:
    return f"do_3138{batch % BATCHES_EACH:015d}"


LARGE_COURSE_ID = f"do_3138{LARGE_COURSE:015d}"


def batch_id(batch: int) -> str:
    return f"0138{batch:015d}"


def first_batch(learner: int) -> int:
    """The first of the BATCHES_EACH batches that the learner is in; the others follow it."""
    return learner // LEARNERS_EACH * BATCHES_EACH


def user_id(number: int) -> str:
    """The learner of that number, as SQL spells it too: see `database.load`."""
    return f"{number:08d}-0000-4000-8000-000000000000"
