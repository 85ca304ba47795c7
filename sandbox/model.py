"""What the sandbox knows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SandboxPerson:
    """A person with the name of their organisation. `roles`: ROLE (in the own organisation) or ROLE@organisation."""

    user_id: str
    first_name: str
    last_name: str
    org_id: str
    roles: list[str]
    state: str
    district: str
    block: str
    cluster: str
    school_name: str
    school_id: str
    board: str
    user_type: str
    user_sub_type: str
    email: str
    phone: str
    status: int
    managed_by: str
    org_name: str
    channel: str
