"""How far both services agree: the journal by route, kind and JSON path, and the gate (contract migration M54, M59)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from lernbatch.shadow import journal, known
from lernbatch.shadow.model import AnswerDifference, Entry, Kind
from lernbatch.shadow.redaction import shown

MOST_GROUPS = 10_000  # of route, kind and path; what comes beyond is counted in one
DAYS_OF_THE_GATE = 7  # for which both usually agree before anybody hands over
EVERY_ROUTE, _BEYOND = "*", "(others)"


@dataclass
class DifferenceCount:
    """What differs in one place: how often, when first and last, and one example without texts."""

    count: int = 0
    first: float = 0
    last: float = 0
    example: tuple[Any, Any] = (None, None)
    case: str = ""

    def note(self, at: float, difference: AnswerDifference | None = None, count: int = 1) -> None:
        if difference is not None and not self.count:
            # What an error says is the contract's own text; every other text may be somebody's.
            plain = difference.kind in (Kind.STATUS, Kind.ERROR)
            pair = (difference.primary, difference.candidate)
            self.example = pair if plain else (shown(pair[0]), shown(pair[1]))
            self.case = difference.case
        self.count += count
        self.first, self.last = min(self.first or at, at), max(self.last, at)

    def share_of(self, compared: int) -> float:
        return self.count / compared if compared else 0.0


@dataclass
class Agreement:
    """A journal as a whole. `agreed` of `compared` answers have no difference that nothing explains."""

    routes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    groups: dict[tuple[str, Kind, str], DifferenceCount] = field(default_factory=dict)
    compared: int = 0
    agreed: int = 0
    failed: int = 0
    failed_writes: int = 0
    skipped: int = 0
    lost: int = 0
    first: float = 0
    last: float = 0
    damage: journal.Damage = field(default_factory=journal.Damage)

    @property
    def share(self) -> float:
        return self.agreed / self.compared if self.compared else 0.0

    @property
    def days(self) -> float:
        return (self.last - self.first) / 86_400

    def obstacles(self, gate: float) -> list[str]:
        """Why the gate stays closed; empty: it is open."""
        left = dict.fromkeys((Kind.STATUS, Kind.ERROR), 0)
        for (_, kind, _), group in self.groups.items():
            if kind in left:
                left[kind] += group.count
        reasons = [] if self.compared else ["nothing was compared"]
        if self.compared and self.share < gate:
            reasons.append(f"{self.agreed} of {self.compared} answers agree, a share of {self.share:.6f}")
        reasons += [f"{count} unexplained differences of the kind {kind}" for kind, count in left.items() if count]
        return reasons

    def note(self, entry: Entry, rules: Iterable[known.Rule]) -> None:
        self.first, self.last = min(self.first or entry.at, entry.at), max(self.last, entry.at)
        self.lost += entry.lost
        if entry.skipped:
            self.skipped += entry.skipped
            self._group(EVERY_ROUTE, Kind.SKIPPED, "").note(entry.at, count=entry.skipped)
        if not entry.route:
            return
        counts = self.routes[entry.route]
        if entry.outcome == "failed":
            self.failed += 1
            self.failed_writes += not entry.is_read
            counts["failed"] += 1
            self._group(entry.route, Kind.FAILED, entry.reason[:200]).note(entry.at)
            return
        differences = known.explained(entry.route, entry.differences, list(rules))
        self.compared += 1
        counts["compared"] += 1
        if all(difference.explained for difference in differences):
            self.agreed += 1
            counts["agreed"] += 1
        for difference in differences:
            self._group(entry.route, difference.shown_kind, difference.path).note(entry.at, difference)

    def _group(self, route: str, kind: Kind, path: str) -> DifferenceCount:
        key = (route, kind, path)
        if key not in self.groups and len(self.groups) >= MOST_GROUPS:
            key = (EVERY_ROUTE, kind, _BEYOND)
        return self.groups.setdefault(key, DifferenceCount())


def summarise(folder: Path) -> Agreement:
    """Read a journal once. Raises: Unusable, when there is none."""
    summary, rules = Agreement(), known.rules()
    for entry in journal.read(folder, summary.damage):
        summary.note(entry, rules)
    return summary


def document(summary: Agreement, gate: float | None) -> dict[str, Any]:
    """The report for programs."""
    closed = [] if gate is None else summary.obstacles(gate)
    return {
        "compared": summary.compared,
        "agreed": summary.agreed,
        "share": summary.share,
        "failed": summary.failed,
        "failedWrites": summary.failed_writes,
        "skipped": summary.skipped,
        "lost": summary.lost,
        "unreadable": {"frames": summary.damage.frames, "lines": summary.damage.lines},
        "first": _time(summary.first),
        "last": _time(summary.last),
        "gate": None if gate is None else {"share": gate, "open": not closed, "obstacles": closed},
        "routes": {route: dict(counts) for route, counts in sorted(summary.routes.items())},
        "differences": [
            {
                "route": route,
                "kind": str(kind),
                "path": path,
                "count": group.count,
                "share": group.share_of(summary.compared),
                "first": _time(group.first),
                "last": _time(group.last),
                "case": group.case or None,
                "example": {"primary": group.example[0], "candidate": group.example[1]},
            }
            for (route, kind, path), group in _ranked(summary)
        ],
    }


def tables(summary: Agreement) -> Iterator[Table | str]:
    """The report for people."""
    yield (
        f"{summary.compared} answers compared in {summary.days:.1f} days, {summary.agreed} agree"
        f" (a share of {summary.share:.6f}); {summary.failed} got no answer of the candidate,"
        f" {summary.failed_writes} of them writes; {summary.skipped} were skipped; {summary.lost} lines were lost."
    )
    if summary.damage.frames or summary.damage.lines:
        yield f"{summary.damage.frames} files end in the middle, {summary.damage.lines} lines cannot be read."
    if summary.days < DAYS_OF_THE_GATE:
        yield f"Before a hand-over both usually agree for {DAYS_OF_THE_GATE} days."
    routes = Table("route", "compared", "agree", "failed", box=None)
    for route, counts in sorted(summary.routes.items()):
        routes.add_row(route, *(str(counts[name]) for name in ("compared", "agreed", "failed")))
    yield routes
    differences = Table("route", "kind", "path", "count", "share", "first", "last", "case", "example", box=None)
    for (route, kind, path), group in _ranked(summary):
        example = f"{group.example[0]!r} → {group.example[1]!r}"
        share = f"{group.share_of(summary.compared):.4f}"
        when = (_time(group.first), _time(group.last))
        differences.add_row(route, str(kind), path, str(group.count), share, *map(str, when), group.case, example)
    if summary.groups:
        yield differences


def _ranked(summary: Agreement) -> list[tuple[tuple[str, Kind, str], DifferenceCount]]:
    """What nobody has explained comes first, the most frequent before others."""
    explained = (Kind.KNOWN, Kind.LATE)
    return sorted(summary.groups.items(), key=lambda item: (item[0][1] in explained, -item[1].count, item[0]))


def _time(moment: float) -> str | None:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds") if moment else None
