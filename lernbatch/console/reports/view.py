"""What the pages of reports show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from lernbatch.archive.model import FileFormat
from lernbatch.config import Config
from lernbatch.console.visit import Visit
from lernbatch.exhaust.model import LinkedRequest, RequestStatus
from lernbatch.exhaust.wire_selection import WrongFilter, read_filters
from lernbatch.report.model import Dataset
from lernbatch.wording.words import N_, Words

# Dataset → its name, and what a row of it is. The order is that of the form.
DATASETS = {
    Dataset.PROGRESS: (N_("Progress"), N_("a row a learner: place, units, scores, certificates")),
    Dataset.RESPONSE: (N_("Answers"), N_("a row a question of an attempt")),
    Dataset.USER_INFO: (N_("User details"), N_("a row a learner who consents: name, phone, e-mail; needs a password")),
    Dataset.SUMMARY: (N_("Summary by state and district"), N_("a row a place: counts, nobody's rows")),
}
WITH_KEY = frozenset({Dataset.USER_INFO.value})
FORMATS = {
    FileFormat.CSV_EXCEL: N_("CSV for spreadsheets"),
    FileFormat.XLSX: N_("Excel"),
    FileFormat.CSV_RFC4180: N_("CSV for programs"),
    FileFormat.CSV: N_("CSV as Sunbird writes it"),
    FileFormat.JSONL: N_("JSON lines"),
    FileFormat.PARQUET: N_("Parquet"),
}
COLUMNS = {"attempts": N_("attempts"), "lastActivity": N_("last activity")}
_STATES = {
    RequestStatus.SUBMITTED: ("info", N_("waiting")),
    RequestStatus.PROCESSING: ("info", N_("under way")),
    RequestStatus.SUCCESS: ("good", N_("ready")),
    RequestStatus.FAILED: ("bad", N_("failed")),
}
_KIB = 1024


def batch_ids(linked: LinkedRequest) -> set[str]:
    """The batches that a report names, or that its files are about."""
    named = linked.request.config.get("batchId")
    return {*linked.request.batch_ids, *([named] if isinstance(named, str) else [])}


def reports(linked: Sequence[LinkedRequest], names: Mapping[str, str], words: Words) -> list[dict[str, Any]]:
    """Requests as rows: what, how far, when, and what can be done with each."""
    return [_report(each, names, words) for each in linked]


def _report(linked: LinkedRequest, names: Mapping[str, str], words: Words) -> dict[str, Any]:
    request = linked.request
    status = RequestStatus(request.status)
    kind, state = _STATES[status]
    name, _hint = DATASETS.get(Dataset(request.dataset), (request.dataset, ""))
    about = [names.get(batch_id, batch_id) for batch_id in sorted(batch_ids(linked))]
    total, done = request.rows_total, request.rows_done
    rows = sum(delivery.get("rowCount") or 0 for delivery in request.deliveries)
    size = sum(delivery.get("fileSize") or 0 for delivery in request.deliveries)
    return {
        "request_id": request.request_id,
        "dataset": request.dataset,
        "name": words._(name),
        "about": words.listed(about) if about else "",
        "batch_id": next(iter(sorted(batch_ids(linked))), None),
        "format": _zipped(FORMATS.get(FileFormat(request.output_format), request.output_format), words),
        "kind": kind,
        "state": words._(state),
        "status": status,
        "is_open": status in (RequestStatus.SUBMITTED, RequestStatus.PROCESSING),
        "is_ready": status is RequestStatus.SUCCESS,
        "done": done,
        "total": total,
        "share": min(99, done * 100 // total) if total else None,
        "rows": rows,
        "size": size_text(size, words),
        "message": request.message or "",
        "submitted_at": request.submitted_at,
        "completed_at": request.completed_at,
        "links": linked.links,
        "manifest": linked.manifest_link,
        "since": request.config.get("changedSinceRequest") or request.config.get("changedSince"),
        "blocks": words.listed(_blocks(request.config)),
        "is_personal": Dataset(request.dataset).is_personal,
    }


def _blocks(config: Mapping[str, Any]) -> list[str]:
    """The blocks that were asked for; none of a request whose filters are wrong: its message says so."""
    try:
        return [*(read_filters(config.get("filters") or {}).blocks or ())]
    except WrongFilter:
        return []


def files(linked: LinkedRequest, names: Mapping[str, str], words: Words) -> dict[str, Any]:
    """The files of one report with their checksums, in the order of their links."""
    by_path = {stored["filePath"].rpartition("/")[2]: stored for stored in linked.request.deliveries}
    rows = []
    for link in linked.links:
        stored = by_path.get(link.partition("?")[0].rpartition("/")[2])
        if stored is not None:
            batch_id = stored.get("batchId", "")
            size = size_text(stored.get("fileSize") or 0, words)
            of_file = {"rows": stored.get("rowCount") or 0, "size": size, "sha256": stored.get("sha256") or ""}
            rows.append({"link": link, "about": names.get(batch_id, batch_id), **of_file})
    return {"files": rows, "expires_at": linked.expire_at}


def form(visit: Visit, own: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What can be asked for. `own`: the reader's earlier reports of this batch, of which changes can be asked for."""
    words = visit.words
    chosen = visit.form.get("dataset") or visit.query.get("dataset") or Dataset.PROGRESS.value
    this_month = words.now.astimezone(words.zone).date().replace(day=1)
    since = [("", words._("all learners"))]
    for day in (this_month, (this_month - timedelta(days=1)).replace(day=1)):
        text = words._("who changed since %(day)s", day=words.day_text(day, weekday=False))
        since.append((day.isoformat(), text))
    for report in own:
        if report["is_ready"] and not report["since"]:
            local = report["submitted_at"].astimezone(words.zone)
            when = f"{words.day_text(local.date(), short=True, weekday=False)}, {words.hour_text(local)}"
            text = words._("who changed since my %(name)s of %(day)s", name=report["name"], day=when)
            since.append((report["request_id"], text))
    return {
        "datasets": [
            {"value": dataset.value, "name": words._(name), "hint": words._(hint), "is_chosen": dataset == chosen}
            for dataset, (name, hint) in DATASETS.items()
        ],
        "formats": [(form.value, _zipped(name, words)) for form, name in FORMATS.items()],
        "columns": [
            {"value": value, "name": words._(name), "is_chosen": value in visit.lists.get("columns", [])}
            for value, name in COLUMNS.items()
        ],
        "since": since,
    }


def _zipped(name: str, words: Words) -> str:
    """A format as it is downloaded."""
    return words._("%(format)s, in a zip", format=words._(name))


def is_day(text: str) -> bool:
    """Whether what was chosen is a day; else it is an earlier report."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def blocks(text: str) -> list[str]:
    """The blocks that were typed, with commas between them."""
    return [name for name in (part.strip() for part in text.split(",")) if name]


def keeping(config: Config, words: Words) -> str:
    """How long files are kept, in a sentence."""
    return words._(
        "Files are kept %(days)s days, %(personal)s with personal data. Links work for %(minutes)s minutes.",
        days=words.number(config.exhaust_retention_days),
        personal=words.number(config.exhaust_personal_retention_days),
        minutes=words.number(config.exhaust_link_minutes),
    )


def size_text(size: int, words: Words) -> str:
    """1.4 MB"""
    value, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if value < _KIB or unit == "GB":
            break
        value /= _KIB
    return f"{words.number(round(value, 1) if value < 10 and unit != 'B' else round(value))}\N{NO-BREAK SPACE}{unit}"
