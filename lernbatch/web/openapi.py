"""The description of the API, OpenAPI 3.1: made of `routes.py` and of what each handler takes and gives."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lernbatch import __version__
from lernbatch.web import schema
from lernbatch.web.routing import Access, Route
from lernbatch.web.schema import Components, Schema, Shape

_FAILURES = {
    400: "The request must be changed: `params.err` says in which way",
    401: "The token is missing, no longer valid, or not of somebody who may do this",
    404: "What the request names does not exist",
    408: "The request did not arrive in time",
    413: "The body is too large",
    431: "Path and headers are too large",
    500: "The body has a shape the contract answers so, or the service failed",
    503: "The service is busy: `Retry-After` says when to come back; or the health gate is closed",
}
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

    @property
    def room(self) -> str:
        return room_of(self.route)

    @property
    def summary(self) -> str:
        """What the handler's docstring says of it, without method and path."""
        docstring = " ".join((self.route.handler.__doc__ or "").split("\n\n")[0].split())
        sentence = docstring.removeprefix(f"{self.route.method} {self.route.path}")
        return sentence.lstrip(":;, ") or self.route.handler.__name__.replace("_", " ")

    @property
    def parameters(self) -> list[str]:
        """The names in the path."""
        return re.findall(r"{(\w+)", self.path)


def room_of(route: Route) -> str:
    """The room whose handler answers."""
    return route.handler.__module__.split(".")[1]


def operations(routes: Iterable[Route]) -> Iterable[Operation]:
    """Every call at every path it answers on."""
    for route in routes:
        shape = schema.shape_of(route.handler) or Shape()
        yield Operation(route, route.path, shape, by_gateway=False)
        if route.gateway:
            yield Operation(route, route.gateway, shape, by_gateway=True)


def document(routes: Iterable[Route], url: str) -> dict[str, Any]:
    """The whole document; `url`: where the service is reached."""
    paths: dict[str, dict[str, Any]] = {}
    components = Components()
    for operation in operations(routes):
        path = re.sub(r"{(\w+):\w+}", r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.route.method.lower()] = operation_object(operation, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Lernbatch", "version": __version__, "license": {"name": "MIT", "identifier": "MIT"}},
        "servers": [{"url": url}],
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
        "operationId": f"{route.method.lower()}{re.sub(r'[^A-Za-z0-9]+', '_', operation.path)}",
        "summary": operation.summary,
        "tags": [operation.room],
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": _TEXT} for name in operation.parameters),
            *({"name": name, "in": "query", "schema": components.schema(kind)} for name, kind in shape.query.items()),
        ],
        "responses": responses_object(operation, components),
        "security": security_requirements(route.access),
    }
    media, sent = "application/json", shape.request
    if shape.uploads is not None:
        media, sent = "multipart/form-data", shape.uploads
    if sent is not None:
        body = components.schema(sent)
        if shape.uploads is None:
            body = {"type": "object", "properties": {"request": body}, "required": ["request"]}
        described["requestBody"] = {"required": True, "content": {media: {"schema": body}}}
    return described


def responses_object(operation: Operation, components: Components) -> dict[str, Any]:
    """Status → what is answered, and why, for every status a call may have."""
    route, shape = operation.route, operation.shape
    # A handler that answers without the envelope may fail without it.
    failed: Schema = {} if shape.produces else {"$ref": "#/components/schemas/Failure"}
    failure = {"application/json": {"schema": failed}}
    answers: dict[int, dict[str, Any]] = {200: {"description": "Done", "content": _success(shape, components)}}
    answers |= {status: {"description": sentence, "content": failure} for status, sentence in _FAILURES.items()}
    if route.access in (Access.PRIVATE, Access.INTERNAL):
        answers[403] = {"description": "Not from the configured networks, or from a page", "content": failure}
        answers[415] = {"description": "The body is not said to be JSON", "content": failure}
    plain = {"text/plain": {"schema": _TEXT}, **failure}
    if operation.by_gateway and route.about_caller:
        answers[403] = {"description": "Names somebody else than the caller", "content": plain}
    if route.roles:
        answers[403] = {"description": f"Needs one of the roles {', '.join(route.roles)}", "content": plain}
    for status, sentence in shape.also.items():
        content = {**failure, **_success(shape, components)} if shape.produces else failure
        answers[status] = {"description": sentence, "content": content if status >= 400 else {}}
    return {str(status): answer for status, answer in sorted(answers.items())}


def _success(shape: Shape, components: Components) -> dict[str, Any]:
    if not shape.produces:
        return {"application/json": {"schema": _envelope(components.schema(shape.result))}}
    return {
        kind: {"schema": {} if "json" in kind or kind == "application/vc" else _TEXT} for kind in shape.produces.split()
    }


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
