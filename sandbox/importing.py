"""Imports of files into the sandbox's tables. Each import is one transaction: the good rows of a file, or nothing."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

from lernbatch.course.model import Course
from lernbatch.database import db, sql
from lernbatch.database.db import Connection
from sandbox import contents, csv_files, published
from sandbox.csv_files import PersonRow, Problem
from sandbox.published import NotImportable, Published

Q = sql.load("sandbox")
_COLUMNS = attrgetter(*PersonRow.__dataclass_fields__)  # astuple would copy every value
SAMPLE = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    count: int
    problems: tuple[Problem, ...] = ()


async def sample(conn: Connection, now: datetime) -> Course:
    """Import all that is bundled: a course in three languages, the people around it, two certificate templates."""
    async with conn.transaction():
        await organisations(conn, SAMPLE / "organisations.csv")
        await people(conn, SAMPLE / "people.csv")
        await consents(conn, SAMPLE / "consents.csv", now)
        await groups(conn, SAMPLE / "groups.json")
        for file in sorted((SAMPLE / "templates").glob("*.json")):
            await template(conn, file)
        await question_sets(conn, SAMPLE / "question-sets.json", now)
        return await course(conn, SAMPLE / "course.json", now)


async def course(conn: Connection, path: Path, now: datetime, *, force_trackable: bool = False) -> Course:
    """Import a published collection. Raises: NotImportable, with the reason."""
    publication = published.read_course(published.read_json(path), force_trackable=force_trackable)
    await put_course(conn, publication, now)
    return publication.course


async def question_sets(conn: Connection, path: Path, now: datetime) -> Imported:
    """Import question sets with their questions: one, or a list, as the question set hierarchy call answers with."""
    listed = _listed(published.read_json(path), "questionset", "questionSet")
    nodes = [published.read_question_set(node) for node in listed]
    async with conn.transaction():
        await contents.put(conn, [(published.content(node), node) for node in nodes], now)
    return Imported(len(nodes))


async def put_course(conn: Connection, publication: Published, now: datetime) -> None:
    """Store a course and everything in it; a service that has it in its cache reads it again within seconds."""
    root, *others = publication.contents
    async with conn.transaction():
        await contents.put(conn, [(root, publication.hierarchy), *((content, None) for content in others)], now)
        await db.run(conn, Q.outdate_snapshots, course_id=root["identifier"])


async def organisations(conn: Connection, path: Path) -> Imported:
    """Import organisations from CSV."""
    read = csv_files.organisations(path)
    rows = [row for _, row in read.rows]
    async with conn.transaction():
        await db.run(
            conn,
            Q.put_organisations,
            org_ids=[row.org_id for row in rows],
            names=[row.name for row in rows],
            channels=[row.channel for row in rows],
            are_roots=[row.is_root for row in rows],
        )
    return Imported(len(rows), tuple(read.problems))


async def people(conn: Connection, path: Path) -> Imported:
    """Import people from CSV. A row that names an organisation nobody imported is a problem."""
    read = csv_files.people(path)
    async with conn.transaction():
        named = sorted({row.org_id for _, row in read.rows if row.org_id})
        org_ids = set(await db.value(conn, Q.known_organisations, org_ids=named))
        strangers = [(line, row) for line, row in read.rows if row.org_id and row.org_id not in org_ids]
        good = [row for _, row in read.rows if not row.org_id or row.org_id in org_ids]
        await put_people(conn, good)
    problems = [*read.problems, *(Problem(line, f"there is no organisation {row.org_id}") for line, row in strangers)]
    return Imported(len(good), tuple(sorted(problems, key=lambda problem: problem.line)))


async def put_people(conn: Connection, rows: Sequence[PersonRow]) -> None:
    """Keep people; one who is known is replaced. COPY into a table of the transaction, since there may be many."""
    async with conn.transaction():
        await db.run(conn, Q.make_arriving)
        await conn.copy_records_to_table("sandbox_arriving", records=map(_COLUMNS, rows))
        await db.run(conn, Q.put_arrived)
        await db.run(conn, Q.drop_arriving)


async def consents(conn: Connection, path: Path, now: datetime) -> Imported:
    """Import consents from CSV."""
    read = csv_files.consents(path, now)
    rows = [row for _, row in read.rows]
    async with conn.transaction():
        await db.run(
            conn,
            Q.put_consents,
            user_ids=[row.user_id for row in rows],
            consumer_ids=[row.consumer_id for row in rows],
            object_ids=[row.object_id for row in rows],
            statuses=[row.status for row in rows],
            updated_at=[row.updated_at for row in rows],
            expires_at=[row.expires_at for row in rows],
        )
    return Imported(len(rows), tuple(read.problems))


async def template(conn: Connection, path: Path) -> str:
    """Import a certificate template; its id. Raises: NotImportable.

    The file is what the asset read answers with (`result.content` or `result.asset`), what the certificate service
    answers with (`result.certificate.template`), or the bare object. An SVG of the same name beside it is its picture;
    without an `artifactUrl` of its own, the template then points to it.
    """
    data = published.read_json(path)
    result = data.get("result", data) if isinstance(data, dict) else {}
    legacy = isinstance(result.get("certificate"), dict)
    metadata = result["certificate"].get("template") if legacy else result.get("content", result.get("asset", result))
    if not isinstance(metadata, dict) or not isinstance(metadata.get("identifier"), str):
        raise NotImportable(f"{path} is no certificate template: it has no identifier.")
    picture = path.with_suffix(".svg")
    svg = read_svg(picture) if picture.is_file() else ""
    if svg:
        metadata = {"artifactUrl": f"{contents.PICTURES}{metadata['identifier']}.svg", **metadata}
    if not isinstance(metadata.get("artifactUrl"), str):
        raise NotImportable(f"{path} has neither an artifactUrl nor a picture {picture.name} beside it.")
    template_id: str = metadata["identifier"]
    async with conn.transaction():
        await db.run(conn, Q.put_template, template_id=template_id, legacy=legacy, metadata=metadata, svg=svg)
    return template_id


def read_svg(picture: Path) -> str:
    """An SVG's text, whatever its encoding: it is kept as text and served as UTF-8. Raises: NotImportable."""
    data = picture.read_bytes()
    declared = re.match(rb"""\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.-]+)""", data)
    encoding = "utf-16" if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    if declared is not None and not declared[1].lower().startswith(b"utf"):
        encoding = declared[1].decode()
    try:
        text = data.decode(encoding)
    except (UnicodeDecodeError, LookupError) as wrong:
        raise NotImportable(f"{picture} is no text in {encoding}.") from wrong
    return re.sub(r"""^(\s*<\?xml[^>]*?)\s+encoding\s*=\s*["'][^"']*["']""", r"\1", text)


async def groups(conn: Connection, path: Path) -> Imported:
    """Import groups: one, or a list, as the group service shows them (`id`, `name`, `members`)."""
    listed = _listed(published.read_json(path))
    for group in listed:
        if not isinstance(group, Mapping) or not isinstance(group.get("id"), str):
            raise NotImportable(f"{path} is no group: it has no id.")
        members = group.get("members")
        if not isinstance(members, list) or not all(
            isinstance(member, Mapping) and isinstance(member.get("userId"), str) for member in members
        ):
            raise NotImportable(f"The group {group['id']} has no list of members with a userId each.")
    async with conn.transaction():
        for group in listed:
            await db.run(
                conn,
                Q.put_group,
                group_id=group["id"],
                name=str(group.get("name", "")),
                members=group["members"],
            )
    return Imported(len(listed))


def _listed(data: Any, *keys: str) -> list[Any]:
    """What a file holds, as a list: the result of an envelope, under one of `keys`, or the bare thing or things."""
    listed = data.get("result", data) if isinstance(data, dict) else data
    for key in keys:
        listed = listed.get(key, listed) if isinstance(listed, dict) else listed
    return listed if isinstance(listed, list) else [listed]
