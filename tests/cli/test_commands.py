"""Every command through a real process: what it does, what it says, how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import threading
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from lernbatch import __version__, cli
from lernbatch.database.migrate import migrate
from lernbatch.errors import Unusable
from lernbatch.schedule import JOBS
from tests.cli.commands import Installation, sentence
from tests.forked import WAIT_SECONDS
from tests.people import ASHA, HOME_ORG, IMRAN, VIKRAM


def rows(dsn: str | None, question: str) -> list[Any]:
    async def ask() -> list[Any]:
        conn = await asyncpg.connect(dsn)
        try:
            return list(await conn.fetch(question))
        finally:
            await conn.close()

    return asyncio.run(ask())


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def commands() -> list[tuple[str, ...]]:
    """Every command there is, in words."""
    found: list[tuple[str, ...]] = []

    def walk(path: tuple[str, ...], part: Any) -> None:
        names = [name for name in part if not name.startswith("-")]
        if path and not names:
            found.append(path)
        for name in names:
            walk((*path, name), part[name])

    walk((), cli.command_line(()))
    return found


def test_help_of_every_command_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    without = []
    for words in commands():
        cli.command_line(words)([*words, "--help"], result_action="return_value")
        if f"lernbatch {' '.join(words)}" not in capsys.readouterr().out.partition("Example:")[2].replace("\n", " "):
            without.append(words)
    assert commands()
    assert without == []


def test_the_list_of_all_commands_says_of_each_what_it_says_itself() -> None:
    """Though it loads none of them."""
    listed, itself = cli.command_line(()), cli.command_line
    for name, (_, line) in cli.ELSEWHERE.items():
        told = itself((name,))[name].help or ""
        assert " ".join(told.partition("\n\n")[0].split()) == line
        assert name in listed


def test_what_a_command_does_not_need_is_not_loaded() -> None:
    """The help and a token take a third of a second, not three: which libraries are there tells it without a clock."""
    heavy = ("pypdf", "numpy", "pyzipper", "aiokafka", "typst", "pyarrow", "fontTools", "uharfbuzz", "jinja2")
    script = f"""import sys
from lernbatch import cli
if sys.argv[1] == "token":
    import sandbox.commands
else:
    cli.command_line(())(["--help"], result_action="return_value")
print([name for name in {(*heavy, "lernbatch.routes")} if name in sys.modules])"""
    for word in ("help", "token"):
        done = subprocess.run([sys.executable, "-c", script, word], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]"


def test_the_version_is_told(installation: Installation) -> None:
    assert installation.run("--version").stdout.strip() == __version__


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["frobnicate"], 'Unknown command "frobnicate"'),
        (["serve", "--port", "x"], "--port"),
        (["serve", "--workers", "0"], "at least one process"),
        (["serve", "--colour"], "--colour"),
        (["job"], "NAME"),
        (["import", "course"], "FILES"),
    ],
)
def test_a_wrong_word_is_a_sentence_and_ends_with_2(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the test run keeps its own
    monkeypatch.setattr(sys, "argv", ["lernbatch", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert told.startswith("lernbatch: ")
    assert said.lower() in told.lower()
    assert "--help" in told
    assert told.count("\n") == 1


def test_a_wrong_word_ends_the_process_with_2(installation: Installation) -> None:
    done = installation.run("frobnicate")
    assert done.returncode == 2
    assert sentence(done).startswith("Unknown command")


def test_a_setting_that_cannot_be_used_is_a_sentence(installation: Installation) -> None:
    done = installation.run("config", LERNBATCH_POOL_SIZE="many")
    assert done.returncode == 1
    assert sentence(done).startswith("LERNBATCH_POOL_SIZE cannot be used")


@pytest.mark.parametrize("dsn", ["postgresql://a:b@127.0.0.1:1/x", "nonsense", "postgresql://127.0.0.1:x/y"])
def test_a_database_that_cannot_be_reached_is_a_sentence(dsn: str) -> None:
    with pytest.raises(Unusable, match=r"^The database cannot be reached: [^\n]+\.$"):
        asyncio.run(migrate(dsn))


def test_a_command_without_its_database_ends_with_1(installation: Installation) -> None:
    done = installation.run("migrate", LERNBATCH_DATABASE_URL="postgresql://a:b@127.0.0.1:1/x")
    assert done.returncode == 1
    assert sentence(done).startswith("The database cannot be reached")


@pytest.mark.parametrize("words", [["config"], ["db", "url"], ["job", "retention"], ["exhaust", "reseal"]])
def test_a_command_whose_output_nobody_reads_says_so(installation: Installation, words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-m", "lernbatch", *words],
        env=installation.environment,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=WAIT_SECONDS,
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr.splitlines()[-1][:36]) == (1, "lernbatch: Whoever read the output, ")


@contextmanager
def cutting(first_bytes: int) -> Iterator[str]:
    """The DSN of a server that reads so many bytes of each connection and then cuts it."""

    class Cut(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(first_bytes)
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Cut) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"postgresql://u:p@127.0.0.1:{server.server_address[1]}/x?sslmode=disable"
        server.shutdown()


@pytest.mark.parametrize("first_bytes", [1, 8, 4096])
@pytest.mark.parametrize("words", [["exhaust", "progress", "--batch", "b1"], ["exhaust", "reseal"], ["migrate"]])
def test_a_command_whose_database_cuts_the_connection_says_so(
    installation: Installation, words: list[str], first_bytes: int
) -> None:
    with cutting(first_bytes) as dsn:
        ended = installation.run(*words, LERNBATCH_DATABASE_URL=dsn, LERNBATCH_LOG_LEVEL="error")
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()[-1]) > len("lernbatch: It failed")
    assert ended.stderr.splitlines()[-1].startswith("lernbatch: ")


def test_migrate_says_what_it_did(server: str, own_installation: Installation) -> None:
    assert own_installation.run("migrate").stdout == "Nothing to migrate.\n"


def test_a_database_of_a_newer_version_is_refused(own_installation: Installation) -> None:
    rows(own_installation.dsn, "INSERT INTO migration (name) VALUES ('9998_future.sql') RETURNING name")
    done = own_installation.run("migrate")
    assert done.returncode == 1
    assert "newer version" in sentence(done)
    rows(own_installation.dsn, "INSERT INTO migration (name, version) VALUES ('9999_f.sql', '9.1.0') RETURNING name")
    assert sentence(own_installation.run("serve")).endswith(f"than this one, {__version__}: install 9.1.0 or later.")


def test_a_database_whose_migrations_name_no_version_is_taken_as_it_is(own_installation: Installation) -> None:
    rows(own_installation.dsn, "ALTER TABLE migration DROP COLUMN version")  # as versions before left it
    assert own_installation.run("migrate").returncode == 0
    assert {row[0] for row in rows(own_installation.dsn, "SELECT version FROM migration")} == {None}


def test_config_tells_the_value_its_source_and_no_secret(installation: Installation) -> None:
    done = installation.run("config", "--json", LERNBATCH_SERVICE_TOKEN="open sesame", sunbird_time_zone="UTC")
    told = json.loads(done.stdout)
    assert told["time_zone"] == {"value": "UTC", "source": "sunbird_time_zone"}
    assert told["pool_size"] == {"value": "10", "source": "default"}
    assert told["service_token"] == {"value": "********", "source": "LERNBATCH_SERVICE_TOKEN"}
    assert told["database_url"]["value"] == "********"
    assert "open sesame" not in done.stdout


def test_config_is_a_table_for_people(installation: Installation) -> None:
    table = installation.run("config").stdout
    assert "Asia/Kolkata" in table
    assert (installation.dsn or "nothing") not in table


def test_check_has_a_line_for_each_thing_it_looked_at(installation: Installation) -> None:
    done = installation.run("check")
    assert (done.returncode, done.stderr) == (0, "")
    assert {line.split()[0] for line in done.stdout.splitlines()} == {"ok"}
    for name in ("home", "database", "migrations", "clock", "keys", "files", "content service", "disk"):
        assert f"  {name}: " in done.stdout


def test_check_fails_for_what_is_not_well_and_still_looks_at_the_rest(
    installation: Installation, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    broken = {
        "LERNBATCH_DATABASE_URL": "postgresql://127.0.0.1:1/x",
        "LERNBATCH_PUBLIC_KEY_FOLDER": str(tmp_path / "nowhere"),
        "LERNBATCH_FILE_STORE": str(tmp_path / "file" / "below"),
        "LERNBATCH_CONTENT_URL": "http://127.0.0.1:1",
    }
    done = installation.run("check", **broken)
    failed = [line.split(":")[0].split(maxsplit=1)[1] for line in done.stdout.splitlines() if line.startswith("failed")]
    assert failed == ["database", "keys", "files", "content service"]
    assert done.returncode == 1
    assert sentence(done).startswith("4 of ")


def test_db_url_is_the_dsn_in_use(installation: Installation) -> None:
    assert installation.run("db", "url").stdout.strip() == installation.dsn


def test_old_names_of_commands_and_jobs_work_with_a_warning(installation: Installation) -> None:
    done = installation.run("job", "roster.retention")
    assert done.stdout == "retention: 0 done.\n"
    assert "roster.retention is now called retention" in done.stderr
    done = installation.run("neighbours", "--port", "70000")
    assert "`neighbours` is now called `sandbox`" in done.stderr
    assert "There is no port 70000" in done.stderr


def test_job_runs_one_kind_and_says_how_many(installation: Installation) -> None:
    assert installation.run("job", "batch.move_statuses").stdout == "batch.move_statuses: 0 done.\n"


def test_replay_sends_again_what_was_given_up(own_installation: Installation) -> None:
    parked = "INSERT INTO outbox (destination, topic, key, payload, created_at, due_at, parked)"
    rows(own_installation.dsn, f"{parked} VALUES ('kafka', 't', 'k', '{{}}', now(), now(), true) RETURNING 1")
    assert own_installation.run("replay", "mail").stdout == "0 events will be sent again.\n"
    assert own_installation.run("replay").stdout == "1 events will be sent again.\n"
    assert rows(own_installation.dsn, "SELECT parked FROM outbox") == [(False,)]


def test_job_that_nobody_knows_lists_those_there_are(installation: Installation) -> None:
    done = installation.run("job", "batch.dance")
    assert done.returncode == 1
    assert all(job.kind in sentence(done) for job in JOBS)


def test_token_has_the_roles_of_the_person(installation: Installation) -> None:
    told = claims(installation.run("token", VIKRAM.user_id).stdout)
    assert told["sub"].endswith(f":{VIKRAM.user_id}")
    assert {"role": "CONTENT_CREATOR", "scope": [{"organisationId": HOME_ORG}]} in told["roles"]


def test_token_may_be_over_and_of_a_child(installation: Installation) -> None:
    token = claims(installation.run("token", ASHA.user_id, "--for", IMRAN.user_id, "--expired", "--role", "X").stdout)
    assert (token["sub"].rpartition(":")[2], token["parentId"]) == (IMRAN.user_id, ASHA.user_id)
    assert token["exp"] < time.time()
    assert [role["role"] for role in token["roles"]] == ["X"]


def test_import_says_what_went_in_and_names_the_lines_that_did_not(installation: Installation, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text(f"user_id,first_name,org_id,email\nu-1,Asha,{HOME_ORG},\nu-2,,,\nu-3,Ravi,,nomail\n")
    done = installation.run("import", "users", people)
    assert done.returncode == 1
    assert done.stdout == f"{people}: 1 imported, 2 left out.\n"
    assert f"{people}, line 3: " in done.stderr
    assert f"{people}, line 4: " in done.stderr
    assert rows(installation.dsn, "SELECT user_id FROM sandbox_person WHERE user_id IN ('u-1', 'u-2', 'u-3')") == [
        ("u-1",)
    ]


def test_import_takes_several_files_and_goes_on_after_a_bad_one(installation: Installation, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("org_id,name\norg-1,Lotus\n")
    bad.write_text("colour\nblue\n")
    done = installation.run("import", "orgs", bad, good, tmp_path / "none.csv")
    assert done.returncode == 1
    assert done.stdout == f"{good}: 1 imported, 0 left out.\n"
    assert sentence(done).startswith("Not everything was imported")


@pytest.mark.parametrize("kind", ["course", "templates", "groups", "consents"])
def test_a_file_that_is_no_such_thing_is_refused_with_the_reason(
    kind: str, installation: Installation, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("{}")
    done = installation.run("import", kind, file)
    assert done.returncode == 1
    assert "nothing imported" in done.stderr
    assert "Traceback" not in done.stderr
