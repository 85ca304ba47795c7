"""What a certificate is drawn from: a template's SVG with the pictures in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources


@dataclass(frozen=True, slots=True)
class Design:
    """A template's SVG, and the pictures it or its values name: address → data URL."""

    source: bytes
    embedded: Mapping[str, str] = field(default_factory=dict)


def default_design() -> Design:
    return Design(resources.files("lernbatch.drawing").joinpath("default.svg").read_bytes())
