"""Files of courses: what the platform's hierarchy call answers with, checked and cut into contents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from lernbatch.course import rules
from lernbatch.course.model import Course
from lernbatch.sunbird.content import COLLECTION, is_trackable


class NotImportable(Exception):
    """A file cannot be imported; the message is a sentence for whoever imports it."""


@dataclass(frozen=True, slots=True)
class Published:
    """A course from a file. `contents`: the metadata of everything in it, the course first, each id once."""

    course: Course
    hierarchy: Mapping[str, Any]
    contents: tuple[Mapping[str, Any], ...]


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises: NotImportable."""
    try:
        return msgspec.json.decode(path.read_bytes())
    except OSError as failure:
        raise NotImportable(f"{path} cannot be read: {failure.strerror}.") from failure
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise NotImportable(f"{path} is not JSON: {wrong}.") from wrong


def read_course(data: Any, *, force_trackable: bool = False) -> Published:
    """A published, trackable collection from the whole answer of the call, or from the bare node.

    `force_trackable` admits trees from before the key `trackable` existed; a tree that says No is still refused.
    The number of leaf nodes is counted, whatever the tree claims; a collection whose MIME type was renamed gets the
    one that everybody searches for. Raises: NotImportable, with the reason.
    """
    node = dict(_root(data))
    if force_trackable and "trackable" not in node:
        node["trackable"] = {"enabled": "Yes"}
    try:
        course = rules.read_tree(node)
    except rules.TooDeep as deep:
        raise NotImportable(f"It cannot be imported: {deep}.") from deep
    _check(course, node)
    node |= {
        "mimeType": COLLECTION,
        "leafNodesCount": len(course.leaf_nodes),
        "leafNodes": [leaf.content_id for leaf in course.leaf_nodes],
    }
    contents = {content["identifier"]: content for content in _contents(node)}
    return Published(course, node, (rules.without_tree(node), *contents.values()))


def read_question_set(node: Any) -> dict[str, Any]:
    """A question set with its questions. Raises: NotImportable."""
    if not isinstance(node, Mapping) or not isinstance(node.get("identifier"), str):
        raise NotImportable("It is no question set: there is no node with an identifier in it.")
    if node.get("mimeType") != rules.QUESTION_SET:
        raise NotImportable(f"{node['identifier']} is no question set: its MIME type is {node.get('mimeType')}.")
    return dict(node)


def _root(data: Any) -> Mapping[str, Any]:
    result = data.get("result", data) if isinstance(data, Mapping) else None
    for key in ("content", "collection"):
        if isinstance(result, Mapping) and isinstance(result.get(key), Mapping):
            result = result[key]
            break
    if not isinstance(result, Mapping) or not isinstance(result.get("identifier"), str):
        raise NotImportable("It is no answer of the hierarchy call: there is no node with an identifier in it.")
    return result


def _check(course: Course, node: Mapping[str, Any]) -> None:
    if course.status not in rules.PUBLISHED:
        status = course.status or "missing"
        raise NotImportable(f"{course.course_id} is not published: its status is {status}, not Live or Unlisted.")
    if not rules.is_collection(node):
        raise NotImportable(f"{course.course_id} is no collection: its MIME type is {node.get('mimeType')}.")
    if "trackable" not in node:
        raise NotImportable(
            f"{course.course_id} does not say whether it is trackable: it was published before the key existed. "
            "Import it with --force-trackable to keep progress in it."
        )
    if not is_trackable(node):
        raise NotImportable(f"{course.course_id} is not trackable: its trackable.enabled is not Yes.")
    if not course.leaf_nodes:
        raise NotImportable(f"{course.course_id} has no content to complete.")


def _contents(parent: Mapping[str, Any], level: int = 1) -> Iterator[dict[str, Any]]:
    """The metadata of every identified node below `parent`."""
    for node in rules.children(parent):
        if node.get("identifier"):
            yield content(node)
        if rules.is_collection(node) and level < rules.MAX_DEPTH:
            yield from _contents(node, level + 1)


def content(node: Mapping[str, Any]) -> dict[str, Any]:
    """A node's metadata as the content service would know it by itself."""
    metadata = rules.without_tree(node)
    metadata.setdefault("status", "Live")
    if node.get("mimeType") == rules.QUESTION_SET:
        metadata["objectType"] = "QuestionSet"
        metadata.setdefault("totalQuestions", rules.total_questions(node))
    return metadata
