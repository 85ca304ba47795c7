"""A source is opened: what form it has is found out by looking."""

from __future__ import annotations

import hashlib
import re
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lernbatch.sunbird_source.catalog import TABLES, CqlType
from lernbatch.sunbird_source.cqlsh import CqlshCsv, Evidence, header_cells, logged_rows
from lernbatch.sunbird_source.dsbulk import DsbulkJson, column_names
from lernbatch.sunbird_source.files import NoSource, SourceFile, blocks, head, lines, remove, sizes
from lernbatch.sunbird_source.live import DIALECTS, LiveSource
from lernbatch.sunbird_source.model import Options, SunbirdSource
from lernbatch.sunbird_source.naming import identified
from lernbatch.sunbird_source.schema import read_schema

_LOGS = (".log", ".txt", ".out")
_LONGEST_LOG_BYTES = 64 * 1024 * 1024
_data = re.compile(r"(?P<stem>.+?)\.(?P<kind>csv|json)(?:\.(?P<part>\d+))?(?:\.gz)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file that may hold rows. `called`: the table by its place, with its keyspace. `part`: of a split file."""

    called: str
    kind: str
    path: Path
    name: str
    part: int = 0


def open_source(text: str, options: Options | None = None) -> SunbirdSource:
    """Open a cluster (`cassandra://…`, `ycql://…`), a folder, or a packed folder.

    Raises: Unusable, with a sentence for the operator, where it cannot be read as a Sunbird's.
    """
    options = options or Options()
    if text.partition("://")[0] in DIALECTS:
        live = LiveSource(text, options)
        try:
            live.look()
        except BaseException:
            live.close()
            raise
        return live
    path = Path(text)
    if not path.exists():
        raise NoSource(f"There is no folder {text}.")
    unpacked: list[Path] = []
    try:
        return _folder(text, path, options, unpacked)
    except BaseException:
        remove(unpacked)
        raise


def _folder(text: str, path: Path, options: Options, unpacked: list[Path]) -> SunbirdSource:
    roots = [(path, "")] if path.is_dir() else []
    for packed in [path] if path.is_file() else sorted([*path.glob("*.tar.gz"), *path.glob("*.tgz")]):
        unpacked.append(_unpack(packed))
        roots.append((unpacked[-1], f"{packed.name}/"))
    data = [file for root, prefix in roots for file in _data_files(root, prefix)]
    schemas: dict[str, Mapping[str, CqlType]] = {}  # table, its keyspace by its folder → what a `.cql` file declares
    for path in sorted(file for root, _ in roots for file in root.resolve().rglob("*.cql")):
        schema = read_schema(path.read_text("utf-8", "replace"))
        schemas |= {f"{path.parent.name}.{table}": columns for table, columns in schema.tables.items()}
    declared, parts, empty = _declared(data, schemas)
    tables, set_aside = identified(declared, options)
    names = {table.called: table.name for table in tables.values()}
    kinds = {file.kind for file in data if file.called in names}
    if len(kinds) > 1:
        raise NoSource(f"{text} holds CSV and JSON files; name the folder of one form.")
    if not kinds:
        raise NoSource(f"{text} holds no export: neither a table's CSV by cqlsh nor JSON by dsbulk, with any rows.")
    files = [replace(part, table=names[part.table]) for part in parts if part.table in names]
    set_aside |= dict.fromkeys(empty, "its files are empty")
    logs: dict[str, int] = {}  # what they say of exported rows, by table with its keyspace
    for path in sorted(file for root, _ in roots for file in root.rglob("*") if file.suffix in _LOGS):
        if path.is_file() and path.stat().st_size <= _LONGEST_LOG_BYTES:
            logs |= logged_rows(path.read_text("utf-8", "replace"))
    bytes_by_table = sizes(files)
    tables = {
        name: replace(table, size_bytes=bytes_by_table[name], logged_rows=logs.get(table.called))
        for name, table in tables.items()
    }
    if kinds == {"json"}:
        return DsbulkJson(text, "dsbulk-json", tables, set_aside, files, options, unpacked=unpacked)
    evidence = Evidence()  # how backslashes are meant in all files
    if options.escape is None:
        for part in parts:
            evidence.look(lines(blocks(part.path, 0, None, hashlib.sha256())), part.name)
    escape = evidence.escape(options.escape)
    return CqlshCsv(text, "cqlsh", tables, set_aside, files, options, escape, rounds=True, unpacked=unpacked)


def _unpack(packed: Path) -> Path:
    """The folder where the files of an archive are now. Raises: NoSource."""
    folder = Path(tempfile.mkdtemp(prefix="lernbatch-sunbird-"))
    try:
        with tarfile.open(packed, "r|gz") as archive:
            archive.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, OSError) as broken:
        remove([folder])
        raise NoSource(f"{packed} cannot be unpacked: {broken}") from broken
    return folder


def _data_files(root: Path, prefix: str) -> Iterator[DataFile]:
    top = root.resolve()
    for path in sorted(file for file in top.rglob("*") if file.is_file()):
        match = _data.fullmatch(path.name)
        if match is None:
            continue
        stem, folder = match["stem"], path.parent
        if match["kind"].lower() == "csv" and not stem.startswith("output-"):
            called = stem if "." in stem else f"{folder.name}.{stem}"  # <keyspace>/<table>.csv
        else:
            called = f"{folder.parent.name}.{folder.name}"  # <keyspace>/<table>/output-000001.json
        name = prefix + path.relative_to(top).as_posix()
        yield DataFile(called, match["kind"].lower(), path, name, int(match["part"] or 0))


def _declared(
    data: list[DataFile], schemas: Mapping[str, Mapping[str, CqlType]]
) -> tuple[dict[str, dict[str, CqlType | None]], list[SourceFile], list[str]]:
    """The columns by table, the files with the source's names of their tables, and the tables without any row."""
    declared: dict[str, dict[str, CqlType | None]] = {}
    files: list[SourceFile] = []
    headers: dict[Path, tuple[str, ...]] = {}
    for file in sorted(data, key=lambda file: (file.path.parent, file.called, file.part)):
        start = head(file.path)
        if not start.strip():
            continue
        types = schemas.get(file.called, {})
        columns: tuple[str, ...]
        named = False
        if file.kind == "json":
            columns = tuple(column_names(start))
            files.append(SourceFile(file.called, file.path, file.name))
        else:
            first = file.path.with_suffix("") if file.part else file.path
            cells = header_cells(start.partition(b"\n")[0])
            usual = types or (kind.columns if (kind := TABLES.get(file.called.rpartition(".")[2])) else {})
            if first in headers and file.part:  # only the first part of a split file names the columns
                columns = headers[first]
            elif not usual or any(cell in usual for cell in cells):
                columns, named = cells, True
            elif len(cells) == len(types):
                columns = tuple(types)
            else:
                raise NoSource(
                    f"{file.name} does not begin with the names of its columns, and no schema.cql lies beside it that "
                    "tells them; export it WITH HEADER = true."
                )
            headers[file.path] = columns
            files.append(SourceFile(file.called, file.path, file.name, columns, named))
        declared.setdefault(file.called, {}).update((column, types.get(column)) for column in columns)
    empty = {file.called for file in data} - declared.keys()
    return declared, files, sorted(empty)
