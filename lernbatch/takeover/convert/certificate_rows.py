"""Records of the two registries of certificates, each by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lernbatch.sunbird_source.model import SourceRow
from lernbatch.takeover.convert.held import unreadable
from lernbatch.takeover.convert.model import (
    BatchCourses,
    ConvertOptions,
    Fate,
    HeldRow,
    MoveProblem,
    RowResult,
    StagedCertificate,
)
from lernbatch.takeover.convert.values import (
    date_ms,
    iso,
    mapping,
    parsed,
    text,
)


def certreg_row(row: SourceRow, options: ConvertOptions, _: BatchCourses) -> RowResult:
    """A row of the old registry; what it is about stands in texts that are JSON, or are not."""
    values = row.values
    certificate_id = text(values.get("id"))
    if not certificate_id:
        return unreadable(row, "it has no id")
    related, recipient = _object(values.get("related")), _object(values.get("recipient"))
    data = _object(values.get("data"))
    batch_id, course_id = text(related.get("batchId")), text(related.get("courseId"))
    user_id = text(recipient.get("id")) or text(_object(data.get("recipient")).get("id"))
    if not (batch_id and course_id and user_id):
        return _unrelated(row, certificate_id)
    created = date_ms(values.get("createdat"))
    staged = StagedCertificate(
        certificate_id=certificate_id,
        batch_id=options.batch_id(course_id, batch_id),
        course_id=course_id,
        source="certreg",
        name=text(_object(data.get("badge")).get("name")) or "",
        is_active=values.get("isrevoked") is not True,
        reason=text(values.get("reason")),
        token=text(values.get("accesscode")) or "",
        template_url="",
        issued_ms=created if created is not None else date_ms(data.get("issuedOn")),
        record=_record(values),
        notes=[],
    )
    return RowResult(options.plain_id(user_id), staged)


def registry_row(row: SourceRow, options: ConvertOptions, _: BatchCourses) -> RowResult:
    """An entity of the registry that replaced it."""
    values = row.values
    certificate_id = text(values.get("osid"))
    if not certificate_id:
        return unreadable(row, "it has no osid")
    training, recipient = mapping(values.get("training")), mapping(values.get("recipient"))
    batch_id, course_id = text(training.get("batchId")), text(training.get("id"))
    user_id = text(recipient.get("id"))
    if not (batch_id and course_id and user_id):
        return _unrelated(row, certificate_id)
    created = date_ms(values.get("osCreatedAt"))
    status = text(values.get("status")) or "ACTIVE"
    staged = StagedCertificate(
        certificate_id=certificate_id,
        batch_id=options.batch_id(course_id, batch_id),
        course_id=course_id,
        source="registry",
        name=text(values.get("certificateLabel")) or "",
        is_active=status.upper() == "ACTIVE",
        reason=None,
        token="",
        template_url=text(values.get("templateUrl")) or "",
        issued_ms=created if created is not None else date_ms(values.get("osUpdatedAt")),
        record=_record(values),
        notes=[],
    )
    return RowResult(options.plain_id(user_id), staged)


def _record(values: Mapping[str, Any]) -> dict[str, Any]:
    """A record verbatim; what is a moment in the source is its text."""
    return {name: iso(value) if hasattr(value, "astimezone") else value for name, value in values.items()}


def _unrelated(row: SourceRow, certificate_id: str) -> RowResult:
    kind, key = "certificate-related-unreadable", (certificate_id,)
    return RowResult(
        "", None, Fate.HELD, [MoveProblem(kind, key)], [HeldRow(kind, row.table, key, _record(row.values))]
    )


def _object(value: Any) -> dict[str, Any]:
    """An object, or a text that is one in JSON; else an empty one."""
    if isinstance(value, str):
        try:
            value = parsed(value)
        except ValueError:
            return {}
    return mapping(value)
