"""The page at /docs: every call with a line of curl to try it. Made on the server, without script, for offline use."""

from __future__ import annotations

import shlex
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from itertools import groupby

import msgspec

from lernbatch import __version__
from lernbatch.web.openapi import Operation, access_in_words, operations
from lernbatch.web.routing import Access, Route
from lernbatch.web.schema import Components, Schema

_STYLE = resources.files("lernbatch.ops").joinpath("templates", "docs.css").read_text(encoding="utf-8")
# The style stands in the page, so that one request is enough; the policy names its hash and allows nothing else.
SECURITY_POLICY = (
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
    f"style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'"
)


@dataclass(frozen=True, slots=True)
class DocumentedCall:
    """One call as the page shows it."""

    method: str
    path: str
    gateway: str | None
    summary: str
    access: str
    roles: str
    fields: list[tuple[str, str, str]]  # of the request: name, kind, what it is
    curl: str


def page(routes: Iterable[Route], url: str) -> str:
    """The whole page; `url`: where the service is reached."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # loaded where a page is shown

    pages = Environment(loader=PackageLoader("lernbatch.ops"), autoescape=True, undefined=StrictUndefined)
    own = [operation for operation in operations(routes) if not operation.by_gateway]
    rooms = [
        (room, [_document(operation, url) for operation in group]) for room, group in groupby(own, lambda own: own.room)
    ]
    return pages.get_template("docs.html").render(rooms=rooms, url=url, version=__version__, style=_STYLE)


def _document(operation: Operation, url: str) -> DocumentedCall:
    route, shape, components = operation.route, operation.shape, Components()
    return DocumentedCall(
        method=route.method,
        path=route.path,
        gateway=route.gateway,
        summary=operation.summary,
        access=access_in_words(route.access),
        roles=", ".join(route.roles),
        fields=list(_fields(components.schema(shape.request or shape.uploads or {}), components)),
        curl=curl_command(operation, url),
    )


def _fields(schema: Schema, components: Components, inside: str = "") -> Iterable[tuple[str, str, str]]:
    schema = components.resolve(schema)
    needed = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        choices = [components.resolve(choice) for choice in field.get("anyOf", [field])]
        types = [choice.get("type", "") for choice in choices]
        kinds = [kind for named in types for kind in (named if isinstance(named, list) else [named])]
        shown = " or ".join(dict.fromkeys(kinds))
        about = next((choice["description"] for choice in (field, *choices) if "description" in choice), "")
        yield f"{inside}{name}", shown, f"Needed. {about}".strip() if name in needed else about
        for choice in choices:
            items = choice.get("items", choice)
            yield from _fields(items, components, f"{inside}{name}{'[]' if items is not choice else ''}.")


def curl_command(operation: Operation, url: str) -> str:
    """A command that makes the call with example values; `url`: where the service is reached."""
    route, shape, components = operation.route, operation.shape, Components()
    words = ["curl", "-s"]
    if route.method not in ("GET", "POST") or (route.method == "POST" and shape.request is None):
        words += ["-X", route.method]
    words.append(shlex.quote(url + operation.path))
    if route.access in (Access.USER, Access.LATE_USER):
        words.append('-H "X-Authenticated-User-Token: $TOKEN"')
    if shape.uploads is not None:
        form = components.resolve(components.schema(shape.uploads))
        words += [f"-F {name}=@{name}.csv" for name in form.get("properties", {})]
    elif shape.request is not None:
        sent = msgspec.json.encode({"request": components.example(components.schema(shape.request))}).decode()
        words += ["-H 'Content-Type: application/json'", "-d", shlex.quote(sent)]
    return " ".join(words)
