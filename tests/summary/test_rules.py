"""The rules of summaries, as tables."""

from __future__ import annotations

import pytest

from lernbatch.summary import rules
from lernbatch.summary.model import Figure


def figure(count: int, state: str | None = None, district: str | None = None, kind: str = "enrolment") -> Figure:
    return Figure(kind, state, district, count)


@pytest.mark.parametrize(
    ("figures", "least", "shown"),
    [
        ([], 5, []),
        ([figure(5, "KA", "Mysuru")], 5, [figure(5, "KA", "Mysuru")]),
        ([figure(4, "KA", "Mysuru")], 5, [figure(4)]),
        ([figure(4, "KA", "Mysuru")], 1, [figure(4, "KA", "Mysuru")]),
        ([figure(2, "KA"), figure(3, "TN"), figure(7)], 5, [figure(12)]),
        ([figure(2, "KA"), figure(9, "TN")], 5, [figure(2), figure(9, "TN")]),
        (
            [figure(2, "KA"), figure(2, "KA", kind="certificate-issued")],
            5,
            [figure(2), figure(2, kind="certificate-issued")],
        ),
    ],
)
def test_a_place_with_few_learners_is_not_named(figures: list[Figure], least: int, shown: list[Figure]) -> None:
    assert list(rules.without_small_groups(figures, least)) == shown


@pytest.mark.parametrize(
    ("figures", "total"),
    [
        ([], []),
        ([figure(1, "KA"), figure(2, "KA")], [figure(3, "KA")]),
        ([figure(1, "KA"), figure(2, "KA", "Mysuru")], [figure(1, "KA"), figure(2, "KA", "Mysuru")]),
    ],
)
def test_figures_of_one_kind_and_place_add_up(figures: list[Figure], total: list[Figure]) -> None:
    assert list(rules.added_up(figures)) == total
