"""What is written while processes of 0.2.0 are beside us, which read a learner's states as jsonb alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.learning import complete, enrolled, new_batch, new_learner, row, states
from tests.running import running
from tests.seeds import VIDEO


def test_reports_and_merges_leave_jsonb(new_dsn: Callable[[], str], tmp_path: Path) -> None:
    with running(tmp_path, new_dsn(), states_as_text=False) as service:
        batch_id, into = new_batch(service), new_learner()
        learner = enrolled(service, batch_id)
        assert complete(service, learner, batch_id, VIDEO).status_code == 200
        accounts = {"fromAccountId": learner.user_id, "toAccountId": into.user_id}
        merged = service.call("POST", "/private/v1/user/account/merge", None, {"edata": accounts})
        assert merged.status_code == 200, merged.text
        for person in (learner, into):
            stored = row(service, person, batch_id)
            assert (VIDEO in stored["states"], stored["states_text"]) == (True, None)
        assert states(service, into, batch_id)[VIDEO]["status"] == 2
