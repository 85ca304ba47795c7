"""One request of a page as its handlers see it, and what a page is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

from starlette.responses import RedirectResponse, Response

from lernbatch.config import Config
from lernbatch.console import rules
from lernbatch.console.forms import SentFile
from lernbatch.console.model import FormProblem
from lernbatch.services import Services
from lernbatch.session.model import PeopleToChoose, Session
from lernbatch.session.provider import Provider
from lernbatch.web.caller import Caller
from lernbatch.web.headers import headers_of
from lernbatch.web.request import Call
from lernbatch.wording.words import Words

Handler: TypeAlias = "Callable[[Visit], Awaitable[Response]]"


@dataclass(frozen=True, slots=True)
class Write:
    """What a form does. `audit`: the act's name in the audit trail, as the API's calls have it; None: it only looks."""

    handler: Handler
    audit: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One row of `pages.py`. `posts`: what its forms do, by the value of their field `do`.

    `nav` and `tab`: its name in the main navigation, or among the tabs of a batch; None: it stands in neither.
    `seen_by`: whose page it is; others get 403. `is_open`: it needs nobody to be signed in.
    `large`: its forms bring files of who is signed in; `open_file_bytes`: those of anybody, of so many bytes at most.
    """

    path: str
    show: Handler
    posts: Mapping[str, Write] = field(default_factory=dict)
    nav: str | None = None
    tab: str | None = None
    seen_by: Callable[[Caller, Config], bool] = rules.learns
    is_open: bool = False
    large: bool = False
    open_file_bytes: int = 0

    def most_bytes(self, config: Config, *, is_signed_in: bool) -> int:
        """How large one of its forms may be."""
        if self.large and is_signed_in:
            return config.max_file_bytes
        return max(self.open_file_bytes, config.max_body_bytes)


@dataclass(frozen=True, slots=True)
class Console:
    """What the console's pages need beside the services. `local_people`: the bundled identity provider."""

    pages: tuple[Page, ...]
    local_people: PeopleToChoose
    provider: Provider
    refreshing: WeakValueDictionary[bytes, asyncio.Lock] = field(default_factory=WeakValueDictionary)  # by session


@dataclass(slots=True)
class Visit:
    """One request of a page. `form`: what was sent, or is shown again; `problems`: why it was refused."""

    page: Page
    console: Console
    call: Call
    words: Words
    theme: str | None
    session: Session | None
    form: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, list[str]] = field(default_factory=dict)  # all values of each field
    files: Mapping[str, SentFile] = field(default_factory=dict)
    problems: list[FormProblem] = field(default_factory=list)
    status: int = 200

    @property
    def services(self) -> Services:
        return self.call.services

    @property
    def caller(self) -> Caller:
        return self.call.caller

    @property
    def parameters(self) -> Mapping[str, str]:
        """Those of the path."""
        return self.call.parameters

    @property
    def query(self) -> Mapping[str, str]:
        return self.call.query

    @property
    def path(self) -> str:
        """The page's own address, without the query: where its forms are sent."""
        path: str = self.call.http.scope["path"]
        return path

    def refuse(self, text: str, field: str | None = None) -> None:
        """Note why the form is refused; show the page again then. `field`: the name of the input it is about."""
        self.problems.append(FormProblem(text, field))
        self.status = max(self.status, 422)

    def api(self, request: dict[str, Any], **headers: str) -> Call:
        """The same request as a call of the API with that `request` object, for the rooms' readers and actions.

        The form's `once` is its Idempotency-Key: the Back key and double clicks do nothing twice.
        """
        if "once" in self.form:
            headers["idempotency-key"] = self.form["once"]
        scope = {**self.call.http.scope}
        scope["lernbatch.headers"] = {**headers_of(scope), **{k.replace("_", "-"): v for k, v in headers.items()}}
        http = type(self.call.http)(scope, self.call.http.receive)
        return replace(self.call, request=request, http=http)


def see_other(path: str) -> Response:
    """The answer to a form that was done: go and see its result there."""
    return RedirectResponse(path, 303)
