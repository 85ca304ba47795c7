"""Updates of one learner at the same moment, with real connections."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from tests.learning import at, enrolled, item, new_batch, report, row, states
from tests.running import Running
from tests.seeds import LEAF_NODES


def test_updates_of_one_learner_at_once_are_all_there(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    with ThreadPoolExecutor(5) as threads:
        list(threads.map(lambda content_id: report(service, asha, item(batch_id, content_id)), LEAF_NODES))
    stored = row(service, asha, batch_id)
    assert (set(stored["states"]), stored["status"], stored["progress"]) == (set(LEAF_NODES), 2, 4)


def test_views_delivered_many_times_at_once_count_once(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    now = service.clock.now()
    sent = [item(batch_id, status=1 + n % 2, lastAccessTime=at(now + timedelta(seconds=n))) for n in range(6)]
    with ThreadPoolExecutor(12) as threads:
        list(threads.map(lambda one: report(service, asha, one), sent * 5))
    (state,) = states(service, asha, batch_id).values()
    assert (state["viewCount"], state["completedCount"]) == (6, 3)
