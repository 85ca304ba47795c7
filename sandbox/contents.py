"""What the content, search and question set services answer, from `sandbox_content` and `sandbox_template`."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.responses import Response

from lernbatch.database import db, sql
from lernbatch.database.db import Connection, Pool
from sandbox.answer import Answer, Invalid, NoSuchNode, SandboxRequest

Q = sql.load("sandbox")
PICTURES = "/sandbox/template/"
LARGEST_PAGE = 10_000
_DEFAULT_PAGE = 100
_QUESTION_SET = "QuestionSet"


@dataclass(frozen=True, slots=True)
class _Content:
    metadata: dict[str, Any]
    hierarchy: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class _Hit:
    metadata: dict[str, Any]
    total: int


@dataclass(frozen=True, slots=True)
class _Template:
    template_id: str
    metadata: dict[str, Any]


async def read(call: SandboxRequest) -> Answer:
    """GET …/read/{id}?fields=…: the metadata, or the named fields of it."""
    content = await _content(call, call.identifier)
    return {"content": _chosen(content.metadata, call.query.get("fields", ""))}


async def hierarchy(call: SandboxRequest) -> Answer:
    """GET …/hierarchy/{id}: the published tree with the metadata of today."""
    content = await _content(call, call.identifier)
    if content.hierarchy is None or content.metadata.get("status") not in ("Live", "Unlisted"):
        raise NoSuchNode(call.identifier)
    return {"content": {**content.hierarchy, **content.metadata}}


async def update(call: SandboxRequest) -> Answer:
    """PATCH …/system/update/{id}: the fields sent replace those that are there; null removes one."""
    sent = call.request.get("content")
    if not isinstance(sent, dict):
        raise Invalid("The content to update is missing.")
    changed = await db.run(
        call.pool,
        Q.change_content,
        content_id=call.identifier,
        changes={key: value for key, value in sent.items() if value is not None},
        removed=[key for key, value in sent.items() if value is None],
        now=call.clock.now(),
    )
    if not changed:
        raise NoSuchNode(call.identifier)
    return {"node_id": call.identifier, "identifier": call.identifier}


async def create(call: SandboxRequest) -> Answer:
    """POST /content/v3/create: a draft."""
    sent = call.request.get("content")
    if not isinstance(sent, dict) or not sent.get("name"):
        raise Invalid("The content to create, or its name, is missing.")
    content_id = new_content_id(call.clock.now_ms())
    version_key = str(call.clock.now_ms())
    metadata = {**sent, "identifier": content_id, "status": "Draft", "versionKey": version_key}
    await put(call.pool, [(metadata, None)], call.clock.now())
    return {"identifier": content_id, "node_id": content_id, "versionKey": version_key}


async def copy(call: SandboxRequest) -> Answer:
    """POST /content/v3/copy/{id}: a draft with everything below the original."""
    source = await _content(call, call.identifier)
    sent = call.request.get("content")
    content_id = new_content_id(call.clock.now_ms())
    version_key = str(call.clock.now_ms())
    metadata = {**source.metadata, **(sent if isinstance(sent, dict) else {})}
    metadata |= {"identifier": content_id, "origin": call.identifier, "status": "Draft", "versionKey": version_key}
    metadata.pop("batches", None)
    tree = None if source.hierarchy is None else {**source.hierarchy, **metadata}
    await put(call.pool, [(metadata, tree)], call.clock.now())
    return {"node_id": {call.identifier: content_id}, "versionKey": version_key}


async def update_hierarchy(call: SandboxRequest) -> Answer:
    """PATCH /content/v3/hierarchy/update: a draft's tree from `nodesModified` and `hierarchy`."""
    data = call.request.get("data")
    nodes = data.get("nodesModified") if isinstance(data, dict) else None
    links = data.get("hierarchy") if isinstance(data, dict) else None
    if not isinstance(nodes, dict) or not isinstance(links, dict):
        raise Invalid("nodesModified or hierarchy is missing.")
    root_id = next((key for key, link in links.items() if isinstance(link, dict) and link.get("root")), None)
    if root_id is None:
        raise Invalid("The hierarchy has no root.")
    root = await _content(call, root_id)
    identifiers = {key: new_content_id(call.clock.now_ms()) for key, node in nodes.items() if node.get("isNew")}
    content_ids = [key for link in links.values() for key in link.get("children", ())]
    hits = await db.all(
        call.pool, _Hit, Q.contents_matching, content_ids=content_ids, filters={}, limit=len(content_ids), offset=0
    )
    stored = {hit.metadata["identifier"]: hit.metadata for hit in hits}

    def build(key: str, above: frozenset[str]) -> dict[str, Any]:
        if key in above:
            raise Invalid(f"{key} stands below itself.")
        node = {**stored.get(key, {}), **nodes.get(key, {}).get("metadata", {})}
        node["identifier"] = identifiers.get(key, key)
        children = [build(child, above | {key}) for child in links.get(key, {}).get("children", ())]
        return {**node, "children": children} if children else node

    version_key = str(call.clock.now_ms())
    metadata = {**root.metadata, "versionKey": version_key}
    tree = {**build(root_id, frozenset()), **metadata}
    await put(call.pool, [(metadata, tree)], call.clock.now())
    return {"content_id": root_id, "identifiers": identifiers, "versionKey": version_key}


async def search(call: SandboxRequest) -> Answer:
    """POST …/search: contents by filters on their metadata; without a status filter only live ones."""
    filters = call.request.get("filters") or {}
    if not isinstance(filters, dict):
        raise Invalid("The filters are no object.")
    accepted = {}
    for key, value in filters.items():
        if value not in (None, []):
            accepted[key] = value if isinstance(value, list) else [value]
            if any(isinstance(entry, dict | list) for entry in accepted[key]):
                raise Invalid(f"The filter {key} compares in a way that is not supported.")
    if "status" not in filters:
        accepted["status"] = ["Live"]
    hits = await db.all(
        call.pool,
        _Hit,
        Q.contents_matching,
        content_ids=accepted.pop("identifier", None),
        filters=accepted,
        limit=_bounded(call.request.get("limit"), _DEFAULT_PAGE),
        offset=_bounded(call.request.get("offset"), 0),
    )
    fields = call.request.get("fields")
    shown = [_chosen(hit.metadata, ",".join(fields) if isinstance(fields, list) else "") for hit in hits]
    kinds = [hit.metadata.get("objectType") == _QUESTION_SET for hit in hits]
    answer: dict[str, Any] = {"count": hits[0].total if hits else 0}
    for key, kind_of_key in (("content", False), (_QUESTION_SET, True)):
        listed = [hit for hit, kind in zip(shown, kinds, strict=True) if kind is kind_of_key]
        if listed:
            answer[key] = listed
    return answer


async def question_set(call: SandboxRequest) -> Answer:
    """GET …/questionset/…/read/{id}: the metadata of a question set."""
    content = await _content(call, call.identifier)
    if content.metadata.get("objectType") != _QUESTION_SET:
        raise NoSuchNode(call.identifier)
    return {"questionset": _chosen(content.metadata, call.query.get("fields", ""))}


async def questions(call: SandboxRequest) -> Answer:
    """GET …/questionset/…/hierarchy/{id}: a question set with its questions."""
    content = await _content(call, call.identifier)
    if content.hierarchy is None or content.metadata.get("objectType") != _QUESTION_SET:
        raise NoSuchNode(call.identifier)
    return {"questionset": content.hierarchy}


async def template(call: SandboxRequest) -> Answer:
    """GET /asset/v4/read/{id}: a certificate template that is an asset of the content service."""
    return {"content": await _template(call, legacy=False)}


async def certificate_template(call: SandboxRequest) -> Answer:
    """GET /cert/v1/template/read/{id}: a template that only the certificate service knows."""
    return {"certificate": {"template": await _template(call, legacy=True)}}


async def picture(call: SandboxRequest) -> Answer:
    """GET the SVG of a template, where its `artifactUrl` points to."""
    svg = await db.value(call.pool, Q.template_picture, template_id=call.identifier.removesuffix(".svg"))
    if svg is None:
        raise NoSuchNode(call.identifier)
    return Response(svg, media_type="image/svg+xml")


def new_content_id(now_ms: int) -> str:
    """An id of the content service's shape."""
    return f"do_{now_ms}{random.randrange(10**8):08d}"  # noqa: S311 - an id, no secret


async def put(
    conn: Connection | Pool, contents: Iterable[tuple[Mapping[str, Any], Mapping[str, Any] | None]], now: datetime
) -> None:
    """Keep metadata and, where there is one, the tree. What is known as a course stays one."""
    rows = list(contents)
    await db.run(
        conn,
        Q.put_contents,
        content_ids=[metadata["identifier"] for metadata, _ in rows],
        metadata=[metadata for metadata, _ in rows],
        hierarchies=[tree for _, tree in rows],
        now=now,
    )


async def _content(call: SandboxRequest, content_id: str) -> _Content:
    content = await db.one(call.pool, _Content, Q.content_by_id, content_id=content_id)
    if content is None:
        raise NoSuchNode(content_id)
    return content


async def _template(call: SandboxRequest, *, legacy: bool) -> dict[str, Any]:
    template = await db.one(call.pool, _Template, Q.template_by_id, template_id=call.identifier, legacy=legacy)
    if template is None:
        raise NoSuchNode(call.identifier)
    return _chosen(template.metadata, call.query.get("fields", ""))


def _chosen(metadata: dict[str, Any], fields: str) -> dict[str, Any]:
    """The fields asked for, and the identifier; all of them when none is named."""
    names = {name.strip() for name in fields.split(",") if name.strip()}
    if not names:
        return metadata
    return {key: value for key, value in metadata.items() if key in names or key == "identifier"}


def _bounded(value: object, default: int) -> int:
    return min(max(value, 0), LARGEST_PAGE) if isinstance(value, int) else default
