"""The nouns of templates: what is awarded, its criteria, and the facts they are evaluated by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

DEFAULT_TEMPLATE = "default"  # the id of our own template, which no other service knows


@dataclass(frozen=True, slots=True)
class ScoreBound:
    """A comparison with a threshold, e.g. `>=` 70. The operator is one of `criteria.OPERATORS`."""

    operator: str
    threshold: float

    def __str__(self) -> str:
        return f"{self.operator} {self.threshold:g}"


class Mode(StrEnum):
    """How several assessments make one score."""

    ANY = "any"  # one of them suffices; the reference knows only this
    ALL = "all"  # each of them
    AVERAGE = "average"  # their mean; one without an attempt counts 0


@dataclass(frozen=True, slots=True)
class AssessmentCriterion:
    """What scores are asked for. `contents`: thresholds of single contents, beside or instead of `score`."""

    score: ScoreBound | None
    mode: Mode = Mode.ANY
    contents: Mapping[str, ScoreBound] = field(default_factory=dict)
    attempts: ScoreBound | None = None  # of each content that counts


@dataclass(frozen=True, slots=True)
class Criteria:
    """To whom a template is awarded; every part that is given must hold. `enrolment_status` None: any status."""

    enrolment_status: int | None = None
    assessments: tuple[AssessmentCriterion, ...] = ()
    user: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TemplateIssuer:
    """Who awards. `public_keys`: ids of keys of the platform that the contract hands through."""

    name: str
    url: str
    public_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Signatory:
    """Who signs. `image` is the URL of the signature's picture."""

    name: str
    identifier: str
    designation: str
    image: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """What to award (`name`: the certificate's title), how it looks (`url`: an SVG) and to whom."""

    template_id: str
    name: str
    url: str
    criteria: Criteria
    issuer: TemplateIssuer
    signatories: tuple[Signatory, ...]
    notify: Mapping[str, Any] = field(default_factory=dict)
    extras: Mapping[str, Any] = field(default_factory=dict)  # the contract's additionalProps
    valid_days: int | None = None  # None: for ever


class StatusDecision(StrEnum):
    """How somebody took a certificate away; the names are those of the certificate's status."""

    REVOKED = "revoked"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class DecidedCertificate:
    """The latest certificate that a learner had of a template, which somebody revoked or suspended."""

    template_id: str
    name: str
    status: StatusDecision


@dataclass(frozen=True, slots=True)
class BestScore:
    """The best score of a learner in one content."""

    score: float
    max_score: float
    attempts: int

    @property
    def percent(self) -> float:
        """Without a maximum it counts as out of 1 (contract jobs §4.2)."""
        return self.score * 100 / (self.max_score or 1)


@dataclass(frozen=True, slots=True)
class LearnerFacts:
    """What criteria are evaluated by: one learner in one batch. `attributes` None: the user is unknown or blocked."""

    user_id: str
    active: bool
    status: int
    completed_at: datetime | None
    updated_at: datetime
    scores: Mapping[str, BestScore]
    issued: Mapping[str, str]  # certificate name in lower case → its id
    attributes: Mapping[str, Any] | None
    decided: Sequence[DecidedCertificate] = ()  # of this batch, without those that a newer certificate replaces


class CriteriaOutcome(StrEnum):
    """The result of a criterion: met, not met yet, or unmet; or the certificate is issued already."""

    MET = "met"
    WAITING = "waiting"
    UNMET = "unmet"
    ISSUED = "issued"


@dataclass(frozen=True, slots=True)
class CriteriaResult:
    """A node of the decision tree. `because` is the same for all learners of one kind; `evidence` is the learner's."""

    rule: str
    outcome: CriteriaOutcome
    because: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[CriteriaResult, ...] = ()
