"""What is true of exhaust requests: their ids, who may have them, what is refused, when they are retried."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from lernbatch.archive.model import CannotBeMade, FileFormat, Level, ZipEncryption
from lernbatch.batch.rules import is_unbounded, owns
from lernbatch.config import Config
from lernbatch.errors import Forbidden, Refused
from lernbatch.exhaust.model import ExhaustRequest, ReportSubmission, Requester, RequestStatus, Selection
from lernbatch.jobs.pauses import pause_after
from lernbatch.report.model import Dataset, Filters, ReportBatch
from lernbatch.report.user_info import PERSONAL_COLUMNS
from lernbatch.web.caller import Caller

MESSAGE_LENGTH = 300
WORKER_DIED = "Internal Server Error: the worker that made it was killed at every attempt"
CONSENT_WITHDRAWN = "A consent on which the files rested was withdrawn; ask for them again"
PERSON_ERASED = "Somebody in the files was erased; ask for them again"
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
    """None of the batches is the requester's any longer."""

    message = NotAuthorised.message


class NoSelector(CannotBeMade):
    message = "Request should have either of batchId, batchFilter, searchFilter or encrption key"  # sic


class TooManyBatches(CannotBeMade):
    def __init__(self, limit: int) -> None:
        super().__init__(f"Number of batches in request exceeded. It should be within {limit}")


class TooManyCourses(CannotBeMade):
    """An addition: the reference takes what the search gives at once, and says nothing of the others."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"Number of courses found by searchFilter exceeded. It should be within {limit}")


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
    message = "filters, changedSinceRequest and changedSince choose learners; this dataset counts batches"


class NoEarlierRequest(CannotBeMade):
    message = "changedSinceRequest names no request of this channel"


def request_ids(submission: ReportSubmission, day: date, fingerprint: bytes) -> tuple[str, str]:
    """The id that the contract gives (jobs §5.2: one request per dataset, tag, user, channel and day, and `type` of the
    config), and the id for when that one belongs to a request for something else."""

    def digest(parts: Sequence[str]) -> str:
        return hashlib.md5("|".join(parts).encode(), usedforsecurity=False).hexdigest().upper()

    kind = submission.config.get("type")
    parts = [submission.dataset, submission.tag, submission.requested_by, submission.channel, day.isoformat()]
    parts += [kind] if isinstance(kind, str) and kind else []
    return digest(parts), digest([*parts, fingerprint.hex()])


def reports_for(requester: Requester, channel: str) -> bool:
    """Whether all of a channel's batches may be in a report for `requester`."""
    return requester.organisation_ids is None or channel in requester.organisation_ids


def may_have(requester: Requester, batch: ReportBatch) -> bool:
    """Creator, mentors and those who report for its organisations may have reports of a batch, however it was found."""
    return owns(batch, requester.user_id, requester.organisation_ids)


def may_see(
    requester: Requester, request: ExhaustRequest, batch_ids: Collection[str], permitted: Mapping[str, bool]
) -> bool:
    """Whether a request, which holds links to files, may be shown. `batch_ids`: the batches it is about.

    `permitted`: whether the requester may have a batch, by the ids of those that exist.
    """
    mine = requester.user_id is not None and request.requester_id == requester.user_id
    mine = mine or reports_for(requester, request.channel)
    if not batch_ids:
        return mine and not request.deliveries
    return all(permitted.get(batch_id, mine) for batch_id in batch_ids)  # nobody has what is not there


def check_selectors(selection: Selection, dataset: Dataset, has_key: bool, limit: int) -> None:
    """Raises: NoSelector, TooManyBatches, NotOfLearners, ColumnOfPeople (contract jobs §5.4, rules 7 and 8)."""
    if not selection.batch_ids and selection.search is None and not dataset.spans_batches:
        raise NoSelector
    if dataset is Dataset.USER_INFO and not has_key:
        raise NoSelector
    if len(selection.batch_ids) > limit and not dataset.spans_batches:
        raise TooManyBatches(limit)
    since = selection.since_request or selection.since_day
    if dataset.spans_batches and (selection.filters != Filters() or since is not None):
        raise NotOfLearners
    if dataset is not Dataset.USER_INFO and not PERSONAL_COLUMNS.isdisjoint(selection.columns):
        raise ColumnOfPeople


def level_of(dataset: Dataset, settings: Sequence[str]) -> Level:
    """How files of `dataset` are protected: `settings` are `dataset=LEVEL` pairs; else a key becomes a password."""
    chosen = dict(pair.split("=", 1) for pair in settings if "=" in pair)
    return Level(chosen.get(dataset, Level.PASSWORD))


def file_format(requested: FileFormat, csv_format: str) -> FileFormat:
    """How a file is written: what the installation means by `csv` may be another CSV than the contract's."""
    return FileFormat(csv_format) if requested is FileFormat.CSV else requested


def is_strong(requested: ZipEncryption, *, usually: bool) -> bool:
    """Whether a protected zip is encrypted by AES: as the request says, else as the installation does."""
    return usually if requested is ZipEncryption.USUAL else requested is ZipEncryption.AES256


def crash_message(detail: str) -> str:
    """`detail`: in our words, or the kind of a failure of ours. Texts of others may quote people's data."""
    return f"Internal Server Error: {detail}"


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """The state of a request after a run. `retry_in`: the pause before the next run; None: it is finished."""

    status: RequestStatus
    message: str | None
    iteration: int
    retry_in: timedelta | None = None


def outcome(iteration: int, failures: Sequence[str], *, passing: bool, unfinished: bool, attempts: int) -> RunOutcome:
    """The state after a run whose files failed with the texts `failures`.

    `passing`: a retry may succeed (a store, another service failed); there are up to `attempts` in all.
    `unfinished`: files are left for the next run. Source: contract jobs §5.4, rule 12.
    """
    message = ",".join(dict.fromkeys(failures))[:MESSAGE_LENGTH]
    if not failures:
        if unfinished:
            return RunOutcome(RequestStatus.SUBMITTED, None, iteration, timedelta())
        return RunOutcome(RequestStatus.SUCCESS, "", iteration)
    iteration += 1
    if unfinished or (passing and iteration < attempts):
        return RunOutcome(RequestStatus.SUBMITTED, message, iteration, pause_after(iteration, _LONGEST_PAUSE))
    return RunOutcome(RequestStatus.FAILED, message, iteration)


def requester(config: Config, caller: Caller) -> Requester:
    """The requester that `caller` is: with the organisations that they administer or report for.

    Where an installation does not ask whose a batch is, they may have the reports of all organisations.
    """
    if is_unbounded(caller, config):
        return Requester(caller.user_id, None)
    roles = (*config.report_roles, *config.administrator_roles)
    return Requester(caller.user_id, caller.organisations_with(roles))
