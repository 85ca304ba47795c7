"""The manifest of a request: what was delivered, by which rules, and how to tell that it arrived whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from lernbatch.archive.model import Level, ZipEncryption
from lernbatch.archive.packing import Protection
from lernbatch.exhaust.model import Delivery, ExhaustRequest, LeftOut
from lernbatch.report.model import RULES_VERSION

NAME = "manifest.json"
_OPEN = "The file is not encrypted: whoever has it can read it. Ask with an encryptionKey."
_BROKEN = (
    "The old zip encryption is broken: whoever has the file can open it without its key. "
    "Ask with zipEncryption aes256, and open the file with 7-Zip or the like."
)


def folder(dataset: str, request_id: str) -> str:
    """The key under which everything of a request is stored."""
    return f"{dataset}/{request_id}"


def path(dataset: str, request_id: str) -> str:
    """The key under which a request's manifest is stored."""
    return f"{folder(dataset, request_id)}/{NAME}"


def manifest(
    request: ExhaustRequest,
    deliveries: Sequence[Delivery],
    left_out: Sequence[LeftOut],
    protection: Protection,
    now: datetime,
) -> bytes:
    """{"requestId", "dataset", …, "protection": {"level", "zipEncryption", "warning"},
    "files": [{"batchId", "file", "rowCount", "sizeBytes", "sha256", "consents", "standbyLagSeconds"}],
    "leftOut": [{"batchId", "reason"}]}
    """
    level, encryption = protection.applied_level, protection.zip_encryption
    warning = _OPEN if level is Level.PLAIN else _BROKEN if encryption is ZipEncryption.ZIPCRYPTO else None
    shown: dict[str, Any] = {
        "requestId": request.request_id,
        "dataset": request.dataset,
        "requestedChannel": request.channel,
        "datasetConfig": request.config,
        "rulesVersion": RULES_VERSION,
        "madeAt": now.astimezone(UTC).isoformat(timespec="seconds"),
        "protection": {"level": level, "zipEncryption": encryption, "warning": warning},
        "rowCount": sum(delivery.row_count for delivery in deliveries),
        "files": [_file(delivery) for delivery in deliveries],
        "leftOut": [{"batchId": batch.batch_id, "reason": batch.reason} for batch in left_out],
    }
    return msgspec.json.format(msgspec.json.encode(shown), indent=2)


def _file(delivery: Delivery) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "batchId": delivery.batch_id,
        "file": delivery.path.rpartition("/")[2],
        "rowCount": delivery.row_count,
        "sizeBytes": delivery.size_bytes,
        "sha256": delivery.sha256,
    }
    if delivery.consent_record_path is not None:
        shown["consents"] = delivery.consent_record_path.rpartition("/")[2]
    if delivery.standby_lag_seconds is not None:
        shown["standbyLagSeconds"] = delivery.standby_lag_seconds
    return shown


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    """`content` as the store takes it."""
    yield content
