"""What tests of figures do again and again: a class in every state, and the calls that look at it."""

from __future__ import annotations

from typing import Any

from tests.learning import complete, enrolled, new_batch, unenrol
from tests.people import VIKRAM, Person
from tests.running import Running
from tests.seeds import BOOK, EXTRA, PAGE, QUIZ, VIDEO

ALL = (VIDEO, BOOK, QUIZ, EXTRA, PAGE)


def figures(service: Running, batch_id: str, caller: Person = VIKRAM) -> Any:
    answer = service.call("GET", f"/v1/course/batch/figures/{batch_id}", caller)
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]["response"]


def listed(service: Running, batch_id: str, **request: Any) -> Any:
    answer = service.call("POST", "/v1/course/batch/learners", VIKRAM, {"batchId": batch_id, **request})
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]["response"]


def a_class(service: Running) -> tuple[str, dict[str, Person]]:
    """A batch with somebody in every state that a test can bring about at once."""
    batch_id = new_batch(service)
    people = {name: enrolled(service, batch_id) for name in ("idle", "begun", "half", "done", "gone")}
    complete(service, people["begun"], batch_id, VIDEO)
    complete(service, people["half"], batch_id, VIDEO, BOOK)
    complete(service, people["done"], batch_id, *ALL)
    assert unenrol(service, people["gone"], batch_id).status_code == 200
    return batch_id, people
