"""The same people in every test: Asha, Kavya, Imran learn; Meera mentors; Vikram creates; Ravi is a stranger."""

from __future__ import annotations

from dataclasses import dataclass

HOME_ORG = "0126000000000000001"
OTHER_ORG = "0126000000000000002"


@dataclass(frozen=True, slots=True)
class Person:
    user_id: str
    first_name: str
    last_name: str
    org_id: str = HOME_ORG
    roles: tuple[str, ...] = ("PUBLIC",)


ASHA = Person("0b1e3c5a-0000-4000-8000-00000000a5a0", "Asha", "K")
KAVYA = Person("0b1e3c5a-0000-4000-8000-000000004a1a", "காவ்யா", "ராஜன்")
IMRAN = Person("0b1e3c5a-0000-4000-8000-000000001312", "इमरान", "शेख", OTHER_ORG)
MEERA = Person("0b1e3c5a-0000-4000-8000-00000000ee12", "Meera", "Iyer", roles=("PUBLIC", "COURSE_MENTOR"))
VIKRAM = Person("0b1e3c5a-0000-4000-8000-000000007164", "Vikram", "Rao", roles=("PUBLIC", "CONTENT_CREATOR"))
RAVI = Person("0b1e3c5a-0000-4000-8000-0000000094f1", "Ravi", "Das", OTHER_ORG, ("PUBLIC", "CONTENT_CREATOR"))
ADMIN = Person("0b1e3c5a-0000-4000-8000-00000000ad01", "Anita", "Nair", roles=("PUBLIC", "ORG_ADMIN", "COURSE_CREATOR"))
PLATFORM = Person(
    "0b1e3c5a-0000-4000-8000-00000000ad00", "Prabha", "Rao", "", ("PUBLIC", "SYSTEM_ADMINISTRATION")
)  # administers everything: the roles name no organisation
EVERYBODY = (ASHA, KAVYA, IMRAN, MEERA, VIKRAM, RAVI, ADMIN)
