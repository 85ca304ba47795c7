"""The nouns of a published course: what a batch, its progress and its reports need of the content service's tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


@dataclass(frozen=True, slots=True)
class LeafNode:
    """A content that a learner opens and completes. `unit_ids`: the units above it, outermost first."""

    content_id: str
    name: str
    mime_type: str
    content_type: str
    primary_category: str
    object_type: str
    optional: bool
    unit_ids: tuple[str, ...]
    total_questions: int | None = None
    max_attempts: int | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """A collection inside the course. `depth` 1 is the first level; leaf nodes in document order, each once."""

    unit_id: str
    name: str
    depth: int
    leaf_node_ids: tuple[str, ...]
    leaf_nodes_count: int
    content_type: str = ""


@dataclass(frozen=True)
class Course:
    """A course as it was published once. Leaf nodes and units stand in document order, each id once."""

    course_id: str
    version: str
    name: str
    status: str
    channel: str
    leaf_nodes: tuple[LeafNode, ...]
    units: tuple[Unit, ...]
    content: Mapping[str, Any] = field(repr=False)  # the content service's metadata, without the tree

    @cached_property
    def identity(self) -> object:
        """Stands for this object alone in the key of what is made from it: its metadata has no version."""
        return object()

    @cached_property
    def leaf_node_ids(self) -> frozenset[str]:
        return frozenset(leaf.content_id for leaf in self.leaf_nodes)

    @cached_property
    def leaf_node_by_id(self) -> Mapping[str, LeafNode]:
        return {leaf.content_id: leaf for leaf in self.leaf_nodes}

    @cached_property
    def required_ids(self) -> frozenset[str]:
        """What must be completed: the leaf nodes that are not optional."""
        return frozenset(leaf.content_id for leaf in self.leaf_nodes if not leaf.optional)

    @cached_property
    def optional_ids(self) -> frozenset[str]:
        return self.leaf_node_ids - self.required_ids

    @cached_property
    def assessments(self) -> tuple[LeafNode, ...]:
        """Leaf nodes with scores: self-assessments and question sets (contract jobs §5.6)."""
        return tuple(
            leaf for leaf in self.leaf_nodes if leaf.content_type == "SelfAssess" or leaf.object_type == "QuestionSet"
        )

    @cached_property
    def assessment_ids(self) -> tuple[str, ...]:
        """The contents of `assessments`."""
        return tuple(leaf.content_id for leaf in self.assessments)


@dataclass(frozen=True, slots=True)
class NewCourse:
    """`source`: a course to copy; `hierarchy`: the units of a new one. Never both."""

    course: Mapping[str, Any]
    source: str | None
    hierarchy: list[Mapping[str, Any]]
