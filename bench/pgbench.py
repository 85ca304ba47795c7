"""The same statements from pgbench, one commit a request and no HTTP: what the database can do at all.

As the service sends them: each on its own, prepared, and documents as parameters. What a request needs two statements
for are two here, without a transaction around them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from bench import database, world
from bench.world import Size
from lernbatch.database import sql
from lernbatch.database.sql import Statement

ENROLMENT = sql.load("lernbatch.enrolment")
PROGRESS = sql.load("lernbatch.progress")
BATCH = sql.load("lernbatch.batch")
CLIENTS = 8


def program() -> str | None:
    """pgbench, if this machine has one."""
    found = shutil.which("pgbench")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))
    return found or (str(debian[-1]) if debian else None)


def measure(dsn: str, call: str, size: Size, seconds: float, folder: Path) -> float:
    """How often a second CLIENTS clients do the statements of `call`. Raises: RuntimeError, with pgbench's words."""
    path = folder / "script.sql"
    path.write_text(SCRIPTS[call](size), encoding="utf-8")
    contents = world.LARGE_CONTENTS if call == "update_large" else size.contents
    document = database.used(contents)[0]
    done = subprocess.run(
        [
            str(program()),
            "--no-vacuum",
            "--protocol=prepared",
            f"--client={CLIENTS}",
            "--jobs=1",
            f"--time={max(round(seconds), 1)}",
            f"--define=document={document}",
            f"--file={path}",
        ],
        env={**os.environ, **_environment(dsn)},
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return float(re.findall(r"tps = ([\d.]+)", done.stdout)[-1])


def _environment(dsn: str) -> dict[str, str]:
    parts = urlsplit(dsn)
    host = parse_qs(parts.query).get("host", [parts.hostname or ""])[0]
    port = parse_qs(parts.query).get("port", [str(parts.port or 5432)])[0]
    return {
        "PGHOST": host,
        "PGPORT": port,
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": parts.path.lstrip("/"),
        "PGOPTIONS": "-c random_page_cost=1.1 -c jit=off",  # as for the service's connections
    }


def _filled(statement: Statement, values: dict[str, object]) -> str:
    """The statement with SQL in place of its parameters. Raises: TypeError, when one is missing or unknown."""
    arguments = statement.arguments(values)
    return re.sub(r"\$(\d+)", lambda found: str(arguments[int(found[1]) - 1]), statement.text)


_USER = "ARRAY[lpad(:learner::text, 8, '0') || '-0000-4000-8000-000000000000']"
_BATCH = "ARRAY['0138' || lpad(:batch::text, 15, '0')]"
_COURSE = "ARRAY['do_3138' || lpad(:place::text, 15, '0')]"


def _somewhere(size: Size) -> str:
    """A learner, and one of their batches."""
    return (
        f"\\set learner random(0, {len(size.active_learners) - 1}) * {size.stride}\n"
        f"\\set place random(0, {world.BATCHES_EACH - 1})\n"
        f"\\set batch :learner / {world.LEARNERS_EACH} * {world.BATCHES_EACH} + :place\n"
    )


def _update() -> str:
    """Read one learner's row as an update does, and write it with a document of its size."""
    learner: dict[str, object] = {"user_ids": _USER, "batch_ids": _BATCH}
    row = {
        "now": "now()",
        "revisions": "ARRAY[:revision]",
        "statuses": "ARRAY[1]",
        "progress": "ARRAY[0]",
        "percentages": "ARRAY[0]",
        "completed_at": "ARRAY[NULL]",
        "last_read_content_ids": f"ARRAY['{world.content_id(1)}']",
        "last_read_content_statuses": "ARRAY[1]",
        "last_access_at": "ARRAY[now()]",
        "states": "ARRAY[:document]",
        "scores": "ARRAY['{}']",
        "as_text": "true",
    }
    read = _filled(PROGRESS.learners, learner).replace("asked.user_id, asked.batch_id, ", "", 1)
    return f"{read} \\gset\n{_filled(PROGRESS.save, learner | row)};\n"


def update(size: Size) -> str:
    return _somewhere(size) + _update()


def update_large(size: Size) -> str:
    learner = f"\\set learner random(0, {len(size.large_learners) - 1}) * {size.stride}\n"
    return f"{learner}\\set batch {world.LARGE_BATCH}\n{_update()}"


def read(size: Size) -> str:
    values: dict[str, object] = {"user_ids": _USER, "batch_ids": _BATCH, "course_ids": _COURSE}
    return f"{_somewhere(size)}{_filled(PROGRESS.states_of, values)};\n"


def listing(size: Size) -> str:
    ids = ", ".join(
        f"'0138' || lpad((:batch::int - :place::int + {n})::text, 15, '0')" for n in range(world.BATCHES_EACH)
    )
    values: dict[str, object] = {
        "user_ids": _USER,
        "limits": "ARRAY[1001]",
        "offsets": "ARRAY[0]",
        "after_at": "ARRAY[NULL]",
        "after_batch_ids": "ARRAY[NULL]",
        "filter_positions": "ARRAY[]",
        "filter_course_ids": "ARRAY[]",
    }
    enrolments = _filled(ENROLMENT.enrolments_of, values)
    batches = _filled(BATCH.batches_by_ids, {"batch_ids": f"ARRAY[{ids}]"})
    return f"{_somewhere(size)}{enrolments};\n{batches};\n"


def enrol(size: Size) -> str:
    learner: dict[str, object] = {"user_ids": _USER, "batch_ids": _BATCH}
    row = {
        "now": "now()",
        "course_ids": _COURSE,
        "added_by": "ARRAY['pgbench']",
        "how": "ARRAY['self']",
    }
    return (
        "\\set learner random(20000000, 90000000)\n"
        f"\\set batch random({world.FIRST_EMPTY}, {world.FIRST_EMPTY + world.EMPTY - 1})\n"
        f"\\set place :batch % {world.BATCHES_EACH}\n"
        f"{_filled(ENROLMENT.eligibilities, learner)};\n{_filled(ENROLMENT.enrol, learner | row)};\n"
    )


SCRIPTS = {
    "update": update,
    "update_large": update_large,
    "read": read,
    "list_v1": listing,
    "list_v2": listing,
    "enrol": enrol,
}
