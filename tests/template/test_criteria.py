"""Who has earned a certificate: one line a case."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lernbatch.template import criteria as criteria_of
from lernbatch.template import wire as templates
from lernbatch.template.model import (
    BestScore,
    CriteriaOutcome,
    CriteriaResult,
    DecidedCertificate,
    LearnerFacts,
    StatusDecision,
    Template,
)
from lernbatch.template.wire_criteria import show_result

NOW = datetime(2026, 7, 1, tzinfo=UTC)
MET, WAITING, UNMET, ISSUED = (
    CriteriaOutcome.MET,
    CriteriaOutcome.WAITING,
    CriteriaOutcome.UNMET,
    CriteriaOutcome.ISSUED,
)
COMPLETED = {"enrollment": {"status": 2}}
REVOKED, SUSPENDED = (DecidedCertificate("t", "Merit", to) for to in StatusDecision)


def template(criteria: dict[str, Any]) -> Template:
    return templates.read_template("t", {"name": "Merit", "criteria": criteria})


def learner(status: int = 2, q: float | None = None, r: float | None = None, **fields: Any) -> LearnerFacts:
    scores = {name: BestScore(percent, 100, 2) for name, percent in (("q", q), ("r", r)) if percent is not None}
    given: dict[str, Any] = {"attributes": {"rootOrgId": "o1"}, "issued": {}, "active": True, **fields}
    return LearnerFacts("u", status=status, completed_at=NOW, updated_at=NOW, scores=scores, **given)


def evaluated(
    criteria: dict[str, Any], who: LearnerFacts, *, again: bool = False, named: bool = False
) -> CriteriaResult:
    return criteria_of.evaluate(template(criteria), who, ("q", "r"), again=again, named=named)


def score(bound: Any) -> dict[str, Any]:
    return {**COMPLETED, "assessment": {"score": bound}}


def more(**asked: Any) -> dict[str, Any]:
    return {"assessments": asked}


@pytest.mark.parametrize(
    ("criteria", "who", "outcome", "because"),
    [
        (COMPLETED, learner(), MET, "all criteria met"),
        (COMPLETED, learner(1), WAITING, "not completed yet"),
        (COMPLETED, learner(active=False), UNMET, "not enrolled any more"),
        ({"enrollment": {"status": "2"}}, learner(), MET, "all criteria met"),
        ({"enrollment": {"status": 1}}, learner(), UNMET, "enrolment status is past 1"),
        ({"enrollment": {"status": 1}}, learner(0), WAITING, "enrolment status 1 not reached yet"),
        (score({">=": 70}), learner(q=70), MET, "all criteria met"),
        (score({">=": 70}), learner(q=69.9), UNMET, "below 70 %"),
        (score({">=": 70}), learner(q=10, r=90), MET, "all criteria met"),  # the best of any counts
        (score({">=": 70}), learner(), WAITING, "waiting for a score"),
        (score({">=": 70}), learner(1, q=90), WAITING, "not completed yet"),
        (score({">=": 70}), learner(1, q=10), WAITING, "not completed yet"),
        (score({">": 70}), learner(q=70), UNMET, "below 70 %"),
        (score({"<": 70}), learner(q=69), MET, "all criteria met"),
        (score({"<=": 70}), learner(q=71), UNMET, "score is not <= 70 %"),
        (score({"<=": 70}), learner(), MET, "all criteria met"),  # no score counts 0
        (score({"eq": 70}), learner(q=70), MET, "all criteria met"),
        (score({"EQ": 70}), learner(q=71), UNMET, "score is not EQ 70 %"),
        (score({"=": 70}), learner(q=70), MET, "all criteria met"),
        (score({"ne": 70}), learner(q=70), UNMET, "score is not ne 70 %"),
        (score({"!=": 70}), learner(q=71), MET, "all criteria met"),
        (score({"~": 70}), learner(q=70), UNMET, "score is not ~ 70 %"),  # an unknown operator is never met
        (score(70), learner(q=70), MET, "all criteria met"),  # a bare number is an equality
        (score({}), learner(), MET, "all criteria met"),
        ({"user": {"rootOrgId": "o1"}}, learner(0), MET, "all criteria met"),
        ({"user": {"rootOrgId": "o2"}}, learner(), UNMET, "rootOrgId is another"),
        ({"user": {"grade": 7}}, learner(attributes={"grade": 7}), MET, "all criteria met"),
        ({"user": {"rootOrgId": "o1"}}, learner(attributes=None), UNMET, "the user is unknown or blocked"),
        (more(mode="all", score={">=": 50}), learner(q=50, r=60), MET, "all criteria met"),
        (more(mode="all", score={">=": 50}), learner(q=50, r=40), UNMET, "below 50 %"),
        (more(mode="all", score={">=": 50}), learner(q=50), WAITING, "waiting for a score"),
        (more(mode="average", score={">=": 50}), learner(q=90), UNMET, "below 50 %"),  # r counts 0
        (more(mode="average", score={">=": 50}), learner(q=90, r=10), MET, "all criteria met"),
        (more(contents={"q": {">=": 50}, "r": {">=": 90}}), learner(q=50, r=90), MET, "all criteria met"),
        (more(contents={"q": {">=": 50}, "r": {">=": 90}}), learner(q=50), WAITING, "waiting for a score"),
        (more(score={">=": 50}, attempts={"<=": 2}), learner(q=60), MET, "all criteria met"),
        (more(score={">=": 50}, attempts={"<=": 1}), learner(q=60), UNMET, "attempts are not <= 1"),
        (COMPLETED, learner(issued={"merit": "c1"}), ISSUED, "issued"),
        (COMPLETED, learner(decided=[REVOKED]), UNMET, "revoked"),
    ],
)
def test_criteria(criteria: dict[str, Any], who: LearnerFacts, outcome: CriteriaOutcome, because: str) -> None:
    found = evaluated(criteria, who)
    assert (found.outcome, found.because) == (outcome, because)


def test_asked_again_by_name_neither_an_issue_nor_a_decision_counts() -> None:
    for who in (learner(issued={"merit": "c1"}), learner(decided=[REVOKED]), learner(decided=[SUSPENDED])):
        assert evaluated(COMPLETED, who, again=True, named=True).outcome is MET


@pytest.mark.parametrize(
    ("decision", "again", "named", "because"),
    [
        (DecidedCertificate("t", "Merit", StatusDecision.REVOKED), True, False, "revoked"),
        (DecidedCertificate("t", "Merit", StatusDecision.SUSPENDED), True, False, "suspended"),
        (
            DecidedCertificate("other", "MERIT", StatusDecision.SUSPENDED),
            True,
            False,
            "suspended",
        ),  # the same certificate by its name
        (DecidedCertificate("t", "An older name", StatusDecision.SUSPENDED), True, False, "suspended"),
        (DecidedCertificate("other", "Other", StatusDecision.SUSPENDED), True, False, "all criteria met"),
        (
            DecidedCertificate("other", "Other", StatusDecision.REVOKED),
            True,
            False,
            "another certificate of this batch was revoked",
        ),
        (
            DecidedCertificate("other", "Other", StatusDecision.REVOKED),
            False,
            False,
            "another certificate of this batch was revoked",
        ),
        (DecidedCertificate("other", "Other", StatusDecision.REVOKED), False, True, "all criteria met"),
        (DecidedCertificate("t", "Merit", StatusDecision.REVOKED), False, True, "revoked"),
    ],
)
def test_what_was_decided_for_one_learner(decision: DecidedCertificate, again: bool, named: bool, because: str) -> None:
    assert evaluated(COMPLETED, learner(decided=[decision]), again=again, named=named).because == because


def test_a_score_without_a_maximum_is_out_of_one() -> None:
    assert BestScore(0.8, 0, 1).percent == 80


def test_the_tree_holds_the_evidence() -> None:
    found = evaluated({**score({">=": 70}), "user": {"rootOrgId": "o1"}}, learner(q=82))
    assert [part.rule for part in found.parts] == ["enrolment", "assessment", "user"]
    assert found.parts[1].evidence["percents"] == {"q": 82.0}
    assert criteria_of.percent_of(found) == 82
    assert show_result(found)["parts"][2]["evidence"]["is"] == "o1"


@pytest.mark.parametrize(
    ("criteria", "reasons"),
    [
        (score({">=": 70}), ["It asks for a score >= 70 %, and the course has no assessment."]),
        (score({"<=": 70}), []),
        (more(contents={"zz": {">=": 1}}), ["It asks for a score in zz, which is not in the course."]),
        (more(contents={"v": {">=": 1}}), ["It asks for a score in v, which is no assessment."]),
    ],
)
def test_what_nobody_can_earn_is_seen(criteria: dict[str, Any], reasons: list[str]) -> None:
    assert criteria_of.never_satisfied(template(criteria).criteria, ["v"], []) == reasons


@pytest.mark.parametrize("bound", [{">=": 101}, {">": 100}, {"<": 0}, {"eq": 120}, {"~": 5}])
def test_a_bound_out_of_reach_is_seen(bound: dict[str, float]) -> None:
    assert len(criteria_of.never_satisfied(template(score(bound)).criteria, ["q"], ["q"])) == 1


def test_criteria_read_from_the_references_tables_are_texts_of_json() -> None:
    stored = {"criteria": '{"enrollment":{"status":2}}', "issuer": '{"name":"B"}', "signatoryList": '[{"name":"M"}]'}
    read = templates.read_template("t", stored)
    assert (read.criteria.enrolment_status, read.issuer.name, read.signatories[0].name) == (2, "B", "M")


def test_a_template_that_is_no_object_asks_nothing_and_stops_no_other() -> None:
    names = [one.name for one in templates.read_templates({"a": "text", "b": '{"name": "Merit"}', "c": None, "d": {}})]
    assert names == ["", "Merit", "", ""]


def test_criteria_in_words() -> None:
    said = criteria_of.narrative(template({**score({">=": 70}), "assessments": {"mode": "all", "score": {">": 50}}}))
    assert (
        said
        == "Completed the course, scored at least 70 % in an assessment and scored more than 50 % in every assessment."
    )


def test_what_is_private_of_a_user_stands_in_no_decision_and_no_narrative() -> None:
    asked = {"user": {"rootOrgId": "o1", "phone": "98450"}}
    found = evaluated(asked, learner(attributes={"rootOrgId": "o1", "phone": "98450"}))
    assert found.outcome is MET
    assert "98450" not in f"{show_result(found)} {criteria_of.narrative(template(asked))}"


@pytest.mark.parametrize(
    ("criteria", "early"),
    [
        (COMPLETED, False),
        ({"enrollment": {"status": 0}}, True),
        ({"enrollment": {"status": 1}}, True),
        ({"user": {"rootOrgId": "o1"}}, True),
        ({**COMPLETED, "user": {"rootOrgId": "o1"}}, False),
        ({"enrollment": {"status": 1}, "assessment": {"score": {">=": 70}}}, False),
        ({"assessment": {"score": {"<=": 70}}}, True),  # met by who has none
        ({"assessments": {"mode": "all", "score": {"<=": 70}}}, False),
    ],
)
def test_what_may_be_earned_by_coming_in_or_beginning(criteria: dict[str, Any], early: bool) -> None:
    assert criteria_of.awards_early(template(criteria)) is early
