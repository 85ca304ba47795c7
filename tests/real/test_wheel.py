"""The wheel in a clean virtual environment, far from the checkout: demo, service, and what it lacks."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import httpx
import pytest

from tests.cli.commands import Serving
from tests.forked import WAIT_SECONDS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`lernbatch`, installed from its wheel with nothing but what the wheel asks for."""
    source, dist, place = (tmp_path_factory.mktemp(name) for name in ("source", "dist", "venv"))
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    for name in filter(None, tracked):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(dist), str(source), cwd=dist)
    venv.create(place, with_pip=True)
    assert {path.suffix for path in dist.iterdir()} == {".whl", ".gz"}
    run(str(place / "bin/pip"), "install", "--quiet", str(next(dist.glob("*.whl"))), cwd=dist)
    shutil.rmtree(source)
    return place / "bin/lernbatch"


def run(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **environment}
    done = subprocess.run(words, cwd=cwd, env=clean, capture_output=True, text=True, timeout=WAIT_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_the_demo_runs_to_its_certificates(program: Path, tmp_path: Path) -> None:
    assert run(str(program), "demo", "--once", "--learners", "20", cwd=tmp_path).stdout


def test_it_serves_and_its_pages_and_pictures_are_there(program: Path, tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin"}
    with subprocess.Popen(
        [program, "serve", "--port", "0"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            address = re.search(r"http://[\d.:]+", process.stdout.readline())
            assert address
            url = address.group()
            Serving(process, url).wait_until_ready()
            for path in (
                "/docs",
                "/openapi.json",
                "/metrics",
                "/certs/templates/default.svg",
                "/certs/static/page.css",
            ):
                assert httpx.get(url + path, timeout=60).status_code == 200, path
        finally:
            process.terminate()
        assert process.wait(WAIT_SECONDS) == 0
    assert "None is missing" in run(str(program), "check", cwd=tmp_path).stdout


def test_an_extra_that_is_missing_is_a_sentence(program: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [program, "worker"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "LERNBATCH_KAFKA_SERVERS": "127.0.0.1:9092"},
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
    )
    assert done.returncode == 1
    assert "LERNBATCH_KAFKA_SERVERS needs a library: run `pip install 'lernbatch[kafka]'`." in done.stderr


def test_it_needs_no_builder_to_run(program: Path) -> None:
    listed = run(str(program.with_name("pip")), "list", "--format=freeze", cwd=program.parent).stdout
    assert not {"hatchling", "aiokafka", "pyarrow"} & {line.partition("==")[0] for line in listed.splitlines()}
