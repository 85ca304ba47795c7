"""The nouns of the console."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FormProblem:
    """Why a form was refused, in a sentence that says what to do. `field` None: it is about the form as a whole."""

    text: str
    field: str | None = None
