"""What a route is, and the table in which the route of a request is found."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, TypeAlias

from starlette.routing import Route as StarletteRoute

from lernbatch.errors import LernbatchError, Unmappable

if TYPE_CHECKING:
    from lernbatch.web.answers import Answer
    from lernbatch.web.request import Call

Handler: TypeAlias = "Callable[[Call], Awaitable[Answer]]"


class Access(Enum):
    """Who may call a route."""

    USER = auto()  # a valid token
    LATE_USER = auto()  # a token with a right signature, expired or not: phones that were offline
    OPEN = auto()  # anybody; a valid token says who
    PRIVATE = auto()  # only from the configured networks, or with the service token
    INTERNAL = auto()  # as PRIVATE, or an administrator of the whole platform; the reference leaves it open (defect 25)


_CLOSED = frozenset((Access.PRIVATE, Access.INTERNAL))


@dataclass(frozen=True, slots=True)
class Route:
    """One row of `routes.py`. `path` is the service's, `gateway` the public one of the same call.

    `raw`: the handler reads the body itself (files, or no envelope). `roles`: which roles a user needs one of.
    `about_caller`: by the gateway's path nobody else may be named, neither in the path nor in the body.
    """

    method: str
    path: str
    handler: Handler
    access: Access = Access.USER
    gateway: str | None = None
    roles: tuple[str, ...] = ()
    about_caller: bool = False
    raw: bool = False
    large: bool = False  # its body may be as large as a file
    is_dear: bool = False  # it costs far more than a page, so each caller may call it `dear_calls_per_minute` times
    vital: bool = False  # monitors call it, also while anonymous callers wait for each other, and as often as they like
    operators: bool = False  # answered only on the operators' port, where there is one
    unreadable: type[LernbatchError] = Unmappable  # what answers an envelope of another shape (contract batches §1.1)

    @property
    def is_closed(self) -> bool:
        """Whether no page of another origin has any business with it."""
        return self.access in _CLOSED

    def fill(self, parameters: Mapping[str, str]) -> str:
        """The service's path with the parameters of a request: /v1/course/batch/read/0140."""
        if not parameters:
            return self.path
        return re.sub(r"{(\w+)(?::\w+)?}", lambda match: str(parameters[match.group(1)]), self.path)


class RouteTable:
    """Finds at once the routes without parameters, and those whose only parameter is the last segment.

    For the others there is Starlette, which tries one after the other: a tenth of a list of enrolled courses.
    """

    def __init__(self, routes: list[StarletteRoute]) -> None:
        self._fixed: dict[tuple[str, str], StarletteRoute] = {}
        self._ending: dict[tuple[str, str], tuple[StarletteRoute, str]] = {}
        for route in routes:
            ending = re.fullmatch(r"([^{}]*/){(\w+)}", route.path)
            for method in route.methods or ():
                if "{" not in route.path:
                    self._fixed.setdefault((method, route.path), route)
                elif ending:
                    self._ending.setdefault((method, ending[1]), (route, ending[2]))

    def find(self, method: str, path: str) -> tuple[StarletteRoute, dict[str, str]] | None:
        """The route of that method and path, with its parameters."""
        if fixed := self._fixed.get((method, path)):
            return fixed, {}
        start, slash, last = path.rpartition("/")
        ending = self._ending.get((method, start + slash))
        return (ending[0], {ending[1]: last}) if ending and last else None
