"""The description of the API by the rules of two linters, and clients that are generated from it, against a service."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.people import VIKRAM
from tests.real import clients
from tests.running import Running
from tests.seeds import COURSE

HERE = Path(__file__).parent
SECONDS = 600  # on a busy machine
# Makes a batch and reads it with the client, then asks without a token; the same as node/client.ts.
IN_PYTHON = """
import json
import sys

from client import AuthenticatedClient
from client.api.batches import batch_create, batch_read
from client.models import BatchCreation, BatchCreationBody, BatchReadEnvelope, CreatedBatchEnvelope, Failure

url, token, course_id, start_date = sys.argv[1:]
named, stranger = (
    AuthenticatedClient(url, shown, prefix="", auth_header_name="X-Authenticated-User-Token")
    for shown in (token, "no token")
)
creation = BatchCreation.from_dict(
    {"courseId": course_id, "name": "Made in Python", "enrollmentType": "invite-only", "startDate": start_date}
)
made = batch_create.sync(client=named, body=BatchCreationBody(creation))
assert isinstance(made, CreatedBatchEnvelope), made
read = batch_read.sync(made.result.batch_id, client=named)
assert isinstance(read, BatchReadEnvelope), read
print(json.dumps(read.result.response.to_dict()))

refused = batch_read.sync(made.result.batch_id, client=stranger)
assert isinstance(refused, Failure), refused
print(refused.params.err)
"""


@pytest.fixture(scope="module")
def folder(shared_service: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with openapi.json, as the service sends it."""
    folder = tmp_path_factory.mktemp("description")
    (folder / "openapi.json").write_bytes(httpx.get(f"{shared_service.url}/openapi.json", timeout=60).content)
    return folder


def run(*words: str | Path, cwd: Path, codes: tuple[int, ...] = (0,)) -> str:
    """What the program prints. It ends with one of `codes`."""
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode in codes, done.stdout + done.stderr
    return done.stdout


def node_program(name: str) -> Path:
    programs = clients.node_programs()
    assert programs is not None
    return programs / "node_modules" / ".bin" / name


def asked_of(service: Running) -> list[str]:
    """What the clients are told: where, by whom, of which course, from which day."""
    return [service.url, service.token(VIKRAM), COURSE, service.clock.today().isoformat()]


def seen(printed: str) -> tuple[str, str, str]:
    """Name and course of the batch that a client read, and the code of its last call's failure."""
    batch, failure = printed.splitlines()
    return json.loads(batch)["name"], json.loads(batch)["courseId"], failure


if clients.node_programs():

    def test_spectral_finds_nothing(folder: Path) -> None:
        (folder / "rules.yaml").write_text('extends: ["spectral:oas"]\n', encoding="utf-8")
        words = ("lint", "openapi.json", "--ruleset", "rules.yaml", "--fail-severity", "hint", "--quiet")
        assert run(node_program("spectral"), *words, cwd=folder, codes=(0, 1)).strip() == ""

    def test_redocly_finds_nothing(folder: Path) -> None:
        words = ("lint", "openapi.json", "--extends", "recommended", "--format", "json")
        found = json.loads(run(node_program("redocly"), *words, cwd=folder, codes=(0, 1)))
        assert [f"{problem['ruleId']}: {problem['message']}" for problem in found["problems"]] == []

    def test_a_typescript_client_that_is_generated_makes_a_batch_and_reads_it(folder: Path, service: Running) -> None:
        """Its types are checked strictly: what it sends and reads is what the description says."""
        shutil.copy(HERE / "node" / "client.ts", folder)
        shutil.copy(HERE / "node" / "package.json", folder)
        (folder / "node_modules").symlink_to(node_program("tsc").parents[1])
        run(node_program("openapi-typescript"), "openapi.json", "--output", "api.ts", cwd=folder)
        words = ("--strict", "--target", "es2022", "--module", "nodenext", "client.ts")
        run(node_program("tsc"), *words, cwd=folder)
        printed = run("node", "client.js", *asked_of(service), cwd=folder)
        assert seen(printed) == ("Made in TypeScript", COURSE, "UNAUTHORIZED_USER")


if clients.python_generator():

    def test_a_python_client_that_is_generated_makes_a_batch_and_reads_it(folder: Path, service: Running) -> None:
        programs = clients.python_generator()
        assert programs is not None
        words = ("generate", "--path", "openapi.json", "--meta", "none", "--output-path", "client")
        run(programs / "openapi-python-client", *words, cwd=folder)
        printed = run(programs / "python", "-c", IN_PYTHON, *asked_of(service), cwd=folder)
        assert seen(printed) == ("Made in Python", COURSE, "UNAUTHORIZED_USER")
