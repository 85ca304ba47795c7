"""Which table of a source is which, and which column: by name, as the operator says, or guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lernbatch.errors import Unusable
from lernbatch.sunbird_source.catalog import DERIVED, RENAMED_COLUMNS, TABLES, CqlType, accepts
from lernbatch.sunbird_source.model import Options, SourceTable

_ALIKE = 0.6  # of a table's columns, from which on it may be one of ours under another name


class ForeignTable(Unusable):
    """A table has the name of one of ours, but not its columns or their types: it is something else."""


class SeveralTables(Unusable):
    """Several tables may be one of ours, and nobody is guessed."""

    def __init__(self, name: str, called: Sequence[str]) -> None:
        super().__init__(
            f"Both {' and '.join(called)} may be the table {name}; say which one counts, "
            f"as in --table {name}={called[0]}."
        )


class NoSuchName(Unusable):
    """A table or a column that the operator names is not there."""


def identified(
    declared: Mapping[str, Mapping[str, CqlType | None]], options: Options
) -> tuple[dict[str, SourceTable], dict[str, str]]:
    """The tables of a source by our names, and those that are set aside → why.

    `declared`: table, with its keyspace where it has one (`sunbird_courses.user_enrolments`) → column → type, None
    where nobody knows it. Raises: ForeignTable, SeveralTables, NoSuchName.
    """
    chosen: dict[str, str] = {}
    set_aside: dict[str, str] = {}
    for name, said in options.tables.items():
        if name not in TABLES:
            raise NoSuchName(f"--table {name}={said}: there is no table {name}; there are {', '.join(sorted(TABLES))}.")
        matches = [called for called in declared if said in (called, _bare(called))]
        if not matches:
            raise NoSuchName(f"--table {name}={said}: the source has no table {said}.")
        if len(matches) > 1:
            raise SeveralTables(name, matches)
        chosen[name] = matches[0]
    for name in TABLES:
        candidates = [called for called in declared if _bare(called) == name and called not in chosen.values()]
        if name in chosen or not candidates:
            continue
        usual = [called for called in candidates if called == f"{TABLES[name].keyspace}.{name}"]
        if len(candidates) > 1 and not usual:
            raise SeveralTables(name, candidates)
        chosen[name] = (usual or candidates)[0]
    tables = {name: _table(name, called, declared[called], options) for name, called in chosen.items()}
    guesses: dict[str, list[str]] = {}
    for called, columns in declared.items():
        if called in chosen.values():
            continue
        if _bare(called) in DERIVED:
            tables[_bare(called)] = SourceTable(_bare(called), called, {}, derived=True)
        elif _bare(called) in TABLES:
            set_aside[called] = f"{chosen[_bare(called)]} is read for {_bare(called)}"
        elif (guess := _guess(_bare(called), columns)) is not None:
            guesses.setdefault(guess, []).append(called)
        else:
            set_aside[called] = "it holds nothing that is moved"
    for name, called_so in guesses.items():
        if name in options.tables:
            set_aside |= dict.fromkeys(called_so, f"{chosen[name]} is read for {name}")
        elif name in chosen or len(called_so) > 1:
            raise SeveralTables(name, [*([chosen[name]] if name in chosen else []), *called_so])
        else:
            tables[name] = _table(name, called_so[0], declared[called_so[0]], options)
    return tables, set_aside


def _bare(called: str) -> str:
    return called.rpartition(".")[2]


def _guess(called: str, columns: Iterable[str]) -> str | None:
    """Which of our tables one of another name is: it has the whole key and most columns, and no other has more."""
    shares = {}
    for name, kind in TABLES.items():
        names = set(_named(kind.columns, columns, {}).values())
        if names.issuperset(kind.key):
            alike = len(names) / max(len([*columns]), 1) * (2 if called.startswith(f"{name}_") else 1)
            shares[name] = alike if len(names) / len([*columns]) >= _ALIKE else 0.0
    best = max(shares.values(), default=0.0)
    likely = [name for name, share in shares.items() if share == best and share]
    return likely[0] if len(likely) == 1 else None


def _named(usual: Mapping[str, CqlType], columns: Iterable[str], said: Mapping[str, str]) -> dict[str, str]:
    """What the source calls a column → what we call it. `said`: our name → the source's, by the operator."""
    there = {*columns}
    names = {called: name for name, called in said.items()}
    names |= {name: name for name in usual if name in there and name not in said and name not in names}
    for called, name in RENAMED_COLUMNS.items():
        if called in there and called not in names and name in usual and name not in names.values():
            names[called] = name
    return names


def _table(name: str, called: str, columns: Mapping[str, CqlType | None], options: Options) -> SourceTable:
    kind = TABLES[name]
    said = {column: other for (table, column), other in options.columns.items() if table == name}
    for column, other in said.items():
        if column not in kind.columns:
            raise NoSuchName(f"--column {name}.{column}={other}: the table {name} has no column {column}.")
        if other not in columns:
            raise NoSuchName(f"--column {name}.{column}={other}: {called} has no column {other}.")
    names = _named(kind.columns, columns, said)
    missing = [column for column in kind.key if column not in names.values()]
    if missing:
        raise ForeignTable(
            f"{called} has no column {', '.join(missing)}, so it is no {name} of a Sunbird. Where the column has "
            f"another name, say so, as in --column {name}.{missing[0]}=OTHER."
        )
    for column, called_so in ((column, called_so) for called_so, column in names.items()):
        actual = columns[called_so]
        if actual is not None and not accepts(kind.columns[column], actual):
            raise ForeignTable(
                f"{called}.{called_so} is a {actual}, where a Sunbird has a {kind.columns[column]}: "
                "this is another table, and nothing of it can be taken."
            )
    return SourceTable(name, called, names, unknown=tuple(column for column in columns if column not in names))
