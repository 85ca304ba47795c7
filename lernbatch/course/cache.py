"""A process's cache of courses, and the locks of those being fetched: bounded, and never trusted for long."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from weakref import WeakValueDictionary

from lernbatch.course.model import Course

Key = TypeVar("Key")
Value = TypeVar("Value")
SIZE = 500
# Another process may have stored a newer snapshot, so ours is compared with the table this often.
TRUSTED_FOR = timedelta(seconds=15)
RESTS_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class _CachedCourse:
    course: Course
    fetched_at: datetime
    trusted_until: datetime
    fresh: bool


class CourseCache:
    """Courses by id and by publication; the least recently used one makes room."""

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._newest: OrderedDict[str, _CachedCourse] = OrderedDict()
        self._pinned: OrderedDict[tuple[str, str], Course] = OrderedDict()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._resting: dict[str, datetime] = {}

    def newest(self, course_id: str, now: datetime) -> Course | None:
        """The newest snapshot, if it was compared with the table a moment ago and is not due for a refresh."""
        entry = self._newest.get(course_id)
        return entry.course if entry and entry.fresh and now < entry.trusted_until else None

    def of_any_age(self, course_id: str, now: datetime) -> Course | None:
        """The newest snapshot, if it was compared with the table a moment ago."""
        entry = self._newest.get(course_id)
        return entry.course if entry and now < entry.trusted_until else None

    def seen(self, course_id: str) -> Course | None:
        """The newest snapshot in the cache, of any age and not compared with the table."""
        entry = self._newest.get(course_id)
        return entry.course if entry else None

    def pinned(self, course_id: str, version: str) -> Course | None:
        """That publication of the course; it never changes."""
        return self._pinned.get((course_id, version))

    def unchanged(self, course_id: str, fetched_at: datetime) -> Course | None:
        """The newest snapshot, if it is the one that was fetched then: its metadata may change, not its tree alone."""
        entry = self._newest.get(course_id)
        return entry.course if entry and entry.fetched_at == fetched_at else None

    def keep(self, course: Course, fetched_at: datetime, now: datetime, *, fresh: bool = True) -> None:
        """`course` is the newest one, as of `now`; not `fresh`: it is due for a refresh."""
        self._newest[course.course_id] = _CachedCourse(course, fetched_at, now + TRUSTED_FOR, fresh)
        _make_room(self._newest, course.course_id, self._size)
        self.keep_pinned(course)

    def keep_pinned(self, course: Course, version: str | None = None) -> None:
        """`course` is a publication that some batch runs on; `version`: it stands in for that one, which is lost."""
        key = course.course_id, version or course.version
        self._pinned[key] = course
        _make_room(self._pinned, key, self._size)

    def lock(self, course_id: str) -> asyncio.Lock:
        """The lock of a course: its holder fetches the course, the others wait for the result."""
        return self._locks.setdefault(course_id, asyncio.Lock())

    def rest(self, course_id: str, now: datetime) -> None:
        """The course could not be fetched: leave it alone for a while."""
        self._resting[course_id] = now + RESTS_FOR

    def resting(self, now: datetime) -> list[str]:
        """The courses to leave alone."""
        self._resting = {course_id: until for course_id, until in self._resting.items() if now < until}
        return list(self._resting)


def _make_room(entries: OrderedDict[Key, Value], used: Key, size: int) -> None:
    entries.move_to_end(used)
    while len(entries) > size:
        entries.popitem(last=False)
