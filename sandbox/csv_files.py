"""Tables of people, organisations and consents (CSV, XLSX): good rows, and what is wrong with the others.

Every table begins with a header; columns may stand in any order, those that are not needed may be left out.

people: `user_id`*, `first_name`*, `last_name`, `org_id`, `roles` (several with `|`, `,` or `;` between; each counts in
the own organisation, `ROLE@organisation` in another), `state`, `district`, `block`, `cluster`, `school_name`,
`school_id`, `board`, `user_type`, `user_sub_type`, `email`, `phone`, `status` (active, inactive, deleted), `managed_by`
(the user id of the parent who acts for them)

organisations: `org_id`*, `name`*, `channel` (default: the id), `is_root` (yes, no; default yes)

consents: `user_id`*, `consumer_id`* (the organisation), `object_id`* (the course), `status` (ACTIVE, REVOKED,
DELETED; default ACTIVE), `updated_at`, `expires_at` (ISO instants)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from lernbatch.tables import ids, reading
from lernbatch.tables.model import MissingColumns, NoHeader, NoRows, Unreadable
from lernbatch.tables.model import TableRow as TableRow
from sandbox.published import NotImportable

LONGEST_TEXT = 500
WORKBOOK_BYTES = 1024 * 1024 * 1024  # unpacked: whoever imports is at home on this machine
_STATUSES = {"": 1, "active": 1, "inactive": 0, "deleted": 2}
_ANSWERS = {"": True, "yes": True, "no": False, "true": True, "false": False}
_ID = re.compile(r"[^\s/|@]{1,128}")
_ROLE = re.compile(r"[A-Z][A-Z_]*(@[^\s/|@]{1,128})?")
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_PHONE = re.compile(r"\+?[0-9]{6,15}")
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that cannot be imported. `line`: where it begins in the file, counted from 1."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A row of people; the fields are the columns of `sandbox_person`. `roles`: with `|` between them."""

    user_id: str
    first_name: str
    last_name: str = ""
    org_id: str = ""
    roles: str = ""
    state: str = ""
    district: str = ""
    block: str = ""
    cluster: str = ""
    school_name: str = ""
    school_id: str = ""
    board: str = ""
    user_type: str = ""
    user_sub_type: str = ""
    email: str = ""
    phone: str = ""
    status: int = 1
    managed_by: str = ""


@dataclass(frozen=True, slots=True)
class OrganisationRow:
    """A row of organisations."""

    org_id: str
    name: str
    channel: str
    is_root: bool


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """A row of consents."""

    user_id: str
    consumer_id: str
    object_id: str
    status: str
    updated_at: datetime
    expires_at: datetime | None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.user_id, self.consumer_id, self.object_id


@dataclass(slots=True)
class Roster(Generic[Row]):
    """What a file holds: the good rows with their lines, and the problems."""

    rows: list[tuple[int, Row]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def people(path: Path) -> Roster[PersonRow]:
    """The people of a file. Raises: NotImportable, when it is no CSV of people at all."""
    columns = tuple(PersonRow.__dataclass_fields__)
    return _read(path, columns, ("user_id", "first_name"), read_person, lambda person: person.user_id)


def organisations(path: Path) -> Roster[OrganisationRow]:
    """The organisations of a file. Raises: NotImportable."""
    columns = ("org_id", "name", "channel", "is_root")
    return _read(path, columns, ("org_id", "name"), read_organisation, lambda organisation: organisation.org_id)


def consents(path: Path, now: datetime) -> Roster[ConsentRow]:
    """The consents of a file; one that does not say when it was given was given `now`. Raises: NotImportable."""
    columns = ("user_id", "consumer_id", "object_id", "status", "updated_at", "expires_at")
    return _read(path, columns, columns[:3], lambda cells: read_consent(cells, now), lambda consent: consent.key)


def _read(
    path: Path,
    columns: tuple[str, ...],
    needed: tuple[str, ...],
    read_row: Callable[[dict[str, str]], Row],
    key: Callable[[Row], Any],
) -> Roster[Row]:
    roster: Roster[Row] = Roster()
    first_line: dict[Any, int] = {}
    try:
        table = reading.read(path.read_bytes(), columns, needed=needed, workbook_bytes=WORKBOOK_BYTES)
        for table_row in table.rows:
            try:
                row = read_row(_texts(table_row, table.width))
                _check(key(row) not in first_line, f"the same stands on line {first_line.get(key(row))}")
            except ValueError as wrong:
                roster.problems.append(Problem(table_row.line, str(wrong)))
                continue
            first_line[key(row)] = table_row.line
            roster.rows.append((table_row.line, row))
    except OSError as failure:
        raise NotImportable(f"{path} cannot be read: {failure.strerror}.") from failure
    except (MissingColumns, NoHeader, NoRows) as wrong:
        lacking = ", ".join(wrong.names if isinstance(wrong, MissingColumns) else needed)
        raise NotImportable(f"{path} lacks the columns {lacking}; its first line must name them.") from wrong
    except Unreadable as wrong:
        raise NotImportable(f"{path} is no table that can be read. {wrong.sentence}") from wrong
    return roster


def read_person(values: dict[str, str]) -> PersonRow:
    """A row of people.csv. Raises: ValueError, with what is wrong in it."""
    _check_id(values, "user_id")
    _check(bool(values.get("first_name")), "first_name is missing")
    for column in ("org_id", "managed_by"):
        if values.get(column):
            _check_id(values, column)
    roles = ids.split(values.get("roles", ""))
    for role in roles:
        _check(_ROLE.fullmatch(role) is not None, f"{role!r} is no role")
    email, phone = (ids.cleaned(values.get(column, "")) for column in ("email", "phone"))
    _check(not email or _EMAIL.fullmatch(email) is not None, "email is no address")
    _check(ids.flaw(phone) is None, f"phone {ids.flaw(phone)}")
    _check(not phone or _PHONE.fullmatch(phone) is not None, "phone is no number")
    status = values.pop("status", "").lower()
    _check(status in _STATUSES, f"status {status!r} is none of active, inactive, deleted")
    return PersonRow(**{**values, "roles": "|".join(roles), "email": email, "phone": phone}, status=_STATUSES[status])


def read_organisation(values: dict[str, str]) -> OrganisationRow:
    """A row of organisations.csv. Raises: ValueError, with what is wrong in it."""
    _check_id(values, "org_id")
    _check(bool(values.get("name")), "name is missing")
    root = values.get("is_root", "").lower()
    _check(root in _ANSWERS, f"is_root {root!r} is neither yes nor no")
    return OrganisationRow(values["org_id"], values["name"], values.get("channel") or values["org_id"], _ANSWERS[root])


def read_consent(values: dict[str, str], now: datetime) -> ConsentRow:
    """A row of consents.csv; `now`: when it counts from if it does not say. Raises: ValueError."""
    for column in ("user_id", "consumer_id", "object_id"):
        _check_id(values, column)
    status = (values.get("status") or "ACTIVE").upper()
    _check(status in ("ACTIVE", "REVOKED", "DELETED"), f"status {status!r} is none of ACTIVE, REVOKED, DELETED")
    return ConsentRow(
        user_id=values["user_id"],
        consumer_id=values["consumer_id"],
        object_id=values["object_id"],
        status=status,
        updated_at=_instant(values, "updated_at") or now,
        expires_at=_instant(values, "expires_at"),
    )


def _texts(row: TableRow, width: int) -> dict[str, str]:
    """The cells, if they are texts that can be kept."""
    _check(row.problem is None, row.problem or "")
    if row.width not in (None, width):
        raise ValueError(f"it has {row.width} values, the header {width}")
    for column, value in row.cells.items():
        if len(value) > LONGEST_TEXT:
            raise ValueError(f"{column} is longer than {LONGEST_TEXT} characters")
    return dict(row.cells)


def _check_id(values: dict[str, str], column: str) -> None:
    """Raises: ValueError, when there is no id in the column; cleans it where it stands."""
    value = values[column] = ids.cleaned(values.get(column, ""))
    _check(bool(value), f"{column} is missing")
    flaw = ids.flaw(value)
    _check(flaw is None, f"{column} {flaw}")
    _check(_ID.fullmatch(value) is not None, f"{column} {value!r} is no id")


def _instant(values: dict[str, str], column: str) -> datetime | None:
    value = values.get(column, "")
    if not value:
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{column} {value!r} is no instant") from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _check(holds: bool, reason: str) -> None:
    if not holds:
        raise ValueError(reason)
