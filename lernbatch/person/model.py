"""What is known of a person."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Personal:
    """What is sealed of a person."""

    name: str = ""
    email: str = ""
    phone: str = ""
    external_id: str = ""
