"""What is true of exhaust requests: their id, who may ask, what is refused, when they are tried again."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from lernbatch.auth import Caller
from lernbatch.errors import Forbidden, LernbatchError, Refused
from lernbatch.exhaust.model import Dataset, Filters, Level, Offer, Status, Wanted

MESSAGE_LENGTH = 300
WORKER_DIED = "Internal Server Error: the worker that made it was killed at every attempt"
_DETAIL_LENGTH = 250
_LONGEST_PAUSE_SECONDS = 600


class NotAuthorised(Forbidden):
    """No role for the dataset, another organisation, or none of the batches is theirs."""


class ChannelMissing(Forbidden):
    message = "X-Channel-ID is missing in request header"


class ConsumerNotAllowed(Forbidden):
    def __init__(self, consumer: str, channel: str) -> None:
        super().__init__(f"Given X-Consumer-ID='{consumer}' and X-Channel-ID='{channel}' are not authorized")


class UnknownDataset(Refused):
    code = "CLIENT_ERROR"

    def __init__(self, dataset: str) -> None:
        super().__init__(f"dataset is unknown: {dataset[:100]}")


class CannotBeMade(LernbatchError):
    """A request or one of its files ends in FAILED with this message; trying again would change nothing."""


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


class WrongKey(CannotBeMade):
    message = "The organisation's key is no public RSA key in PEM"


class NotOfLearners(CannotBeMade):
    message = "filters and changedSinceRequest choose learners; this dataset counts batches"


class NoEarlierRequest(CannotBeMade):
    message = "changedSinceRequest names no request of this channel"


def request_id(dataset: str, tag: str, requested_by: str, channel: str, day: date, kind: str | None = None) -> str:
    """One request per dataset, tag, user, channel and day; `kind` is the config's own `type` (contract jobs §5.2)."""
    parts = [dataset, tag, requested_by, channel, day.isoformat(), *([kind] if kind else [])]
    return hashlib.md5("|".join(parts).encode(), usedforsecurity=False).hexdigest().upper()


def may_see(caller: Caller, batch: Offer, administrator_roles: Collection[str]) -> bool:
    """Creator, mentors and report administrators of its organisations may have reports of a batch."""
    if not caller.authentication_enabled or caller.user_id in (batch.created_by, *batch.mentors):
        return True
    return caller.administers(batch.created_for, administrator_roles)


def check_selectors(wanted: Wanted, dataset: Dataset, has_key: bool, limit: int) -> None:
    """Raises: NoSelector, TooManyBatches, NotOfLearners (contract jobs §5.4, rules 7 and 8)."""
    if not wanted.batch_ids and wanted.search is None and not dataset.spans_batches:
        raise NoSelector
    if dataset is Dataset.USER_INFO and not has_key:
        raise NoSelector
    if len(wanted.batch_ids) > limit and not dataset.spans_batches:
        raise TooManyBatches(limit)
    if dataset.spans_batches and (wanted.filters != Filters() or wanted.since_request is not None):
        raise NotOfLearners


def level_of(dataset: Dataset, settings: Sequence[str]) -> Level:
    """How files of `dataset` are protected: `settings` are `dataset=LEVEL` pairs; else a key becomes a password."""
    chosen = dict(pair.split("=", 1) for pair in settings if "=" in pair)
    return Level(chosen.get(dataset, Level.PASSWORD))


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
        pause = min(2.0**iteration, _LONGEST_PAUSE_SECONDS)
        return Outcome(Status.SUBMITTED, message, iteration, timedelta(seconds=pause))
    return Outcome(Status.FAILED, message, iteration)
