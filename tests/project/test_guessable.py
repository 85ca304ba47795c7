"""What can be guessed names things and opens none; what opens something is drawn by the kernel."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lernbatch
from lernbatch.bulk import actions as bulk
from tests.batch.calls import create
from tests.certificate.cohort import new_cohort
from tests.console.browsing import Visitor
from tests.learning import known_learner
from tests.people import ASHA, VIKRAM
from tests.running import Running

CODE = Path(lernbatch.__file__).parent
# Where the process's own generator may be asked: for names of requests, batches and spans, for pauses and samples.
GUESSABLE = {"web/headers.py", "batch/actions.py", "tracing.py", "sunbird/http.py", "shadow/proxy.py"}
LEAST_CHARACTERS = 22  # of 128 bits in base64


def imports(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}


def test_the_process_s_own_generator_is_asked_for_names_and_pauses_alone() -> None:
    assert {str(path.relative_to(CODE)) for path in CODE.rglob("*.py") if "random" in imports(path)} == GUESSABLE


def drawn_again(draw: Callable[[], str]) -> tuple[str, str]:
    """What `draw` gives twice, from the same state of the process's own generator."""
    drawn = []
    for _ in range(2):
        random.seed(7)
        drawn.append(draw())
    return drawn[0], drawn[1]


def test_what_opens_something_does_not_follow_from_what_can_be_guessed(service: Running) -> None:
    batch_id = create(service)
    file = {"data": f"batchId,userIds\n{batch_id},{ASHA.user_id}\n"}

    def link() -> str:
        answer = service.call("POST", "/v1/batch/bulk/enrollment", VIKRAM, file)
        while service.run(bulk.work_on_next(service.services)):
            pass
        path = f"/v1/upload/statusDownloadLink/{answer.json()['result']['processId']}"
        shown: Any = service.call("GET", path, VIKRAM).json()
        return str(shown["result"]["signedUrl"]).partition("token=")[2]

    def certificate() -> str:
        cohort = new_cohort(service)
        cohort.enrol(known_learner(service))
        cohort.attach()
        cohort.work()
        return str(cohort.certificates()[0]["certificate_id"])

    def session() -> str:
        cookies = Visitor(service, VIKRAM).http.cookies
        return str(next(iter(cookies.values())))

    for draw in (link, certificate, session):
        first, second = drawn_again(draw)
        assert first != second, draw
        assert min(len(first), len(second)) >= LEAST_CHARACTERS, draw


def test_who_guesses_the_id_of_a_batch_learns_what_a_search_tells_anybody(service: Running) -> None:
    batch_id, before = create(service), create(service)
    assert (len(batch_id), batch_id[:5]) == (21, before[:5])  # a time and a count
    stranger = known_learner(service, org_id="elsewhere")
    found = service.call("POST", "/v1/course/batch/search", None, {"filters": {"batchId": batch_id}}).json()
    read = service.call("GET", f"/v1/course/batch/read/{batch_id}", stranger).json()
    assert read["result"]["response"] == found["result"]["response"]["content"][0]
    closed: list[tuple[str, str, object]] = [
        ("GET", f"/v1/course/batch/figures/{batch_id}", None),
        ("GET", f"/v1/course/batch/cert/explain/{batch_id}", None),
        ("GET", f"/v1/course/batch/cert/download/{batch_id}", None),
        ("POST", "/v1/course/batch/learners", {"batchId": batch_id}),
        ("POST", "/v1/batch/roster/plan", {"batchId": batch_id, "userIds": []}),
    ]
    for method, path, request in closed:
        assert service.call(method, path, stranger, request).status_code == 401, path
