"""Every page of the console, every caller, by request; and a new page needs its row.

+  the page: 200, or where it leads
s  303 to signing in, or for a form 401 with it: nobody is signed in
f  403: not a page of theirs, or a batch that is not theirs
n  404: there is no such thing, or it is somebody else's; both are told alike
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from lernbatch.console.pages import PAGES
from lernbatch.session import rules as session_rules
from tests.console.browsing import Visitor
from tests.people import ASHA, MEERA, PLATFORM, VIKRAM
from tests.rights.world import FOREIGN_ADMIN, FOREIGN_MENTOR, OWN_ADMIN, REPORTER, World, world

CALLERS = (
    "nobody",
    "learner",
    "foreign mentor",
    "own mentor",
    "creator",
    "foreign administrator",
    "own administrator",
    "reporter",
    "operator",
)
PEOPLE = dict(
    zip(
        CALLERS[1:],
        (ASHA, FOREIGN_MENTOR, MEERA, VIKRAM, FOREIGN_ADMIN, OWN_ADMIN, REPORTER, PLATFORM),
        strict=True,
    )
)
BATCH = "/console/batches/{batch_id}"

# fmt: off
#                                                          nobody        foreign administrator
#                                                          | learner     | own administrator
#                                                          | | foreign mentor | reporter
#                                                          | | | own mentor | | | operator
#                                                          | | | | creator| | | |
ROWS: dict[str, str] = {
    "/":                                                   "+ + + + + + + + +",
    "/console":                                            "+ + + + + + + + +",
    "/console/":                                           "s + + + + + + + +",
    "/console/sign-in":                                    "+ + + + + + + + +",
    "/console/callback":                                   "+ + + + + + + + +",
    "/console/sign-out":                                   "s + + + + + + + +",
    "/console/sessions":                                   "s + + + + + + + +",
    "/console/batches":                                    "s f + + + + + f +",
    "/console/batches/list.csv":                           "s f + + + + + f +",
    "/console/batches/new":                                "s f + + + f f f f",
    BATCH:                                                 "s f f + + f + f +",
    f"{BATCH}/learners":                                   "s f f + + f + f +",
    f"{BATCH}/learners/list.csv":                          "s f f + + f + f +",
    f"{BATCH}/learners/{{user_id}}":                       "s f f + + f + f +",
    f"{BATCH}/roster":                                     "s f f + + f + f +",
    f"{BATCH}/roster/empty.csv":                           "s f + + + + + f +",  # of no batch
    f"{BATCH}/roster/changes/{{change_id}}":               "s f f + + f + f +",
    f"{BATCH}/roster/{{draft_id}}":                        "s f f n n f n f n",  # of who made it
    f"{BATCH}/roster/{{draft_id}}/plan.csv":               "s f f n n f n f n",
    f"{BATCH}/roster/{{draft_id}}/faulty.csv":             "s f f n n f n f n",
    f"{BATCH}/rules":                                      "s f f + + f + f +",
    f"{BATCH}/certificates":                               "s f f + + f + f +",
    f"{BATCH}/certificates/list.zip":                      "s f f + + f + f +",
    f"{BATCH}/certificates/{{certificate_id}}":            "s f f n n f n f n",  # there is none
    f"{BATCH}/reports":                                    "s f f + + f + f +",
    "/console/reports":                                    "s f + + + + + f +",
    "/console/reports/{request_id}":                       "s f n + + n + f +",
    "/console/mentor":                                     "s f + + + f f f f",
    "/console/mentor/order":                               "s f + + + f f f f",
    "/console/my":                                         "s + + + + + + + +",
    "/console/my/certificates":                            "s + + + + + + + +",
    "/console/my/{batch_id}/course":                       "s + n n n n n n n",
    "/console/my/{batch_id}":                              "s + n n n n n n n",
    "/b/{batch_id}":                                       "+ + + + + + + + +",
    "/console/b/{batch_id}":                               "+ + + + + + + + +",
    "/console/check":                                      "+ + + + + + + + +",
    "/console/webhooks":                                   "s f f f f + + f +",
    "/console/webhooks/{webhook_id}":                      "s f f f f n + f +",
    "/console/operation":                                  "s f f f f f f f +",
    "/console/operation/settings":                         "s f f f f f f f +",
    "/console/{path:path}":                                "n n n n n n n n n",
}
# fmt: on


@pytest.fixture(scope="module")
def visited(
    new_dsn: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, dict[str, Visitor]]]:
    with world(tmp_path_factory.mktemp("pages"), new_dsn()) as made:
        made.service.sql(
            "INSERT INTO sandbox_person (user_id, first_name, roles) VALUES ($1, 'Prabha', $2)",
            PLATFORM.user_id,
            list(PLATFORM.roles),
        )
        made.webhook()
        made.service.sql("DELETE FROM certificate")  # one that only calls of the API can do with
        visitors = {"nobody": Visitor(made.service)}
        visitors |= {name: Visitor(made.service, person) for name, person in PEOPLE.items()}
        yield made, visitors
        for visitor in visitors.values():
            visitor.http.close()


def filled(made: World, path: str) -> str:
    parameters = {
        "batch_id": made.batch_id,
        "user_id": ASHA.user_id,
        "change_id": "change",
        "draft_id": "unknown",
        "certificate_id": "unknown",
        "webhook_id": made.service.sql("SELECT webhook_id FROM webhook")[0]["webhook_id"],
        "request_id": made.request_id,
        "path:path": "nowhere",
    }
    for name, value in parameters.items():
        path = path.replace("{" + name + "}", value)
    return path


def letter(answer: httpx.Response) -> str:
    leads_to = answer.headers.get("location", "")
    match answer.status_code:
        case 303 if leads_to.startswith("/console/sign-in?next=") or (
            leads_to == "/console/sign-in" and str(answer.request.url.path) == "/console/"
        ):
            return "s"
        case 401:
            return "s"
        case 403:
            return "f"
        case 404:
            return "n"
        case status if status < 400:
            return "+"
    return f"<{answer.status_code} {answer.text[:200]}>"


def test_every_page_has_its_row_and_every_row_a_letter_for_each_caller() -> None:
    assert list(ROWS) == [page.path for page in PAGES]
    assert {len(row.split()) for row in ROWS.values()} == {len(CALLERS)}


@pytest.mark.parametrize("path", ROWS)
def test_who_sees_a_page_is_who_the_table_says(visited: tuple[World, dict[str, Visitor]], path: str) -> None:
    made, visitors = visited
    told = {name: letter(visitors[name].get(filled(made, path))) for name in CALLERS}
    assert told == dict(zip(CALLERS, ROWS[path].split(), strict=True))


# Whoever sees a list may forget what is their own there.
FORMS = [(page.path, do) for page in PAGES for do in page.posts if not page.is_open and do != "forget-view"]


@pytest.mark.parametrize(("path", "do"), FORMS, ids=[f"{path} {do}" for path, do in FORMS])
def test_a_form_is_refused_to_whom_its_page_is(visited: tuple[World, dict[str, Visitor]], path: str, do: str) -> None:
    """Whoever may not see a page can send none of its forms, not even with a token of the session's own."""
    made, visitors = visited
    for name, expected in zip(CALLERS, ROWS[path].split(), strict=True):
        if expected != "+":
            address = filled(made, path)
            answer = visitors[name].post(address, {"do": do, "csrf": token_of(visitors[name], address)})
            assert letter(answer) == expected, name


def token_of(visitor: Visitor, path: str) -> str:
    """A token that is good for a form at `path` in the visitor's session; "" for nobody."""
    from lernbatch.session import actions as sessions

    cookies = visitor.http.cookies
    if not cookies:
        return ""
    cookie = str(next(iter(cookies.values())))
    session = visitor.service.run(sessions.find(visitor.service.services, cookie))
    return "" if session is None else session_rules.csrf_token(session.csrf, path)
