"""What is read from a published tree: units, leaf nodes, which are optional, and which publication it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lernbatch.course import rules
from lernbatch.course.model import Course
from sandbox.importing import SAMPLE
from tests.seeds import COURSES, course, leaf, unit

SAMPLE_TREE = json.loads((SAMPLE / "course.json").read_text(encoding="utf-8"))["result"]["content"]


def tree(*children: dict[str, Any], **more: Any) -> Course:
    return rules.read_tree(course("do_1", "Course", *children, **more))


def ids(found: Course) -> list[str]:
    return [one.content_id for one in found.leaf_nodes]


def test_the_sample_is_read_with_its_units_and_optional_contents() -> None:
    found = rules.read_tree(SAMPLE_TREE)
    assert (len(found.leaf_nodes), len(found.optional_ids), len(found.required_ids)) == (14, 2, 12)
    assert [(one.name, one.depth, one.leaf_nodes_count) for one in found.units] == [
        ("Water around us", 1, 6),
        ("Where water comes from", 2, 3),
        ("जल चक्र", 2, 3),
        ("प्रकाश और छाया", 1, 3),
        ("உயிரினங்களின் உலகம்", 1, 4),
        ("தாவரங்கள்", 2, 2),
        ("விலங்குகள்", 2, 2),
        ("பறவைகள்", 3, 2),
        ("What have you learnt?", 1, 1),
    ]
    assert [(one.total_questions, one.max_attempts) for one in found.assessments] == [(3, 5), (6, 3)]


def test_a_leaf_node_knows_the_units_above_it_outermost_first() -> None:
    found = tree(unit("u1", "", unit("u2", "", leaf("do_a", "A"))), leaf("do_b", "B"))
    assert [one.unit_ids for one in found.leaf_nodes] == [("u1", "u2"), ()]


def test_a_leaf_node_in_several_units_counts_once_in_the_course_and_once_in_each() -> None:
    shared = leaf("do_a", "A")
    found = tree(unit("u1", "", shared, shared), unit("u2", "", shared), shared)
    assert ids(found) == ["do_a"]
    assert [one.leaf_node_ids for one in found.units] == [("do_a",), ("do_a",)]
    assert found.leaf_nodes[0].unit_ids == ("u1",)


def test_a_unit_that_stands_twice_is_one_unit() -> None:
    found = tree(unit("u1", "", leaf("do_a", "A")), unit("u1", "", leaf("do_b", "B")))
    assert [(one.unit_id, one.leaf_node_ids) for one in found.units] == [("u1", ("do_a", "do_b"))]


@pytest.mark.parametrize("odd", [{"identifier": None}, {"identifier": ""}, {"identifier": "u1"}])
def test_a_unit_without_identifier_or_below_itself_hands_on_its_children(odd: dict[str, Any]) -> None:
    found = tree(unit("u1", "", {**unit("x", "", leaf("do_a", "A")), **odd}))
    assert [(one.unit_id, one.leaf_node_ids) for one in found.units] == [("u1", ("do_a",))]


def test_a_leaf_node_without_identifier_or_that_is_the_course_itself_is_none() -> None:
    assert ids(tree(leaf("", "?"), leaf("do_1", "The course"), leaf("do_a", "A"))) == ["do_a"]


@pytest.mark.parametrize(
    ("node", "is_collection"),
    [
        ({"mimeType": "application/vnd.ekstep.content-collection"}, True),
        ({"mimeType": "application/vnd.sunbrd.content-collection"}, True),
        ({"mimeType": "video/mp4", "contentType": "TextBookUnit", "children": [{"identifier": "do_b"}]}, False),
        ({"mimeType": "application/vnd.sunbird.questionset", "children": [{"identifier": "do_q"}]}, False),
        ({"contentType": "CourseUnit"}, True),
        ({"contentType": "Resource"}, False),
        ({"contentType": "Resource", "children": [{}]}, False),
        ({"identifier": "do_a", "children": [{"identifier": "do_a"}]}, False),
        ({"identifier": "do_a", "children": [{"identifier": "do_b"}]}, True),
        ({"children": "none"}, False),
        ({}, False),
    ],
)
def test_what_holds_others_is_a_collection(node: dict[str, Any], is_collection: bool) -> None:
    assert rules.is_collection(node) is is_collection


OPTIONAL: dict[str, Any] = {"relationalMetadata": {"optional": True}}


@pytest.mark.parametrize(
    ("children", "optional"),
    [
        ([leaf("do_a", "A", **OPTIONAL), leaf("do_b", "B")], {"do_a"}),
        ([leaf("do_a", "A", relationalMetadata={"optional": False})], set()),
        ([leaf("do_a", "A", relationalMetadata={"optional": "true"})], set()),
        ([leaf("do_a", "A", relationalMetadata="{}")], set()),
        ([{**unit("u", "", leaf("do_a", "A")), **OPTIONAL}, leaf("do_b", "B")], {"do_a"}),
        # What is required anywhere counts, once.
        ([unit("u", "", leaf("do_a", "A")), leaf("do_a", "A", **OPTIONAL)], set()),
        ([leaf("do_a", "A", **OPTIONAL), unit("u", "", leaf("do_a", "A"))], set()),
        ([{**unit("u", "", leaf("do_a", "A")), **OPTIONAL}, leaf("do_a", "A")], set()),
        ([unit("u", "", leaf("do_a", "A", **OPTIONAL)), leaf("do_a", "A", **OPTIONAL)], {"do_a"}),
    ],
)
def test_what_is_optional(children: list[dict[str, Any]], optional: set[str]) -> None:
    assert tree(*children).optional_ids == optional


def test_the_number_of_leaf_nodes_is_counted_whatever_the_tree_claims() -> None:
    assert tree(leaf("do_a", "A"), leafNodesCount=99).content["leafNodesCount"] == 1


def test_metadata_of_today_wins_over_the_trees() -> None:
    found = rules.read_tree(course("do_1", "Course", leaf("do_a", "A")), {"status": "Retired"})
    assert (found.status, found.content["status"], found.name) == ("Retired", "Retired", "Course")


@pytest.mark.parametrize(
    ("node", "count"),
    [
        ({"totalQuestions": 5, "childNodes": ["a"]}, 5),
        ({"childNodes": ["a", "b"]}, 2),
        ({"children": [{}, {}, {}]}, 3),
        ({"totalQuestions": 0}, None),
        ({"totalQuestions": "5"}, None),
        ({}, None),
    ],
)
def test_how_many_questions_a_node_says_it_has(node: dict[str, Any], count: int | None) -> None:
    assert rules.total_questions(node) == count


def test_a_publication_is_told_by_package_version_and_tree() -> None:
    one = tree(leaf("do_a", "A"), pkgVersion=3.0)
    assert [rules.is_publication(one, number) for number in (3, 30, 0)] == [True, False, False]
    assert tree(leaf("do_a", "A"), pkgVersion=3, versionKey="other", lastUpdatedOn="today").version == one.version
    assert tree(leaf("do_b", "A"), pkgVersion=3).version != one.version
    assert tree(leaf("do_a", "A"), pkgVersion=4).version != one.version
    assert tree(leaf("do_a", "A"), pkgVersion=None).version.startswith("0-")


@pytest.mark.parametrize("hierarchy", [SAMPLE_TREE, *COURSES], ids=lambda hierarchy: hierarchy["identifier"])
def test_a_tree_comes_back_from_jsonb_as_it_went_in(hierarchy: dict[str, Any]) -> None:
    found = rules.read_tree(hierarchy)
    stored = json.loads(json.dumps(rules.dump(found)))
    assert rules.load(stored) == rules.Tree(found.leaf_nodes, found.units)


def test_a_tree_deeper_than_any_course_is_refused() -> None:
    node = leaf("do_a", "A")
    for number in range(rules.MAX_DEPTH + 1):
        node = unit(f"u{number}", "", node)
    with pytest.raises(rules.TooDeep):
        tree(node)
