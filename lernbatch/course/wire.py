"""The JSON of a course to be created: as editors send it, and its tree as the content service wants it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from uuid import uuid4

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lernbatch.course.model import NewCourse
from lernbatch.errors import Malformed, Refused
from lernbatch.web.schema import CourseId, Fields

COLLECTION_MIME_TYPE = "application/vnd.ekstep.content-collection"
MOST_NODES = 10_000
DEEPEST = 50
_NEEDED = ("identifier", "mimeType", "visibility", "contentType", "name")
_KEPT = ("mimeType", "contentType", "name", "code", "description", "keywords", "framework", "copyright", "topic")
_ORIGIN = ("name", "author", "license", "organisation")


class CourseMissing(Refused):
    code = "ERR_COURSE_CREATE_FIELDS_MISSING"
    message = "Required fields for create course are missing. Error due to missing request body or course"


class NoCourseType(Refused):
    code = "CONTENT_TYPE_MISMATCH"
    message = "Content Type should be Course."


class NoCollection(Refused):
    code = "MIME_TYPE_MISMATCH"
    message = f"MimeType should be {COLLECTION_MIME_TYPE}"


class TwoOrigins(Refused):
    message = (
        "Required fields for create course are missing. "
        "Error Source and Hierarchy both can't be sent in the same request."
    )


class IncompleteChild(Refused):
    """A node of the hierarchy lacks something (K6)."""

    def __init__(self, key: str, parent_id: str) -> None:
        super().__init__(f"{key} is a mandatory parameter for child of parent with id: {parent_id}")


class TooLargeTree(Refused):
    """More nodes, or deeper, than any course has."""

    code = "INVALID_REQUESTED_DATA"
    message = "Requested data for this operation is not valid."


class CourseMetadata(Fields):
    """What the content service keeps of a new course; other fields are passed on."""

    name: Annotated[str, Meta(examples=["Early mathematics"])] | UnsetType = UNSET
    content_type: Annotated[str, Meta(examples=["Course"])] | UnsetType = UNSET
    mime_type: Annotated[str, Meta(examples=[COLLECTION_MIME_TYPE])] | UnsetType = UNSET


class CourseUnit(Fields):
    """A unit or a content of a new course; below it, in `children`, its own."""

    identifier: str
    mime_type: str
    visibility: str
    content_type: str
    name: str


class CourseCreation(Fields):
    """A new course, or a copy of one."""

    course: CourseMetadata
    source: Annotated[str, Meta(description="A course to copy; not beside `hierarchy`.")] | UnsetType = UNSET
    hierarchy: Annotated[list[CourseUnit], Meta(description="The units of a new course.")] | UnsetType = UNSET


class CreatedCourse(Fields, kw_only=True):
    """The content service's answer, with the id of the course under two names."""

    course_id: CourseId = msgspec.field(name="course_id")
    identifier: CourseId | UnsetType = UNSET
    version_key: str


def read_new_course(request: dict[str, Any]) -> NewCourse:
    """{"course": {"name": "June", "contentType": "Course", …}, "hierarchy": […]}

    Complains as K1 to K4 and K6: the tree is checked before anything is made (defect 24).
    """
    course = request.get("course")
    if course is None:
        raise CourseMissing
    if not isinstance(course, dict):
        raise Malformed
    source, hierarchy = request.get("source"), request.get("hierarchy")
    if "source" not in request:
        if course.get("contentType") != "Course":
            raise NoCourseType
        if course.get("mimeType") != COLLECTION_MIME_TYPE:
            raise NoCollection
    if source is not None and hierarchy is not None:
        raise TwoOrigins
    if not isinstance(source, str | None) or not isinstance(hierarchy, list | None):
        raise Malformed
    nodes = hierarchy or []
    _check_children(nodes, str(course.get("identifier") or course.get("code") or course.get("name") or ""))
    return NewCourse(course, source, nodes)


def _check_children(nodes: list[Any], root_id: str) -> None:
    """Raises: IncompleteChild, TooLargeTree, Malformed."""
    waiting, seen = [(nodes, root_id, 1)], 0
    while waiting:
        children, parent_id, depth = waiting.pop()
        for child in children:
            seen += 1
            if seen > MOST_NODES or depth > DEEPEST:
                raise TooLargeTree
            if not isinstance(child, dict):
                raise Malformed
            for key in _NEEDED:
                if not child.get(key):
                    raise IncompleteChild(key, parent_id)
            if _is_walked(child):
                waiting.append((child["children"], str(child["identifier"]), depth + 1))


def show_hierarchy(course_id: str, new: NewCourse) -> dict[str, Any]:
    """What the content service calls a hierarchy: new units with their metadata, and who is whose child."""
    modified: dict[str, Any] = {}
    links: dict[str, Any] = {}

    def walk(node_id: str, node: Mapping[str, Any], children: list[Mapping[str, Any]], *, root: bool) -> None:
        named = [(_new_id(child), child) for child in children]
        links[node_id] = {
            "name": node.get("name"),
            "contentType": node.get("contentType") if root else "CourseUnit",
            "children": [child_id for child_id, _ in named],
            "root": root,
        }
        for child_id, child in named:
            if child["visibility"] == "Parent":
                modified[child_id] = _unit(child)
            if _is_walked(child):
                walk(child_id, child, child["children"], root=False)

    walk(course_id, new.course, new.hierarchy, root=True)
    return {"nodesModified": modified, "hierarchy": links}


def _new_id(child: Mapping[str, Any]) -> str:
    """Units of a course are its own and get an id; contents are linked by theirs."""
    return str(uuid4()) if child["visibility"] == "Parent" else str(child["identifier"])


def _unit(child: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "metadata": {
            **dict(_chosen(child, _KEPT)),
            "contentType": "CourseUnit",
            "origin": child["identifier"],
            "originData": dict(_chosen(child, _ORIGIN)),
        },
        "root": False,
        "isNew": True,
        "setDefaultValue": False,
    }


def _chosen(node: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    return ((key, node[key]) for key in keys if node.get(key) is not None)


def _is_walked(child: Mapping[str, Any]) -> bool:
    """Whether what is below belongs to this course: of collections that stand on their own it does not."""
    is_unit = child.get("mimeType") == COLLECTION_MIME_TYPE and child.get("visibility") != "Default"
    return is_unit and isinstance(child.get("children"), list)
