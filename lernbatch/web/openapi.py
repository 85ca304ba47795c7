"""The description of the API, OpenAPI 3.1: made of `routes.py` and of what each handler takes and gives."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from lernbatch import __version__
from lernbatch.errors import LernbatchError
from lernbatch.web import envelope, schema
from lernbatch.web.admission import Denied
from lernbatch.web.routing import Access, Handler, Route
from lernbatch.web.schema import Components, Schema, Shape

_FAILURES = {
    400: "The request must be changed: `params.err` says in which way",
    401: "The token is missing, no longer valid, or not of somebody who may do this",
    404: "What the request names does not exist",
    408: "The request did not arrive in time",
    413: "The body is too large",
    431: "Path and headers are too large",
    500: "The body has another shape than the one that is described here, or the service failed",
    503: "The service is busy: `Retry-After` says when to come back; or the health gate is closed",
}
_CODES = {401: "UNAUTHORIZED_USER", 403: "FORBIDDEN", 404: "RESOURCE_NOT_FOUND"}
_MOMENT = datetime(2030, 6, 1, 6, 30, tzinfo=UTC)  # of the examples
_MESSAGE_ID = "8b1f6a1e-5d6b-4a53-9d3c-6f3f6a4a2c10"
# What answers without envelope look like; JSON is the handler's own.
_FILES = {
    "text/csv": "userId,outcome\nu-asha,enrolled\n",
    "text/plain": "ok\n",
    "text/html": "<!doctype html><title>…</title>",
    "text/css": "body { margin: 0 }",
    "text/javascript": "show();",
    "image/svg+xml": '<svg xmlns="http://www.w3.org/2000/svg"/>',
    "application/vc+jwt": "eyJhbGciOiJFZERTQSJ9.eyJ2ZXIiOjF9.c2lnbmF0dXJl",
}
_ROOMS = {
    "batch": ("Batches", "A batch is a course that is offered to people between two dates."),
    "enrolment": ("Enrolment", "Who learns in a batch: joining, leaving, adding and removing others, lists."),
    "bulk": (
        "Files and plans of people",
        "Many people at once: by a file, or by a plan that is looked at and applied.",
    ),
    "progress": ("Progress", "How far learners are: what players report, and what became of it."),
    "summary": ("Summaries", "Figures for everybody, and the reason of an enrolment's progress."),
    "figures": ("Figures", "For who manages a batch: its counts, and where its learners stand."),
    "mentoring": ("Helping learners", "Whom to help first, the contacts with them, and what happened to a learner."),
    "certificate": ("Certificates", "Templates, issuing, explaining, revoking; the public pages and files."),
    "webhook": ("Webhooks", "Addresses of an organisation that are told what happens in its batches."),
    "exhaust": ("Reports", "Files about the learners of batches, made in the background."),
    "registry": ("Certificate registries", "Certificates in the forms in which portals read them before."),
    "course": ("Courses", "Drafts of courses in the content service."),
    "account": ("Accounts", "What the platform tells of accounts that were merged or deleted."),
    "ops": ("Operations", "Health, readiness, metrics, and this description."),
}
_ABOUT = """Batches, enrolment, progress, certificates and reports of a learning platform.

A request carries its fields in `request`, an answer its own in `result`. Of a failure `params.err` is the code, and
`params.errmsg` says what to change. Most calls need a token of the identity provider in the header
`X-Authenticated-User-Token`.

Many calls answer at two paths: the service's own, and the platform's public one below `/api`.
"""
_TOKEN, _MANAGED, _SERVICE = "token", "managedUser", "service"
_SCHEMES = {
    _TOKEN: ("X-Authenticated-User-Token", "A signed token of the identity provider."),
    _MANAGED: ("X-Authenticated-For", "The token of the managed user on whose behalf the caller acts."),
    _SERVICE: ("X-Service-Token", "Opens /private/… from outside the configured networks."),
}


_TEXT: Schema = {"type": "string"}
_PARAMS: Schema = {
    "type": "object",
    "properties": {
        "resmsgid": {"type": ["string", "null"]},
        "msgid": {
            "type": ["string", "null"],
            "description": "The id of the request: X-msgId or X-Request-ID, else one of ours.",
        },
        "err": {"type": ["string", "null"], "description": "The code of the failure."},
        "status": {"type": "string", "description": "`success`, or the code of the failure."},
        "errmsg": {"type": ["string", "null"], "description": "What to change."},
    },
    "required": ["resmsgid", "msgid", "err", "status", "errmsg"],
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One call at one path, with its shape."""

    route: Route
    path: str
    shape: Shape
    by_gateway: bool
    number: int  # 0, and for a second route with the same handler 2

    @property
    def room(self) -> str:
        return room_of(self.route)

    @property
    def summary(self) -> str:
        """The first sentence of the handler's docstring, without method and path."""
        return self._texts[0]

    @property
    def description(self) -> str:
        """What else its first paragraph says, by whom the call may be made, and where else it answers."""
        sentences = [self._texts[1], f"Called {access_in_words(self.route.access)}."]
        if self.route.roles:
            sentences.append(f"For the roles {', '.join(self.route.roles)}.")
        if self.route.gateway:
            other = self.route.path if self.by_gateway else self.route.gateway
            sentences.append(f"The same call answers at `{other}`.")
        return " ".join(sentences)

    @property
    def name(self) -> str:
        """Of all calls its own, and the same as long as its handler has its name: batchCreate."""
        words = f"{self.room}_{self.route.handler.__name__}".split("_")
        named = words[0] + "".join(word.capitalize() for word in words[1:])
        return f"{named}{self.number or ''}{'ByGateway' if self.by_gateway else ''}"

    @property
    def _texts(self) -> tuple[str, str]:
        first, _, _ = (self.route.handler.__doc__ or "").partition("\n\n")
        title, _, rest = " ".join(first.split()).partition(": ")[2].partition(". ")
        return title.rstrip("."), rest

    @property
    def parameters(self) -> list[str]:
        """The names in the path."""
        return re.findall(r"{(\w+)", self.path)


def room_of(route: Route) -> str:
    """The room whose handler answers."""
    return route.handler.__module__.split(".")[1]


def operations(routes: Iterable[Route]) -> Iterable[Operation]:
    """Every call at every path it answers on."""
    answered: Counter[Handler] = Counter()
    for route in routes:
        shape = schema.shape_of(route.handler) or Shape()
        answered[route.handler] += 1
        number = answered[route.handler] if answered[route.handler] > 1 else 0
        yield Operation(route, route.path, shape, by_gateway=False, number=number)
        if route.gateway:
            yield Operation(route, route.gateway, shape, by_gateway=True, number=number)


def document(routes: Iterable[Route], url: str) -> dict[str, Any]:
    """The whole document; `url`: where the service is reached."""
    paths: dict[str, dict[str, Any]] = {}
    components = Components()
    for operation in operations(routes):
        path = re.sub(r"{(\w+):\w+}", r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.route.method.lower()] = operation_object(operation, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lernbatch",
            "version": __version__,
            "description": _ABOUT,
            "contact": {"name": "Who runs this installation", "url": url},
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": url}],
        "tags": [{"name": name, "description": about} for name, about in _ROOMS.values()],
        "paths": paths,
        "components": {
            "schemas": {"Failure": _envelope({"type": "object"}), "Params": _PARAMS, **components.schemas},
            "securitySchemes": {
                name: {"type": "apiKey", "in": "header", "name": header, "description": about}
                for name, (header, about) in _SCHEMES.items()
            },
        },
    }


def operation_object(operation: Operation, components: Components) -> dict[str, Any]:
    """A call as OpenAPI's Operation Object. The structures that it names are added to `components`."""
    route, shape = operation.route, operation.shape
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": operation.description,
        "tags": [_ROOMS[operation.room][0]],
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": _TEXT} for name in operation.parameters),
            *({"name": name, "in": "query", "schema": components.schema(kind)} for name, kind in shape.query.items()),
        ],
        "responses": responses_object(operation, components),
        "security": security_requirements(route.access),
    }
    if shape.uploads is not None:
        form = components.schema(shape.uploads)
        content = {"multipart/form-data": {"schema": form, "example": components.example(form)}}
        described["requestBody"] = {"required": True, "content": content}
    elif shape.request is not None:
        fields = components.schema(shape.request)
        body = {"type": "object", "properties": {"request": fields}, "required": ["request"]}
        schema = components.named(f"{_name_of(fields, operation)}Body", body)
        content = {"application/json": {"schema": schema, "example": {"request": example_request(shape, components)}}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def example_request(shape: Shape, components: Components) -> Any:
    """The `request` object of a call that has one, with values that fit each other."""
    return shape.example if shape.example is not None else components.example(components.schema(shape.request))


def responses_object(operation: Operation, components: Components) -> dict[str, Any]:
    """Status → what is answered, and why, for every status a call may have."""
    route, shape = operation.route, operation.shape
    # A handler that answers without the envelope may fail without it.
    failed: Schema = {} if shape.produces else {"$ref": "#/components/schemas/Failure"}
    sentences = dict(_FAILURES)
    if route.is_closed:
        sentences[403] = "Not from the configured networks, or from a page"
        sentences[415] = "The body is not said to be JSON"
    if operation.by_gateway and route.about_caller:
        sentences[403] = "Names somebody else than the caller"
    if route.roles:
        sentences[403] = f"Needs one of the roles {', '.join(route.roles)}"
    done = _success(operation, components)
    answers: dict[int, dict[str, Any]] = {200: {"description": "Done", "content": done}}
    for status, sentence in (sentences | dict(shape.also)).items():
        error = LernbatchError(sentence)
        error.http_status = status
        error.code = _CODES.get(status, "CLIENT_ERROR" if status < 500 else "SERVER_ERROR")  # what it has most often
        example = msgspec.json.decode(envelope.failure(_example_path(operation), _MESSAGE_ID, _MOMENT, error))
        content = {"application/json": {"schema": failed, "example": example}}
        if status in shape.also and shape.produces:
            content = done | content
        answers[status] = {"description": sentence, "content": content if status >= 400 else {}}
    if 403 in answers and operation.by_gateway:  # where the installation has set it so
        answers[403]["content"]["text/plain"] = {"schema": _TEXT, "example": Denied.message}
    return {str(status): answer for status, answer in sorted(answers.items())}


def _success(operation: Operation, components: Components) -> dict[str, Any]:
    shape = operation.shape
    if not shape.produces:
        result = components.schema(shape.result)
        schema = components.named(f"{_name_of(result, operation)}Envelope", _envelope(result))
        shown = components.example(result, whole=True)
        body, _ = envelope.success(_example_path(operation), _MESSAGE_ID, _MOMENT, shown)
        return {"application/json": {"schema": schema, "example": msgspec.json.decode(body)}}
    schema = components.schema(shape.result) if shape.result else {}
    shown = components.example(schema, whole=True) if shape.result else shape.shown
    return {
        kind: {"schema": schema, "example": shown}
        if "json" in kind or kind == "application/vc"
        else {"schema": _TEXT, "example": _FILES.get(kind, "(the bytes of a file)")}
        for kind in shape.produces.split()
    }


def _example_path(operation: Operation) -> str:
    return operation.route.fill(dict.fromkeys(operation.parameters, "0141"))


def _name_of(schema: Schema, operation: Operation) -> str:
    """The name of a structure; of what is none, that of the call."""
    return schema["$ref"].rpartition("/")[2] if "$ref" in schema else operation.name[0].upper() + operation.name[1:]


def access_in_words(access: Access) -> str:
    """By whom a call may be made."""
    match access:
        case Access.USER:
            return "with a token"
        case Access.LATE_USER:
            return "with a token, which may have expired"
        case Access.OPEN:
            return "by anybody"
        case Access.PRIVATE:
            return "from the configured networks, or with the service token"
        case Access.INTERNAL:
            return "from the configured networks, with the service token, or by an administrator"


def security_requirements(access: Access) -> list[dict[str, list[str]]]:
    """The ways to be admitted, of which one is enough; {}: without showing anything."""
    signed: list[dict[str, list[str]]] = [{_TOKEN: []}, {_TOKEN: [], _MANAGED: []}]
    match access:
        case Access.USER | Access.LATE_USER:
            return signed
        case Access.OPEN:
            return [{}, *signed]
        case Access.PRIVATE:
            return [{}, {_SERVICE: []}]
        case Access.INTERNAL:
            return [{}, {_SERVICE: []}, *signed]


def _envelope(result: Schema) -> Schema:
    fields = dict.fromkeys(("id", "ver", "ts", "responseCode"), _TEXT)
    fields |= {"params": {"$ref": "#/components/schemas/Params"}, "result": result}
    return {"type": "object", "properties": fields, "required": sorted(fields)}
