"""Files of courses: what is admitted, what is refused and why, and how leaf nodes are counted."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import published
from sandbox.importing import SAMPLE
from sandbox.published import NotImportable
from tests.sandbox.conftest import TREES
from tests.seeds import COLLECTION, course, leaf, unit

OLD_TREES = (TREES / "course-hierarchy.json", TREES / "deep-hierarchy.json")


def leaf_ids(file: Path) -> set[str]:
    """The ids of a file's leaf nodes by the simplest walk there is: identified, and nothing identified below."""
    found = set()
    waiting = [json.loads(file.read_text(encoding="utf-8"))["result"]["content"]]
    while waiting:
        node = waiting.pop()
        below = node.get("children") or []
        waiting += below
        if "collection" not in (node.get("mimeType") or "") and not any(child.get("identifier") for child in below):
            found.add(node.get("identifier"))
    return found - {None}


@pytest.mark.parametrize("file", [*OLD_TREES, SAMPLE / "course.json"], ids=lambda file: file.stem)
def test_leaf_nodes_are_counted_from_the_tree(file: Path) -> None:
    found = published.read_course(published.read_json(file), force_trackable=True)
    expected = leaf_ids(file)
    assert found.course.leaf_node_ids == expected
    assert found.contents[0]["leafNodesCount"] == len(expected) == len(found.course.leaf_nodes)


def test_the_old_trees_have_six_and_forty_three_leaf_nodes() -> None:
    assert [len(leaf_ids(file)) for file in OLD_TREES] == [6, 43]


@pytest.mark.parametrize("file", OLD_TREES, ids=lambda file: file.stem)
def test_a_tree_from_before_trackable_wants_force(file: Path) -> None:
    with pytest.raises(NotImportable, match="--force-trackable"):
        published.read_course(published.read_json(file))


def test_a_renamed_collection_is_found_by_those_who_search_for_collections() -> None:
    found = published.read_course(published.read_json(OLD_TREES[1]), force_trackable=True)
    assert found.contents[0]["mimeType"] == COLLECTION


@pytest.mark.parametrize(
    "wrap",
    [
        lambda node: node,
        lambda node: {"result": {"content": node}},
        lambda node: {"result": {"collection": node}},
        lambda node: {"content": node},
    ],
)
def test_the_whole_answer_or_the_bare_node_is_taken(wrap: Callable[[Any], Any]) -> None:
    assert published.read_course(wrap(course("do_1", "One", leaf("do_2", "Two")))).course.course_id == "do_1"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"status": "Draft"}, "not published: its status is Draft"),
        ({"status": None}, "not published: its status is missing"),
        ({"mimeType": "video/mp4"}, "no collection: its MIME type is video/mp4"),
        ({"trackable": {"enabled": "No"}}, "not trackable"),
        ({"trackable": {}}, "not trackable"),
        ({"trackable": "Yes"}, "not trackable"),
        ({"children": []}, "no content to complete"),
        ({"children": None}, "no content to complete"),
        ({"identifier": None}, "no node with an identifier"),
        ({"identifier": 7}, "no node with an identifier"),
    ],
)
def test_what_is_no_published_trackable_collection_is_refused(changed: dict[str, Any], reason: str) -> None:
    tree = course("do_1", "One", leaf("do_2", "Two"), **changed)
    with pytest.raises(NotImportable, match=reason):
        published.read_course(tree, force_trackable=True)


@pytest.mark.parametrize("data", [None, [], "x", 3, {}, {"result": []}, {"result": {"content": []}}])
def test_what_is_no_tree_at_all_is_refused(data: Any) -> None:
    with pytest.raises(NotImportable):
        published.read_course(data)


def test_a_file_that_is_no_json_or_not_there_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_bytes(b'{"result": {"content"')
    with pytest.raises(NotImportable, match="is not JSON"):
        published.read_json(broken)
    with pytest.raises(NotImportable, match="cannot be read"):
        published.read_json(tmp_path / "nowhere.json")


def test_a_tree_that_attacks_the_stack_is_refused(tmp_path: Path) -> None:
    node = unit("do_u", "Bottom", leaf("do_leaf", "Leaf"))
    for number in range(200):
        node = unit(f"do_u{number}", "Unit", node)
    with pytest.raises(NotImportable, match="more than 64 levels"):
        published.read_course(course("do_1", "Deep", node))
    deepest = tmp_path / "deepest.json"
    deepest.write_text('{"children":[' * 100_000)
    with pytest.raises(NotImportable, match="is not JSON"):
        published.read_json(deepest)


def test_every_node_becomes_a_content_of_its_own() -> None:
    found = published.read_course(published.read_json(SAMPLE / "course.json"))
    kinds = [content.get("objectType") for content in found.contents]
    assert len(found.contents) == 1 + len(found.course.units) + len(found.course.leaf_nodes)
    assert kinds.count("QuestionSet") == 2
    assert not any("children" in content for content in found.contents)


def test_the_input_is_left_as_it_was() -> None:
    tree = course("do_1", "One", leaf("do_2", "Two"), leafNodesCount=0)
    before = copy.deepcopy(tree)
    published.read_course(tree)
    assert tree == before
