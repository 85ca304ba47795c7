"""What is true of exhausts, without a database."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from typing import Any

import pytest

from lernbatch.archive.model import FileFormat, Level, ZipEncryption
from lernbatch.config import Config
from lernbatch.exhaust import rules
from lernbatch.exhaust.model import ReportSubmission, Requester, RequestStatus, Selection
from lernbatch.exhaust.wire_selection import read_selection
from lernbatch.report.model import Dataset, ReportBatch
from lernbatch.web.caller import Caller, Role


def test_a_request_is_known_by_dataset_tag_user_channel_and_day() -> None:
    def ids(fingerprint: bytes = b"1", **config: str) -> tuple[str, str]:
        asked = ReportSubmission("do_1_b1", Dataset.PROGRESS, "u9", "0126", config, None, None)
        return rules.request_ids(asked, date(2026, 7, 1), fingerprint)

    wanted = hashlib.md5(b"progress-exhaust|do_1_b1|u9|0126|2026-07-01").hexdigest().upper()
    typed = hashlib.md5(b"progress-exhaust|do_1_b1|u9|0126|2026-07-01|x").hexdigest().upper()
    assert (ids()[0], ids(type="x")[0]) == (wanted, typed)
    assert (
        len({*ids(), *ids(b"2"), *ids(type="x")}) == 5
    )  # the contract's once, and one of its own for each other thing


OUTCOMES = [
    ([], False, False, 0, (RequestStatus.SUCCESS, "", 0, None)),
    ([], False, True, 0, (RequestStatus.SUBMITTED, None, 0, timedelta())),
    (["No data found"], False, False, 0, (RequestStatus.FAILED, "No data found", 1, None)),
    (["down"], True, False, 0, (RequestStatus.SUBMITTED, "down", 1, timedelta(seconds=2))),
    (["down"], True, False, 2, (RequestStatus.FAILED, "down", 3, None)),
    (["a", "b", "a"], False, False, 0, (RequestStatus.FAILED, "a,b", 1, None)),
]


@pytest.mark.parametrize(("failures", "passing", "unfinished", "iteration", "wanted"), OUTCOMES)
def test_how_a_turn_ends(
    failures: list[str], passing: bool, unfinished: bool, iteration: int, wanted: tuple[object, ...]
) -> None:
    found = rules.outcome(iteration, failures, passing=passing, unfinished=unfinished, attempts=3)
    assert (found.status, found.message, found.iteration, found.retry_in) == wanted


def test_a_request_needs_a_selector_and_user_info_a_key() -> None:
    one = Selection(batch_ids=("b1",))
    rules.check_selectors(one, Dataset.PROGRESS, False, 20)
    for wanted, dataset in ((Selection(), Dataset.PROGRESS), (one, Dataset.USER_INFO)):
        with pytest.raises(rules.NoSelector, match="encrption"):
            rules.check_selectors(wanted, dataset, False, 20)


def test_repeated_batches_count_towards_the_limit() -> None:
    with pytest.raises(rules.TooManyBatches, match="within 20"):
        rules.check_selectors(Selection(batch_ids=("b1",) * 21), Dataset.PROGRESS, False, 20)


def test_one_batch_wins_over_several_and_both_over_a_search() -> None:
    everything = {"batchId": "b1", "batchFilter": ["b2", "b3"], "searchFilter": {"filters": {}}}
    assert read_selection(everything) == Selection(batch_ids=("b1",))
    del everything["batchId"]
    assert read_selection(everything) == Selection(batch_ids=("b2", "b3"))
    del everything["batchFilter"]
    assert read_selection(everything) == Selection(search={"filters": {}})


def test_a_key_becomes_a_password_unless_a_setting_says_otherwise() -> None:
    settings = ("progress-exhaust=PLAIN_DATASET",)
    assert rules.level_of(Dataset.PROGRESS, settings) is Level.PLAIN
    assert rules.level_of(Dataset.USER_INFO, settings) is Level.PASSWORD


def batch_of(*organisations: str, mentors: tuple[str, ...] = (), creator: str | None = "u1") -> ReportBatch:
    return ReportBatch("b1", "do_1", "June", creator, list(organisations), list(mentors), date(2026, 6, 1), None)


@pytest.mark.parametrize(
    ("user_id", "organisations", "batch", "may"),
    [
        ("u1", (), batch_of("A"), True),
        ("u2", (), batch_of("A", mentors=("u2",)), True),
        ("u2", (), batch_of("A"), False),
        ("u2", ("A",), batch_of("A", "B"), True),
        ("u2", ("A",), batch_of("B"), False),
        ("u2", ("A",), batch_of(), False),
        ("u2", None, batch_of("B"), True),
        (None, (), batch_of("A", creator=None), False),  # nobody is not the creator of what nobody has created
        (None, ("A",), batch_of("A", creator=None), True),
    ],
)
def test_who_may_have_reports_of_a_batch(
    user_id: str | None, organisations: tuple[str, ...] | None, batch: ReportBatch, may: bool
) -> None:
    requester = Requester(user_id, None if organisations is None else frozenset(organisations))
    assert rules.may_have(requester, batch) is may


def test_only_reporting_roles_count_and_each_where_it_is_held() -> None:
    roles = (Role("REPORT_ADMIN", frozenset({"A"})), Role("ORG_ADMIN", frozenset({"B"})), Role("PUBLIC"))
    caller = Caller("u1", roles=roles)

    def organisations(caller: Caller, *, enforced: bool = True, **settings: Any) -> frozenset[str] | None:
        return rules.requester(Config(ownership_enforced=enforced, **settings), caller).organisation_ids

    reporting: dict[str, Any] = {"report_roles": "REPORT_ADMIN"}
    administering = {"administrator_roles": "ORG_ADMIN"}
    nobody: dict[str, Any] = {"report_roles": "NONE", "administrator_roles": "NONE"}
    assert rules.requester(Config(**(nobody | reporting)), caller) == Requester("u1", frozenset({"A"}))
    assert organisations(caller, **(reporting | administering)) == frozenset({"A", "B"})
    assert organisations(caller, **(nobody | {"report_roles": "PUBLIC"})) is None  # held everywhere
    assert organisations(caller, enforced=False, **(nobody | reporting)) is None


def test_what_csv_means_is_said_by_the_installation_alone_where_it_is_not_named() -> None:
    assert rules.file_format(FileFormat.CSV, "csv-excel") is FileFormat.CSV_EXCEL
    assert rules.file_format(FileFormat.CSV_RFC4180, "csv-excel") is FileFormat.CSV_RFC4180
    assert rules.file_format(FileFormat.XLSX, "csv-excel") is FileFormat.XLSX


@pytest.mark.parametrize("usually", [True, False])
def test_a_request_may_choose_its_encryption(usually: bool) -> None:
    assert rules.is_strong(ZipEncryption.USUAL, usually=usually) is usually
    assert rules.is_strong(ZipEncryption.AES256, usually=usually)
    assert not rules.is_strong(ZipEncryption.ZIPCRYPTO, usually=usually)
