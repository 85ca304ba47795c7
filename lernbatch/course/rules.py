"""What is true of a published tree: what its units are, what its leaf nodes are, and which of them are optional."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from lernbatch.course.model import Course, LeafNode, Unit
from lernbatch.errors import Refused

PUBLISHED = ("Live", "Unlisted")
MAX_DEPTH = 64  # real trees have seven levels; a deeper one is a mistake, or an attempt at our stack
_ANY_COLLECTION = "content-collection"  # some platforms renamed the vendor
QUESTION_SET = "application/vnd.sunbird.questionset"


class InvalidCourse(Refused):
    """There is no such course to offer: unknown, not published, not trackable, or without content (C19)."""

    code = "INVALID_COURSE_ID"
    message = "Course doesnot exist. Please provide a valid course identifier"


class TooDeep(ValueError):
    """The tree has more levels than any course."""


@dataclass(frozen=True, slots=True)
class Tree:
    """What a snapshot keeps of a tree, in the table's column `tree`."""

    leaf_nodes: tuple[LeafNode, ...]
    units: tuple[Unit, ...]


def read_tree(hierarchy: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> Course:
    """The course of a published hierarchy. `metadata`: what the content service says of it today, which wins.

    Trees in the wild have nodes without an identifier, nodes that stand below themselves, leaf nodes in several units
    and wrong counts. So the tree alone counts: an id is one leaf node however often it stands there, and optional only
    if it is so everywhere; a node without identifier, or below itself, hands its children to the unit it stands in.
    Raises: TooDeep.
    """
    root = _text(hierarchy.get("identifier"))
    leaves: dict[str, LeafNode] = {}
    units: dict[str, Unit] = {}
    below: dict[str, dict[str, None]] = {}  # unit → its leaf nodes; a dict, because it keeps their order
    for node in _walk(hierarchy):
        if node.identifier == root:
            continue
        if node.is_unit:
            unit = Unit(
                unit_id=node.identifier,
                name=_text(node.metadata.get("name")),
                depth=len(node.unit_ids) + 1,
                leaf_node_ids=(),
                leaf_nodes_count=0,
                content_type=_text(node.metadata.get("contentType")),
            )
            units.setdefault(node.identifier, unit)
            continue
        leaf = leaves.get(node.identifier)
        if leaf is None:
            leaves[node.identifier] = read_leaf(node)
        elif leaf.optional and not node.optional:
            leaves[node.identifier] = replace(leaf, optional=False)
        for unit_id in node.unit_ids:
            below.setdefault(unit_id, {})[node.identifier] = None
    counted_units = []
    for unit in units.values():
        leaf_node_ids = tuple(below.get(unit.unit_id, {}))
        counted_units.append(replace(unit, leaf_node_ids=leaf_node_ids, leaf_nodes_count=len(leaf_node_ids)))
    tree = Tree(tuple(leaves.values()), tuple(counted_units))
    content = {**without_tree(hierarchy), **(metadata or {}), "leafNodesCount": len(tree.leaf_nodes)}
    return Course(
        course_id=_text(content.get("identifier")),
        version=version(content, tree),
        name=_text(content.get("name")),
        status=_text(content.get("status")),
        channel=_text(content.get("channel")),
        leaf_nodes=tree.leaf_nodes,
        units=tree.units,
        content=content,
    )


def version(content: Mapping[str, Any], tree: Tree) -> str:
    """Which publication this is: the package version and a digest of the tree.

    `versionKey` is no help: it changes whenever we write the list of batches. The digest is there because a tree can
    change without a new package version, when a file is edited and imported again.
    """
    number = content.get("pkgVersion")
    digest = hashlib.sha256(msgspec.json.encode(tree)).hexdigest()[:12]
    return f"{int(number) if isinstance(number, int | float) else 0}-{digest}"


def is_publication(course: Course, package_version: int) -> bool:
    """Whether the snapshot is of that package version."""
    return course.version.partition("-")[0] == str(package_version)


def dump(course: Course) -> Any:
    """The tree as jsonb keeps it."""
    return msgspec.to_builtins(Tree(course.leaf_nodes, course.units))


def load(tree: Any) -> Tree:
    """The tree back from jsonb."""
    return msgspec.convert(tree, Tree)


def is_collection(node: Mapping[str, Any]) -> bool:
    """Whether a node holds others rather than being opened itself.

    A known MIME type decides; a question set holds its questions, and is still opened as one. Without one, it is the
    name of its kind, or that something with another id stands below it.
    """
    mime_type = _text(node.get("mimeType"))
    if mime_type:
        return mime_type.endswith(_ANY_COLLECTION)
    if _text(node.get("contentType")).endswith("Unit"):
        return True
    return any(child.get("identifier") not in (None, node.get("identifier")) for child in children(node))


def children(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The nodes below a node, in order."""
    below = node.get("children")
    return (child for child in below if isinstance(child, Mapping)) if isinstance(below, list) else iter(())


@dataclass(frozen=True, slots=True)
class _Node:
    """A node of a walk. `unit_ids`: the units above it, outermost first."""

    identifier: str
    metadata: Mapping[str, Any]
    unit_ids: tuple[str, ...]
    optional: bool
    is_unit: bool


def _walk(
    parent: Mapping[str, Any], unit_ids: tuple[str, ...] = (), optional: bool = False, level: int = 1
) -> Iterator[_Node]:
    """Units and leaf nodes below `parent` in document order. What stands in an optional unit is optional."""
    if level > MAX_DEPTH:
        raise TooDeep(f"the tree has more than {MAX_DEPTH} levels")
    for node in children(parent):
        identifier = _text(node.get("identifier"))
        node_optional = optional or is_optional(node)
        if not is_collection(node):
            if identifier:
                yield _Node(identifier, node, unit_ids, node_optional, is_unit=False)
        elif not identifier or identifier in unit_ids:
            yield from _walk(node, unit_ids, node_optional, level + 1)
        else:
            yield _Node(identifier, node, unit_ids, node_optional, is_unit=True)
            yield from _walk(node, (*unit_ids, identifier), node_optional, level + 1)


def read_leaf(node: _Node) -> LeafNode:
    """What a tree says of a content without children."""
    metadata = node.metadata
    mime_type = _text(metadata.get("mimeType"))
    return LeafNode(
        content_id=node.identifier,
        name=_text(metadata.get("name")),
        mime_type=mime_type,
        content_type=_text(metadata.get("contentType")),
        primary_category=_text(metadata.get("primaryCategory")),
        object_type="QuestionSet" if mime_type == QUESTION_SET else _text(metadata.get("objectType")) or "Content",
        optional=node.optional,
        unit_ids=node.unit_ids,
        total_questions=total_questions(metadata),
        max_attempts=_number(metadata.get("maxAttempts")),
    )


def total_questions(node: Mapping[str, Any]) -> int | None:
    """How many questions a node says it has; None when it does not say."""
    listed = node.get("childNodes")
    return (
        _number(node.get("totalQuestions"))
        or (len(listed) if isinstance(listed, list) else 0)
        or sum(1 for _ in children(node))
        or None
    )


def without_tree(node: Mapping[str, Any]) -> dict[str, Any]:
    """A node's metadata alone."""
    return {key: value for key, value in node.items() if key != "children"}


def is_optional(node: Mapping[str, Any]) -> bool:
    """Whether the unit around a node declares it optional."""
    relation = node.get("relationalMetadata")
    return isinstance(relation, Mapping) and relation.get("optional") is True


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) else None


def _text(value: object) -> str:
    return "" if value is None else str(value)
