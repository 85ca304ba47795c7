"""What is true of exhaust requests: their id, who may ask, what is refused, when they are tried again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from lernbatch.archive.model import CannotBeMade, FileFormat, Level, ZipEncryption
from lernbatch.batch.rules import is_unbounded, owns
from lernbatch.config import Config
from lernbatch.errors import Forbidden, Refused
from lernbatch.exhaust.model import Requester, Selection, Status, Submission
from lernbatch.jobs.pauses import pause_after
from lernbatch.report.model import Dataset, Filters, ReportBatch
from lernbatch.report.user_info import PERSONAL_COLUMNS
from lernbatch.web.caller import Caller

MESSAGE_LENGTH = 300
WORKER_DIED = "Internal Server Error: the worker that made it was killed at every attempt"
CONSENT_WITHDRAWN = "A consent on which the files rested was withdrawn; ask for them again"
PERSON_ERASED = "Somebody in the files was erased; ask for them again"
_DETAIL_LENGTH = 250
_LONGEST_PAUSE = timedelta(minutes=10)


class NotAuthorised(Forbidden):
    """No role for the dataset, another organisation, or none of the batches is theirs."""


class ChannelMissing(Forbidden):
    message = "X-Channel-ID is missing in request header"


class ConsumerNotAllowed(Forbidden):
    def __init__(self, consumer: str, channel: str) -> None:
        super().__init__(f"Given X-Consumer-ID='{consumer}' and X-Channel-ID='{channel}' are not authorized")


class ShortKey(Refused):
    code = "CLIENT_ERROR"

    def __init__(self, least: int) -> None:
        super().__init__(f"encryptionKey should have at least {least} characters")


class UnknownDataset(Refused):
    code = "CLIENT_ERROR"

    def __init__(self, dataset: str) -> None:
        super().__init__(f"dataset is unknown: {dataset[:100]}")


class NotTheirs(CannotBeMade):
    """None of the batches is the requester's any more."""

    message = NotAuthorised.message


class NoSelector(CannotBeMade):
    message = "Request should have either of batchId, batchFilter, searchFilter or encrption key"  # sic


class TooManyBatches(CannotBeMade):
    def __init__(self, limit: int) -> None:
        super().__init__(f"Number of batches in request exceeded. It should be within {limit}")


class NothingFound(CannotBeMade):
    message: str = "No data found"


class Retired(CannotBeMade):
    message: str = "The request is made for retired collection"


class ConsentNotAsked(CannotBeMade):
    message = (
        "Invalid request. User info exhaust is not applicable for collections which don't request for user consent "
        "to share data"
    )


class KeyMissing(CannotBeMade):
    message = "The organisation has no key for the security level of this dataset"


class ColumnOfPeople(CannotBeMade):
    message = "externalId names a person: only userinfo-exhaust has it, of those who consent"


class NotOfLearners(CannotBeMade):
    message = "filters and changedSinceRequest choose learners; this dataset counts batches"


class NoEarlierRequest(CannotBeMade):
    message = "changedSinceRequest names no request of this channel"


def request_ids(asked: Submission, day: date, fingerprint: bytes) -> tuple[str, str]:
    """The id that the contract gives (jobs §5.2: one request per dataset, tag, user, channel and day, and `type` of the
    config), and the id for when that one belongs to a request for something else."""
    kind = asked.config.get("type")
    parts = [asked.dataset, asked.tag, asked.requested_by, asked.channel, day.isoformat()]
    parts += [kind] if isinstance(kind, str) and kind else []
    return _digest(parts), _digest([*parts, fingerprint.hex()])


def _digest(parts: Sequence[str]) -> str:
    return hashlib.md5("|".join(parts).encode(), usedforsecurity=False).hexdigest().upper()


def reports_for(requester: Requester, channel: str) -> bool:
    """Whether all of a channel's batches may be in a report for `requester`."""
    return requester.organisation_ids is None or channel in requester.organisation_ids


def may_have(requester: Requester, batch: ReportBatch) -> bool:
    """Creator, mentors and those who report for its organisations may have reports of a batch, however it was found."""
    return owns(batch, requester.user_id, requester.organisation_ids)


def check_selectors(wanted: Selection, dataset: Dataset, has_key: bool, limit: int) -> None:
    """Raises: NoSelector, TooManyBatches, NotOfLearners, ColumnOfPeople (contract jobs §5.4, rules 7 and 8)."""
    if not wanted.batch_ids and wanted.search is None and not dataset.spans_batches:
        raise NoSelector
    if dataset is Dataset.USER_INFO and not has_key:
        raise NoSelector
    if len(wanted.batch_ids) > limit and not dataset.spans_batches:
        raise TooManyBatches(limit)
    if dataset.spans_batches and (wanted.filters != Filters() or wanted.since_request is not None):
        raise NotOfLearners
    if dataset is not Dataset.USER_INFO and not PERSONAL_COLUMNS.isdisjoint(wanted.columns):
        raise ColumnOfPeople


def level_of(dataset: Dataset, settings: Sequence[str]) -> Level:
    """How files of `dataset` are protected: `settings` are `dataset=LEVEL` pairs; else a key becomes a password."""
    chosen = dict(pair.split("=", 1) for pair in settings if "=" in pair)
    return Level(chosen.get(dataset, Level.PASSWORD))


def file_format(wanted: FileFormat, csv_format: str) -> FileFormat:
    """How a file is written: what the installation means by `csv` may be another CSV than the contract's."""
    return FileFormat(csv_format) if wanted is FileFormat.CSV else wanted


def is_strong(wanted: ZipEncryption, *, usually: bool) -> bool:
    """Whether a protected zip is encrypted by AES: as the request says, else as the installation does."""
    return usually if wanted is ZipEncryption.USUAL else wanted is ZipEncryption.AES256


def crash_message(detail: str) -> str:
    """`detail`: what another service said, or the kind of a failure of ours; its text may quote people's data."""
    return f"Internal Server Error: {detail[:_DETAIL_LENGTH]}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a turn of a request ended. `retry_in`: when it is due again; None: it is finished."""

    status: Status
    message: str | None
    iteration: int
    retry_in: timedelta | None = None


def outcome(iteration: int, failures: Sequence[str], *, passing: bool, unfinished: bool, attempts: int) -> Outcome:
    """What becomes of a request whose batches failed with the texts `failures`.

    `passing`: at least one failure may pass by itself (a store, another service); it is tried again, up to `attempts`
    in all. `unfinished`: batches are left for the next turn. Source: contract jobs §5.4, rule 12.
    """
    message = ",".join(dict.fromkeys(failures))[:MESSAGE_LENGTH]
    if not failures:
        if unfinished:
            return Outcome(Status.SUBMITTED, None, iteration, timedelta())
        return Outcome(Status.SUCCESS, "", iteration)
    iteration += 1
    if unfinished or (passing and iteration < attempts):
        return Outcome(Status.SUBMITTED, message, iteration, pause_after(iteration, _LONGEST_PAUSE))
    return Outcome(Status.FAILED, message, iteration)


def requester(config: Config, caller: Caller) -> Requester:
    """For whom a report is that `caller` asks for, or looks at: somebody who administers or reports for organisations.

    Where an installation does not ask whose a batch is, anybody who may ask for reports at all may have them all.
    """
    if is_unbounded(caller, config):
        return Requester(caller.user_id, None)
    roles = (*config.report_roles, *config.administrator_roles)
    return Requester(caller.user_id, caller.organisations_with(roles))
