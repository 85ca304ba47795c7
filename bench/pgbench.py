"""The same statements from pgbench, one transaction a request and no HTTP: what the database can do at all."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from bench import database
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


def measure(dsn: str, script: str, seconds: float, folder: Path) -> dict[str, float]:
    """Transactions a second, and how many, of `script` with CLIENTS clients. Raises: RuntimeError, with its words."""
    path = folder / "script.sql"
    path.write_text(script, encoding="utf-8")
    done = subprocess.run(
        [
            str(program()),
            "--no-vacuum",
            "--protocol=prepared",
            f"--client={CLIENTS}",
            "--jobs=1",
            f"--time={max(round(seconds), 1)}",
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
    rate = float(re.findall(r"tps = ([\d.]+)", done.stdout)[-1])
    count = int(re.findall(r"transactions actually processed: (\d+)", done.stdout)[-1])
    return {"rate": rate, "count": count, "p50_ms": 0.0, "p99_ms": 0.0}


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
    }


def _filled(statement: Statement, values: dict[str, str]) -> str:
    """The statement with SQL in place of its parameters; arrays that are not given are empty."""

    def value(found: re.Match[str]) -> str:
        return values.get(statement.parameters[int(found.group(1)) - 1], "'{}'")

    return re.sub(r"\$(\d+)", value, statement.text)


def _learner(size: database.Size) -> str:
    return f"\\set learner random(0, {size.active - 1}) * {size.stride}\n"


_USER = "ARRAY[lpad(:learner::text, 8, '0') || '-0000-4000-8000-000000000000']"
_BATCH = "ARRAY['0138' || lpad(:batch::text, 15, '0')]"


def update(size: database.Size) -> str:
    """Read one learner's row as an update does, and write it with the states of all contents."""
    moment = "' || (:ms::bigint + {n}) || '"
    state = f'"{{content_id}}": [1, 60, 1, 0, {moment}, null, {moment}, null, null]'
    times = ", ".join(state.format(content_id=database.content_id(n), n=n) for n in range(size.contents))
    values = {
        "now": "now()",
        "user_ids": _USER,
        "batch_ids": _BATCH,
        "revisions": "ARRAY[:revision]",
        "statuses": "ARRAY[1]",
        "progress": "ARRAY[0]",
        "percentages": "ARRAY[0]",
        "completed_at": "ARRAY[NULL]",
        "last_read_content_ids": f"ARRAY['{database.content_id(1)}']",
        "last_read_content_statuses": "ARRAY[1]",
        "last_access_at": "ARRAY[now()]",
        "states": f"ARRAY['{{{times}}}']",
        "scores": "ARRAY['{}']",
    }
    read = _filled(PROGRESS.learners, values).replace("asked.user_id, asked.batch_id, ", "", 1)
    return (
        _learner(size)
        + f"\\set batch random(0, {database.BATCHES_EACH - 1})\n\\set ms random(1770000000000, 1780000000000)\n"
        + f"BEGIN;\n{read} \\gset\n{_filled(PROGRESS.save, values)};\nCOMMIT;\n"
    )


def read(size: database.Size) -> str:
    values = {
        "user_ids": _USER,
        "batch_ids": _BATCH,
        "course_ids": "ARRAY['do_3138' || lpad(:batch::text, 15, '0')]",
    }
    return (
        _learner(size)
        + f"\\set batch random(0, {database.BATCHES_EACH - 1})\n"
        + f"{_filled(PROGRESS.states_of, values)};\n"
    )


def listing(size: database.Size) -> str:
    ids = ", ".join(f"'{database.batch_id(n)}'" for n in range(database.BATCHES_EACH))
    values = {"user_ids": _USER, "limits": "ARRAY[1000]", "offsets": "ARRAY[0]"}
    enrolments = _filled(ENROLMENT.enrolments_of, values)
    batches = _filled(BATCH.batches_by_ids, {"batch_ids": f"ARRAY[{ids}]"})
    return _learner(size) + f"{enrolments};\n{batches};\n"


def enrol(size: database.Size) -> str:
    values = {
        "now": "now()",
        "user_ids": _USER,
        "batch_ids": _BATCH,
        "course_ids": "ARRAY['do_1']",
        "added_by": "ARRAY['pgbench']",
        "how": "ARRAY['self']",
    }
    return (
        f"\\set learner random(20000000, 90000000)\n"
        f"\\set batch random({database.BATCHES_EACH}, {database.BATCHES - 1})\n"
        f"BEGIN;\n{_filled(ENROLMENT.eligibilities, values)};\n{_filled(ENROLMENT.enrol, values)};\nCOMMIT;\n"
    )


SCRIPTS = {"update": update, "read": read, "list": listing, "enrol": enrol}
