"""Names and citations: one class name for one thing, indexes that name their statements, citations that resolve."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

from lernbatch.database import sql
from tests.project.modules import ROOTS, packages_with_statements

REPOSITORY = ROOTS[0].parent
PACKAGES = ("lernbatch", "sandbox", "postgres_supervisor")
PAGES = {
    "batches": "batches.md",
    "enrolment": "enrolment-and-progress.md",
    "jobs": "jobs-certificates-exhausts.md",
    "migration": "migration.md",
}
# "batches §3.2": the page and the section. A bare section, or one of "the contract", leads nowhere.
_CITATION = re.compile(r"(?:(?P<page>[\w-]+),? )?§ ?(?P<section>\d+(?:\.\d+)*)")
_DEFECT = re.compile(r"\bdefects? (?P<number>[A-Z]?\d+)")
_OTHERS = (
    "Bitstring",
    "EdDSA",
    "Cryptosuite",
    "Data Integrity",
    "RFC",
    "CSS",
    "SVG 2",
    "ECMA",
    "Open Badges",
    "VC-JOSE",
)  # standards, with sections of their own


def sources() -> list[Path]:
    """The files that may cite: code, statements, tests, pages."""
    folders = [*PACKAGES, "tests", "bench", "docs"]
    found = [path for folder in folders for path in (REPOSITORY / folder).rglob("*")]
    kinds = (".py", ".sql", ".md", ".html")
    return [path for path in found if path.suffix in kinds and "docs/contract" not in path.as_posix()]


def anchors(page: str) -> set[str]:
    text = (REPOSITORY / "docs" / "contract" / PAGES[page]).read_text(encoding="utf-8")
    return set(re.findall(r'<a id="(\w[\w.]*)">', text))


def test_every_citation_of_the_contract_leads_to_a_section() -> None:
    known = {page: anchors(page) for page in PAGES}
    wrong = []
    for path in sources():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            page = None
            for citation in _CITATION.finditer(line):
                page = citation["page"] if citation["page"] in PAGES else page
                if page is None and any(word in line for word in _OTHERS):
                    continue
                if page is None or f"s{citation['section']}" not in known[page]:
                    wrong.append(f"{path.relative_to(REPOSITORY)}:{number}: {citation.group()}")
    assert wrong == []


def test_every_cited_defect_is_a_row_of_the_contract() -> None:
    known = anchors("batches") | anchors("enrolment")
    wrong = [
        f"{path.relative_to(REPOSITORY)}: {citation.group()}"
        for path in sources()
        for citation in _DEFECT.finditer(path.read_text(encoding="utf-8"))
        if f"d{citation['number']}" not in known
    ]
    assert wrong == []


_PLACES = [
    row
    for row in (REPOSITORY / "docs/house.md").read_text(encoding="utf-8").splitlines()
    if row.startswith("| ") and not row.startswith("| to change")
]


@pytest.mark.parametrize("row", _PLACES, ids=[row.split("|")[1].strip()[:40] for row in _PLACES])
def test_what_the_page_of_places_names_stands_where_it_says(row: str) -> None:
    files = [REPOSITORY / "docs" / link for link in re.findall(r"\]\((\.\./[^)]+)\)", row)]
    texts = "".join(file.read_text(encoding="utf-8") for file in files)
    assert files != []
    assert [name for name in re.findall(r"`(\w+)(?:\(…\))?`", row) if not re.search(rf"\b{name}\b", texts)] == []


# Names that say nothing of what they hold; the noun does.
_SAY_NOTHING = {"found", "one", "made", "asked", "wanted", "known"}


def test_a_local_variable_says_its_noun() -> None:
    wrong = []
    for path in (path for package in PACKAGES for path in sorted((REPOSITORY / package).rglob("*.py"))):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                names = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
                names |= {
                    node.id
                    for node in ast.walk(function)
                    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
                }
                wrong += [f"{path.relative_to(REPOSITORY)}:{function.lineno}: {name}" for name in names & _SAY_NOTHING]
    assert wrong == []


def class_names() -> dict[str, list[str]]:
    """Class name (a leading underscore apart) → the modules that define it."""
    found: dict[str, list[str]] = defaultdict(list)
    for package in PACKAGES:
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    found[node.name.lstrip("_")].append(path.relative_to(REPOSITORY).as_posix())
    return found


# Names that may stand twice, each with the reason. At most one in twenty.
EXCUSED: dict[str, str] = {
    "Consent": "the sandbox stores what the client reads",
    "Content": "the sandbox stores what the client reads",
    "Event": "what others must hear; an assessment event is the contract's name for an answer",
    "Organisation": "the sandbox stores what the client reads",
    "Refused": "the protocol's is private: it ends the parsing of a request",
    "Template": "the sandbox stores what the client reads",
    "TooManyUsers": "one refusal of the contract, with a bound of each room's own",
}


def test_no_class_name_stands_for_two_things() -> None:
    names = class_names()
    twice = {name: where for name, where in names.items() if len(where) > 1 and name not in EXCUSED}
    assert twice == {}
    assert len(EXCUSED) <= len(names) / 20
    assert [name for name in EXCUSED if len(names.get(name, [])) < 2] == []


INDEX = re.compile(r"^CREATE (?:UNIQUE )?INDEX (?P<name>\w+)[^;]*;(?:[ ]*-- (?P<comment>.*))?$", re.MULTILINE)


def test_the_comment_of_every_index_names_statements_that_exist() -> None:
    statements = {
        f"{room.removeprefix('lernbatch.')}.{name}"
        for room in packages_with_statements()
        for name in sql.load(room).statements
    }
    schema = (ROOTS[0] / "schema.sql").read_text(encoding="utf-8")
    wrong = [
        f"{index['name']}: {word}"
        for index in INDEX.finditer(schema)
        for word in re.findall(r"\b[a-z]+(?:\.[a-z]+)*\.[a-z_]+\b", index["comment"] or "")
        if word not in statements
    ]
    assert wrong == []


# Which rooms may write which table. A table that several rooms write is written together with what belongs to them: an
# enrolment with its progress, its certificates and its account. Erasing a person reaches all of them.
WRITERS: dict[str, tuple[str, ...]] = {
    "adoption": ("batch", "erasure", "progress"),
    "attempt": ("account", "erasure", "progress", "takeover"),
    "audit": ("erasure", "web"),
    "batch": ("batch", "certificate", "erasure", "progress", "takeover"),
    "batch_listing": ("batch", "erasure"),
    "batch_figures": ("figures",),
    "bulk_person": ("bulk", "erasure"),
    "bulk_process": ("bulk", "erasure"),
    "bulk_row": ("bulk", "erasure"),
    "certificate": ("account", "certificate", "erasure"),
    "certificate_due": ("certificate", "enrolment", "erasure", "progress"),
    "certificate_file": ("template",),
    "certificate_status_list": ("certificate",),
    "consent": ("erasure", "person"),
    "console_session": ("erasure", "session"),
    "saved_view": ("console", "erasure"),
    "batch_change": ("batch", "erasure"),
    "contact": ("erasure", "mentoring"),
    "course": ("course", "sandbox"),
    "ended_account": ("account", "erasure"),
    "enrolment": ("account", "certificate", "enrolment", "erasure", "progress", "takeover"),
    "erasure": ("erasure",),
    "exhaust_request": ("erasure", "exhaust"),
    "exhaust_turn": ("exhaust",),
    "idempotency_key": ("erasure", "web"),
    "imported_certificate": ("certificate", "erasure", "exhaust", "takeover"),
    "imported_key": ("takeover",),
    "job": ("jobs",),
    "inbox": ("erasure", "inbox"),
    "learner_figures": ("erasure", "figures"),
    "merged_account": ("account", "erasure"),
    "outbox": ("erasure", "jobs.outbox"),
    "people_due": ("erasure", "person"),
    "profile": ("erasure", "person"),
    "rate_count": ("web",),
    "roster_change": ("bulk", "erasure"),
    "roster_draft": ("bulk", "erasure"),
    "takeover": ("erasure", "exhaust", "takeover"),
    "template_recheck": ("certificate",),
    "webhook": ("erasure", "webhook"),
    "webhook_delivery": ("erasure", "webhook"),
}
_WRITE = re.compile(r"\b(?:INSERT INTO|UPDATE|DELETE FROM|TRUNCATE|COPY) (?:ONLY )?(\w+)", re.IGNORECASE)


def written_tables() -> dict[str, set[str]]:
    """Table → the rooms whose statements write it."""
    tables = set(
        re.findall(
            r"^CREATE (?:UNLOGGED )?TABLE (\w+)", (ROOTS[0] / "schema.sql").read_text(encoding="utf-8"), re.MULTILINE
        )
    )
    found: dict[str, set[str]] = defaultdict(set)
    for room in packages_with_statements():
        for statement in sql.load(room).statements.values():
            for table in _WRITE.findall(statement.text):
                if table in tables:
                    found[table].add(room.removeprefix("lernbatch."))
    return found


@pytest.mark.parametrize("table", sorted(written_tables()))
def test_a_table_is_written_by_its_rooms_alone(table: str) -> None:
    assert written_tables()[table] == set(WRITERS[table])


def test_every_table_that_is_listed_is_written() -> None:
    assert set(WRITERS) == set(written_tables())
