"""What the demo prints at its end: the closing table, and what to try next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from sandbox.demo.expected import ExpectedFigures


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of the journey: how long it took, and how many requests were sent."""

    name: str
    seconds: float
    requests: int


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What a reader can try on the service that the demo leaves running."""

    url: str
    course_id: str
    batch_id: str
    certificate_id: str
    creator_token: str
    learner_id: str
    learner_token: str


def show_figures(console: Console, seen: ExpectedFigures, promised: ExpectedFigures) -> None:
    table = Table("what", "seen", "the input implies", "", title="What came out")
    implied = asdict(promised)
    for name, value in asdict(seen).items():
        right = value == implied[name]
        table.add_row(name.replace("_", " "), f"{value:,}", f"{implied[name]:,}", "✓" if right else "✗ WRONG")
    console.print(table)


def show_stages(console: Console, stages: Sequence[Stage]) -> None:
    table = Table("stage", "seconds", "requests", "requests/s", title="How long it took")
    for stage in stages:
        rate = f"{stage.requests / stage.seconds:,.0f}" if stage.seconds else ""
        table.add_row(stage.name, f"{stage.seconds:.2f}", f"{stage.requests:,}", rate)
    total = sum(stage.seconds for stage in stages)
    table.add_row("all", f"{total:.2f}", f"{sum(stage.requests for stage in stages):,}", "")
    console.print(table)


def show_leftovers(console: Console, left: Leftovers) -> None:
    """Addresses for the browser, and lines for the shell."""
    lines = f"""
The service goes on at {left.url} (Ctrl-C stops it). In the browser:

  {left.url}/console/                  the console: press a name and you are in; Vikram Singh has made the batch
  {left.url}/docs                      the API, with every call to try
  {left.url}/certs/{left.certificate_id}   a certificate that verifies

In the shell:

  CREATOR='{left.creator_token}'
  LEARNER='{left.learner_token}'
  curl -s {left.url}/api/course/v1/batch/read/{left.batch_id} -H "X-Authenticated-User-Token: $CREATOR"
  curl -s {left.url}/api/course/v1/user/enrollment/list/{left.learner_id} -H "X-Authenticated-User-Token: $LEARNER"
  curl -s {left.url}/api/course/v1/content/state/read -H "X-Authenticated-User-Token: $LEARNER" \\
       -H 'Content-Type: application/json' \\
       -d '{{"request":{{"courseId":"{left.course_id}","batchId":"{left.batch_id}","fields":["score"]}}}}'
  curl -s {left.url}/api/course/v1/jobrequest/list/{left.course_id}_{left.batch_id} \\
       -H "X-Authenticated-User-Token: $CREATOR"
"""
    console.print(lines, markup=False, highlight=False, soft_wrap=True)
