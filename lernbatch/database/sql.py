"""Loads a room's `queries.sql`: named statements whose `:parameters` become `$n`, and the fragments they share.

A line `-- sharded: AND e.user_id = ANY(:user_ids)` is a condition for Citus alone: it repeats what a join says, so that
the shards of these learners are found and no others are asked. PostgreSQL would evaluate it row by row for nothing.
`-- sharded NAME` begins the form in which Citus takes the whole statement NAME, where its shape suits PostgreSQL alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

from lernbatch import spans

# A name is a comment line of its own with one word; what follows up to the next name is the statement.
# After `-- fragment NAME` it is a piece of SQL, which stands in later statements and fragments as `:{NAME}`, and in the
# rooms above as `:{room.NAME}`.
_NAME = re.compile(r"^-- (fragment |sharded )?([a-z][a-z0-9_]*)$", re.MULTILINE)
_FRAGMENT = re.compile(r"(?<!:):\{(?:([a-z]+)\.)?([a-z][a-z0-9_]*)\}")
# In a statement that reads and does nothing else, none of these words stands.
_WRITING = re.compile(r"\b(insert|update|delete|merge|nextval|setval|lock|share|pg_\w*advisory\w*)\b", re.IGNORECASE)
# A parameter, but not a cast (`::text`), and nothing inside quotes or comments.
_TOKEN = re.compile(r"'(?:[^']|'')*'|--[^\n]*|::\w+|:([a-z][a-z0-9_]*)")
_SHARDED = re.compile(r"^ *-- sharded: ", re.MULTILINE)
_sharded_forms: dict[str, str] = {}  # of the statements that have conditions for Citus


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as PostgreSQL takes it, and the parameter names in the order of its `$n`."""

    name: str
    text: str
    parameters: tuple[str, ...]

    @property
    def only_reads(self) -> bool:
        """Whether it changes nothing and locks nothing, so that nobody notices when it is sent twice."""
        return _WRITING.search(self.text) is None

    def arguments(self, given: dict[str, object]) -> list[object]:
        """`given` in the order of the parameters. Raises TypeError on one missing or unknown: a bug of ours."""
        if len(given) != len(self.parameters):
            wrong = set(given) ^ set(self.parameters)
            raise TypeError(f"{self.name} does not take exactly these parameters: {sorted(wrong)} differ")
        return [given[name] for name in self.parameters]


class Queries:
    """The statements of one room, as attributes."""

    def __init__(self, statements: dict[str, Statement]) -> None:
        self.statements = statements

    def __getattr__(self, name: str) -> Statement:
        try:
            return self.statements[name]
        except KeyError:
            raise AttributeError(f"no statement {name!r}") from None


def load(package: str) -> Queries:
    """The statements of `package`'s queries.sql."""
    queries = parse(_text(package))
    room = package.removeprefix("lernbatch.")
    spans.STATEMENTS.update({statement.text: f"{room}.{name}" for name, statement in queries.statements.items()})
    return queries


def parse(text: str) -> Queries:
    """`text` cut at its names. Raises ValueError when a name stands twice, or a fragment is unknown or unused."""
    parts = _NAME.split(text)
    statements: dict[str, Statement] = {}
    fragments: dict[str, str] = {}
    used: set[str] = set()

    def fragment(match: re.Match[str]) -> str:
        room, name = match.groups()
        if room is None:
            used.add(name)
        of_room = fragments if room is None else _fragments(f"lernbatch.{room}")
        if name not in of_room:
            raise ValueError(f"there is no fragment {match[0][2:-1]} above its use")
        return of_room[name]

    for kind, name, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        body = _FRAGMENT.sub(fragment, body)
        if kind == "sharded ":
            if name not in statements:
                raise ValueError(f"there is no statement {name} above its form for Citus")
            _add_sharded_form(statements[name], body)
            continue
        if name in statements or name in fragments:
            raise ValueError(f"the statement {name} stands twice")
        if kind:
            fragments[name] = body.strip()
        else:
            statements[name] = compile_statement(name, body)
    if unused := fragments.keys() - used:
        raise ValueError(f"no statement uses the fragments {sorted(unused)}")
    return Queries(statements)


@cache
def _fragments(package: str) -> dict[str, str]:
    """The fragments of another room, which use none themselves."""
    parts = _NAME.split(_text(package))
    entries = zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    return {name: body.strip() for kind, name, body in entries if kind == "fragment "}


def _text(package: str) -> str:
    return resources.files(package).joinpath("queries.sql").read_text(encoding="utf-8")


def compile_statement(name: str, body: str) -> Statement:
    """One statement without comments and blank lines; its `:parameters` are `$n` in the order of their first use."""
    text, parameters = _compiled(body, ())
    statement = Statement(name, text, parameters)
    if _SHARDED.search(body):
        _add_sharded_form(statement, _SHARDED.sub("", body))
    return statement


def _add_sharded_form(statement: Statement, body: str) -> None:
    text, parameters = _compiled(body, statement.parameters)
    if parameters != statement.parameters:
        raise ValueError(f"the form of {statement.name} for Citus has a parameter that the statement lacks")
    _sharded_forms[statement.text] = text


def _compiled(body: str, first: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The text of a statement, and its parameters: `first`, then the others in the order of their first use."""
    parameters = list(first)

    def numbered(match: re.Match[str]) -> str:
        parameter = match.group(1)
        if parameter is None:
            return "" if match.group().startswith("--") else match.group()
        if parameter not in parameters:
            parameters.append(parameter)
        return f"${parameters.index(parameter) + 1}"

    lines = [line for line in _TOKEN.sub(numbered, body).splitlines() if line.strip()]
    return "\n".join(lines).strip().rstrip(";"), tuple(parameters)


def sharded(text: str) -> str:
    """The statement `text` as Citus takes it; itself, where that is the same."""
    return _sharded_forms.get(text, text)
