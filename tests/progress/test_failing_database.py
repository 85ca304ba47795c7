"""A database that does not answer: the contract's forms for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lernbatch.bulk import actions
from tests.batch.lame import Lame
from tests.bulk.test_files import ENROL, UNENROL, process_id, status, upload
from tests.learning import new_batch, refusal
from tests.people import ASHA, VIKRAM
from tests.running import Running, running
from tests.seeds import COURSE


@pytest.fixture(scope="module")
def lame(module_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lame]:
    """A service whose statements are given up soon."""
    with running(tmp_path_factory.mktemp("home"), module_dsn, statement_timeout_seconds=0.3) as service:
        yield Lame(service, set(), module_dsn)


def test_e40_states_that_cannot_be_read_have_no_code(lame: Lame) -> None:
    with lame.database_locked("enrolment", for_readers=True):
        request = {"courseId": COURSE, "batchId": "1"}
        answer = lame.service.call("POST", "/v1/content/state/read", ASHA, request)
    assert refusal(answer) == (500, None, None)


def test_e23_a_file_that_cannot_be_kept_says_so(lame: Lame) -> None:
    with lame.database_locked("bulk_row"):
        answer = upload(lame.service, "batchId,userIds\n1,u\n")
    assert refusal(answer) == (500, "DB_INSERTION_FAIL", "DB insert operation failed.")


@pytest.mark.parametrize("path", [ENROL, UNENROL])
def test_e31_a_person_whose_batch_is_gone_is_told_so(lame: Lame, path: str) -> None:
    service: Running = lame.service
    batch_id = new_batch(service, enrollmentType="invite-only")
    process = process_id(upload(service, f"batchId,userIds\n{batch_id},{ASHA.user_id}\n", path))
    service.sql("DELETE FROM batch WHERE batch_id = $1", batch_id)
    while service.run(actions.work_on_next(service.services)):
        pass
    assert "Invalid course batch id " in status(service, process, VIKRAM)["failureResult"]
