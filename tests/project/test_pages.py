"""The code blocks of the pages: requests are sent, statements run, commands parsed.

The examples of docs/api.md have a test of their own; those of docs/contract show what the reference answered.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import csv
import io
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cyclopts import App

from lernbatch import __version__, cli, config, environment
from lernbatch.archive import formats
from lernbatch.archive.model import FileFormat
from lernbatch.console import pages as console
from lernbatch.console.dates import handlers
from tests.learning import new_batch
from tests.people import VIKRAM
from tests.reporting import Reporting
from tests.running import Running
from tests.seeds import COURSE

REPOSITORY = Path(__file__).parents[2]
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
ADD_TEMPLATE = "/v1/course/batch/cert/template/add"
_BLOCK = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`(lernbatch [a-z][^`]*)`")


# How what others made is called; their configurations are run in tests/real/test_proxy.py.
TOOLS = {
    "certbot": ["certonly", "--standalone"],
    "nginx": ["-t"],
    "caddy": ["validate"],
    "ln": ["-sfn"],
    "python3": ["-m", "venv"],
    "runuser": ["-u", "postgres", "--"],
    "useradd": ["--system"],
}
OLD_NAMES = {("neighbours",), ("account", "forget")}


def blocks(kind: str, page: str = "") -> list[str]:
    """The blocks of a kind, of one page of docs or of all pages but docs/api.md."""
    pages = [path for path in PAGES if path.name == page or (not page and path.name != "api.md")]
    return [text for path in pages for named, text in _BLOCK.findall(path.read_text(encoding="utf-8")) if named == kind]


def command_lines() -> list[str]:
    """Every line of a block that somebody is to type."""
    transcripts = [line[2:] for text in blocks("") for line in text.splitlines() if line.startswith("$ ")]
    scripts = [re.sub(r"\\\n\s*", "", text) for text in blocks("sh")]
    lines = [line for text in scripts for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return lines + transcripts


def test_every_block_is_of_a_kind_that_is_run() -> None:
    kinds = {kind for path in PAGES for kind, _ in _BLOCK.findall(path.read_text(encoding="utf-8"))}
    # YAML is read by its own program, see tests/real/test_promtool.py.
    assert kinds == {"", "sh", "json", "sql", "python", "http", "yaml", "{toctree}"}


@pytest.mark.parametrize("line", command_lines())
def test_what_is_to_be_typed_exists(line: str) -> None:
    program, *words = shlex.split(line, comments=True)
    if program == "make":
        targets = re.findall(r"^([\w-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert words[0] in targets
    elif Path(program).name in ("pipx", "pip"):
        assert words == ["install", f"lernbatch-{__version__}-py3-none-any.whl"]
    elif program == "kubectl":
        literals = [word.split("=")[1] for word in words if word.startswith("--from-literal")]
        assert set(literals) <= environment.SECRETS
    elif program == "helm":
        assert (REPOSITORY / words[2] / "Chart.yaml").is_file()
        values = (REPOSITORY / words[2] / "values.yaml").read_text(encoding="utf-8")
        for setting in (word.partition("=")[0] for flag, word in pairwise(words) if flag == "--set"):
            group, name = setting.split(".")
            assert re.search(rf"^{group}:\n(?: .*\n)*?  {name}:", values, re.MULTILINE), setting
    elif program == "journalctl":
        unit, pattern = words[words.index("-u") + 1], words[words.index("grep") + 1]
        assert (REPOSITORY / f"deploy/systemd/{unit}.service").is_file()
        logging = "from lernbatch import log; log.configure('info'); log.info('a bug', request_id='4711')"
        logged = subprocess.run([sys.executable, "-c", logging], capture_output=True, text=True, check=True).stderr
        assert re.search(pattern, logged)
    elif program == "install":
        assert "-d" in words or (REPOSITORY / words[-2]).is_file()
    elif program in TOOLS:
        assert words[: len(TOOLS[program])] == TOOLS[program]
    elif program == "systemctl":
        assert words[:-1] in (["reload"], ["restart"], ["enable", "--now"])
        assert words[-1] in ("nginx", "caddy", "lernbatch")
    elif program.startswith("LERNBATCH_"):
        setting = program.partition("=")[0].removeprefix("LERNBATCH_").removesuffix("_FILE").lower()
        assert setting in config.Config.model_fields
    elif program != "curl":
        assert Path(program).name == "lernbatch"
        cli.command_line(tuple(words)).parse_args(words, print_error=False, exit_on_error=False)


def test_what_is_deployed_is_this_version() -> None:
    chart = (REPOSITORY / "deploy/helm/lernbatch/Chart.yaml").read_text(encoding="utf-8")
    assert f'appVersion: "{__version__}"' in chart
    assert f"image: lernbatch:{__version__}" in (REPOSITORY / "compose.yaml").read_text(encoding="utf-8")


def commands(app: App, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """All commands, as the words that call them."""
    names = [name for name in app if not name.startswith("-")]
    for name in names:
        yield from commands(app[name], (*path, name))
    if path and not names:
        yield path


def test_every_command_is_in_the_table_of_commands() -> None:
    table = (REPOSITORY / "docs/operations.md").read_text(encoding="utf-8").partition("| command | what it does |")[2]
    cells = [line.split(" | ")[0] for line in table.partition("\n\n")[0].splitlines()]
    words = list(commands(cli.command_line(("*",))))
    assert len(words) > 40
    missing = [
        path
        for path in words
        if path not in OLD_NAMES
        and not any(
            cell.startswith(f"| `lernbatch {path[0]}") and path[-1] in re.findall(r"[\w-]+", cell) for cell in cells
        )
    ]
    assert missing == []


def test_a_command_that_a_page_names_exists() -> None:
    named = {span for path in PAGES for span in _SPAN.findall(path.read_text(encoding="utf-8"))}
    unknown = []
    for span in sorted(named):
        words = [word for word in span.replace("\\|", "|").split()[1:] if re.match(r"[a-z]", word)]
        for first in words[:1]:
            others = words[1].split("|") if len(words) > 1 else [""]
            for word in others:
                path = (first, word) if word else (first,)
                known, _, rest = cli.command_line(path).parse_commands(path)
                if not known or (rest and cli.command_line(path)[first].default_command is None):
                    unknown.append(span)
    assert len(named) > 20
    assert unknown == []


def test_the_templates_of_the_page_on_certificates_can_be_attached(service: Running) -> None:
    criteria, attachment = blocks("json", "certificates.md")
    request = json.loads(attachment)["request"]
    request["batch"] |= {"courseId": COURSE, "batchId": new_batch(service)}
    assert service.call("PATCH", ADD_TEMPLATE, VIKRAM, request).status_code == 200
    request["batch"]["template"]["criteria"] = json.loads(criteria)
    assert service.call("PATCH", ADD_TEMPLATE, VIKRAM, request).status_code == 200


def test_the_request_of_the_page_on_exhausts_is_taken(service: Running) -> None:
    (request,) = blocks("json", "exhausts.md")
    fields: dict[str, Any] = json.loads(request)["request"]
    fields["datasetConfig"]["batchId"] = Reporting(service).batch_id
    answer = service.call("POST", "/v1/jobrequest/submit", VIKRAM, fields)
    assert answer.status_code == 200, answer.text


def test_the_statements_of_the_pages_run(dsn: str) -> None:
    async def run() -> None:
        conn = await asyncpg.connect(dsn)
        try:
            transaction = conn.transaction()
            await transaction.start()
            for text in blocks("sql"):
                await conn.execute(text)
            await transaction.rollback()  # a role is the whole server's
        finally:
            await conn.close()

    assert len(blocks("sql")) > 1
    asyncio.run(run())


def test_the_page_of_the_console_that_is_shown_is_made_of_what_there_is() -> None:
    (text,) = blocks("python", "console.md")
    code = ast.parse(text)
    there_is = vars(builtins) | vars(console) | vars(handlers)
    nodes = list(ast.walk(code))
    own = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    own |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    assert {node.id for node in nodes if isinstance(node, ast.Name)} - own - set(there_is) == set()
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id not in own:
            assert hasattr(there_is[node.value.id], node.attr), ast.unparse(node)
    row = code.body[0]
    assert isinstance(row, ast.Expr)
    (page,) = eval(ast.unparse(row), dict(vars(console)))
    assert page in console.PAGES


def test_the_lines_that_read_a_csv_read_what_is_written() -> None:
    (lines,) = blocks("python", "exhausts.md")
    row = ["a, b", 'say "yes"', "two\nlines", "", "गिनती"]
    for line in lines.splitlines():
        call, _, comment = line.partition("#")
        parsed = ast.parse(call.strip(), mode="eval").body
        assert isinstance(parsed, ast.Call)
        options: dict[str, Any] = {
            str(keyword.arg): ast.literal_eval(keyword.value) for keyword in parsed.keywords if keyword.arg != "dtype"
        }
        for name in re.findall(r"csv[\w-]*", comment):
            text = formats.Csv(FileFormat(name)).rows([row]).decode()
            assert list(csv.reader(io.StringIO(text, newline=""), **options)) == [row], name
