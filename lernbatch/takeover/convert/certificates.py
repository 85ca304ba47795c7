"""Certificates of the source: the entries of an enrolment, and the records of two registries (migration §4.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lernbatch.sunbird_source.catalog import CERTIFICATE
from lernbatch.takeover.convert.model import (
    Converted,
    ConvertedCertificate,
    Fate,
    MoveProblem,
    StagedCertificate,
)
from lernbatch.takeover.convert.values import date_ms, iso, moment

TABLES = {"registry": CERTIFICATE, "certreg": "cert_registry"}
LONGEST_ID = 256  # certificate.imported.find looks for no longer one
REISSUED = "revoked"  # the reason that the old migrator leaves on what it replaced


def identifier(entry: Mapping[str, Any]) -> str:
    return str(entry.get("identifier") or entry.get("id") or "")


def _name(entry: Mapping[str, Any]) -> str:
    return str(entry.get("name") or "").lower()


def joined_entries(
    key: tuple[str, str],
    issued: Sequence[dict[str, str]],
    older: Sequence[dict[str, str]],
    problems: list[MoveProblem],
) -> list[dict[str, str]]:
    """The entries of an enrolment: issued first, then older ones of other names; of one name the last."""
    entries = _last_of_each_name(key, issued, problems)
    names = {_name(entry) for entry in entries}
    missing = [entry for entry in older if not _name(entry) or _name(entry) not in names]
    ids = {identifier(entry) for entry in entries}
    missing = [entry for entry in missing if not identifier(entry) or identifier(entry) not in ids]
    kept = _last_of_each_name(key, missing, problems)
    problems += [MoveProblem("certificate-legacy-only", (*key, identifier(entry))) for entry in kept]
    return entries + kept


def _last_of_each_name(
    key: tuple[str, str], entries: Sequence[dict[str, str]], problems: list[MoveProblem]
) -> list[dict[str, str]]:
    last = {_name(entry): place for place, entry in enumerate(entries) if _name(entry)}
    kept = []
    for place, entry in enumerate(entries):
        stays = last.get(_name(entry), place)
        if stays == place:
            kept.append(entry)
        else:
            said = {"kept": identifier(entries[stays])}
            problems.append(MoveProblem("certificate-entry-twice", (*key, identifier(entry)), said))
    return kept


def with_missing_entries(
    key: tuple[str, str],
    entries: Sequence[dict[str, str]],
    active: Sequence[StagedCertificate],
    problems: list[MoveProblem],
) -> list[dict[str, str]]:
    """`entries`, and one for each active record that has none, by its id or its name."""
    joined = list(entries)
    for record in sorted(active, key=lambda record: (record.issued_ms or 0, record.certificate_id)):
        ids, names = {identifier(entry) for entry in joined}, {_name(entry) for entry in joined}
        if record.certificate_id in ids or record.name.lower() in names:
            continue
        entry = {"identifier": record.certificate_id, "name": record.name, "token": record.token}
        if record.issued_ms is not None:
            entry["lastIssuedOn"] = iso(moment(record.issued_ms))
        if record.source == "registry":
            entry["type"] = "TrainingCertificate"
            entry["templateUrl"] = record.template_url
        joined.append(entry)
        problems.append(MoveProblem("certificate-entry-missing", (*key, record.certificate_id)))
    return joined


@dataclass(frozen=True, slots=True)
class CertificatesInBatch:
    """What the source has of a learner's certificates in one batch. `entries`: what the enrolment lists."""

    batch_id: str
    course_id: str
    templates: Mapping[str, Mapping[str, Any]]
    records: Sequence[StagedCertificate]
    entries: Sequence[dict[str, str]]


def convert_records(user_id: str, parts: Sequence[CertificatesInBatch], converted: Converted) -> None:
    """The imported certificates of a learner, each once: by its record, else by the first batch that lists it."""
    listed: dict[str, tuple[CertificatesInBatch, dict[str, str]]] = {}
    for part in parts:
        for entry in part.entries:
            if 0 < len(certificate_id := identifier(entry)) <= LONGEST_ID:
                listed.setdefault(certificate_id, (part, entry))
    taken: dict[str, tuple[CertificatesInBatch, StagedCertificate]] = {}
    records = [(part, record) for part in parts for record in part.records]
    for part, record in sorted(records, key=lambda row: (row[1].source != "registry", -(row[1].issued_ms or 0))):
        fate = Fate.JOINED if record.certificate_id in taken else Fate.TAKEN
        converted.fates[TABLES[record.source], fate] += 1
        if fate is Fate.TAKEN:
            taken[record.certificate_id] = part, record
            notes = [MoveProblem(kind, (record.certificate_id,), said) for kind, said in record.notes]
            converted.problems += notes
        elif taken[record.certificate_id][1].source != record.source:
            converted.problems.append(MoveProblem("certificate-id-twice", (record.certificate_id,)))
    for certificate_id, (part, record) in taken.items():
        lister, entry = listed.get(certificate_id, (None, {}))
        converted.certificates.append(
            ConvertedCertificate(
                certificate_id=certificate_id,
                user_id=user_id,
                batch_id=part.batch_id,
                course_id=part.course_id,
                name=record.name,
                source=record.source,
                status=_status(record, is_listed=lister is not None),
                issued_at=None if record.issued_ms is None else moment(record.issued_ms),
                template_id=_template(part.templates, record.template_url, record.name),
                token=record.token or entry.get("token", ""),
                record=record.record,
            )
        )
        if lister is not None and not record.is_active:
            key = (user_id, lister.batch_id, certificate_id)
            converted.problems.append(MoveProblem("certificate-revoked-but-listed", key))
    for certificate_id, (part, entry) in listed.items():
        if certificate_id in taken:
            continue
        issued_ms = date_ms(entry.get("lastIssuedOn"))
        key = (user_id, part.batch_id, certificate_id)
        converted.problems.append(MoveProblem("certificate-record-missing", key))
        converted.certificates.append(
            ConvertedCertificate(
                certificate_id=certificate_id,
                user_id=user_id,
                batch_id=part.batch_id,
                course_id=part.course_id,
                name=str(entry.get("name") or ""),
                source="entry",
                status="active",
                issued_at=None if issued_ms is None else moment(issued_ms),
                template_id=_template(part.templates, entry.get("templateUrl", ""), str(entry.get("name") or "")),
                token=entry.get("token", ""),
                record=dict(entry),
            )
        )


def _status(record: StagedCertificate, *, is_listed: bool) -> str:
    if record.is_active:
        return "active"
    is_replaced = record.source == "certreg" and record.reason == REISSUED and not is_listed
    return "superseded" if is_replaced else "revoked"


def _template(templates: Mapping[str, Mapping[str, Any]], url: str, name: str) -> str | None:
    """The batch's template that a certificate was made with: by its address, else by its name."""
    by_url = (template_id for template_id, template in templates.items() if url and template.get("url") == url)
    by_name = (
        template_id
        for template_id, template in templates.items()
        if name and str(template.get("name") or "").lower() == name.lower()
    )
    return next(by_url, None) or next(by_name, None)
