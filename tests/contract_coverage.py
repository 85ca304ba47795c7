"""Which test holds which numbered case of the contract: writes docs/contract-coverage.md.

    python -m tests.contract_coverage           run these tests and write the table
    python -m tests.contract_coverage --names   only say which cases have no test

Exits non-zero when a case has no test, or one of its tests does not pass.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
CASES = ROOT / "tests" / "contract" / "cases.txt"
TABLE = ROOT / "docs" / "contract-coverage.md"
_LINE = re.compile(r"^([A-Z]+\d+)\s+(.*?) → (.*)$")
_NUMBER = re.compile(r"^(c|u|rd|s|p|k|y|a|r|i|e)(\d+)[a-z]?$")


@dataclass(frozen=True, slots=True)
class Case:
    """A numbered case; `group`: the call that it is of."""

    number: str
    group: str
    when: str
    answer: str


@dataclass(frozen=True, slots=True)
class Test:
    """A test function that names cases: its file, seen from the root, and its name."""

    file: str
    name: str
    numbers: tuple[str, ...]


def cases() -> list[Case]:
    """The numbered cases, in the order of the file."""
    found, group = [], ""
    for line in CASES.read_text(encoding="utf-8").splitlines():
        if line.endswith(":"):
            group = line.rstrip(":")
        elif (case := _LINE.match(line)) is not None:
            found.append(Case(case[1], group, case[2], case[3]))
    return found


OF_THE_CONSOLE = ROOT / "tests" / "console"  # whose pages have numbers of their own, K01 to K80


@cache
def tests() -> list[Test]:
    """The tests whose names begin with numbers of cases: test_e03_e04_a_missing_id_is_named."""
    files = (file for file in sorted((ROOT / "tests").rglob("test_*.py")) if OF_THE_CONSOLE not in file.parents)
    return [test for file in files for test in _of_file(file)]


def _of_file(file: Path) -> Iterator[Test]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (numbers := _numbers(node.name)):
            yield Test(file.relative_to(ROOT).as_posix(), node.name, numbers)


def _numbers(name: str) -> tuple[str, ...]:
    """`test_c09_a_start…` → ("C9",)"""
    found = []
    for word in name.removeprefix("test_").split("_"):
        number = _NUMBER.match(word)
        if number is None:
            break
        found.append(f"{number[1].upper()}{int(number[2])}")
    return tuple(found)


def by_case(known: Sequence[Test]) -> Mapping[str, list[Test]]:
    """Case → its tests."""
    found: dict[str, list[Test]] = defaultdict(list)
    for test in known:
        for number in test.numbers:
            found[number].append(test)
    return found


def untested() -> list[Case]:
    """The cases without a test."""
    found = by_case(tests())
    return [case for case in cases() if case.number not in found]


def run(known: Sequence[Test]) -> Mapping[tuple[str, str], bool]:
    """(file, name) → whether every run of the test passed."""
    chosen = [f"{test.file}::{test.name}" for test in known]
    with TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        subprocess.run([sys.executable, "-m", "pytest", f"--junitxml={report}", *chosen], cwd=ROOT, check=False)
        passed: dict[tuple[str, str], bool] = {}
        for entry in ElementTree.parse(report).iter("testcase"):
            key = (f"{entry.get('classname', '').replace('.', '/')}.py", entry.get("name", "").partition("[")[0])
            passed[key] = passed.get(key, True) and not {child.tag for child in entry} & {"failure", "error", "skipped"}
        return passed


def table(passed: Mapping[tuple[str, str], bool]) -> str:
    """The document."""
    found = by_case(tests())
    lines = [
        "# The contract, case by case",
        "",
        "Every numbered case of the platform's contract, the tests that hold it, and how they ended. Written by",
        "`make coverage-of-contract`; not to be edited. Forms A to H are the contract's layouts of a failure.",
    ]
    group = ""
    for case in cases():
        if case.group != group:
            group = case.group
            lines += ["", f"## {group}", "", "| case | when | answer | tests | result |", "|---|---|---|---|---|"]
        held = found.get(case.number, [])
        names = "<br>".join(f"[{test.name}](../{test.file})" for test in held) or "–"
        lines.append(f"| {case.number} | {case.when} | {case.answer} | {names} | {_result(held, passed)} |")
    return "\n".join(lines) + "\n"


def _result(held: Sequence[Test], passed: Mapping[tuple[str, str], bool]) -> str:
    if not held:
        return "**no test**"
    return "passed" if all(passed.get((test.file, test.name), False) for test in held) else "**failed**"


def main(arguments: Sequence[str]) -> int:
    missing = untested()
    for case in missing:
        print(f"{case.number} has no test: {case.group.lower()}, {case.when}", file=sys.stderr)
    if "--names" in arguments:
        return bool(missing)
    known = tests()
    document = table(run(known))
    TABLE.write_text(document, encoding="utf-8")
    failed = "**failed**" in document
    print(f"{len(cases())} cases, {len(missing)} without a test, {len(known)} tests; written to {TABLE.name}.")
    return bool(missing) or failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
