"""What a call takes and gives, told once: typed structures of a room's `wire.py`, from which requests are read, answers
are shown, and `/openapi.json` and `/docs` are made.

A handler names what it takes with `@takes(wire.NewBatch)`; what it gives is its return type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Annotated, Any, TypeAlias, TypeVar, get_type_hints

import msgspec
from msgspec import Meta
from starlette.responses import Response

Schema: TypeAlias = Mapping[str, Any]
Handler = TypeVar("Handler", bound=Callable[..., Any])


class Fields(msgspec.Struct, rename="camel", gc=False):
    """A JSON object of the wire. Python's `course_id` is the key `courseId`; a field with a default may be absent.

    A field is described by `Annotated[str, Meta(description="…", examples=["…"])]`. A key that may be missing from an
    answer has the type `X | UnsetType` and the default `UNSET`.
    """


CourseId: TypeAlias = Annotated[
    str, Meta(description="The course; `collectionId` means the same.", examples=["do_31412345678901234561"])
]
BatchId: TypeAlias = Annotated[str, Meta(description="The batch.", examples=["01412345678901234567"])]
UserId: TypeAlias = Annotated[str, Meta(description="A person.", examples=["5f1c7a3e-5b5c-4d6e-8f00-1a2b3c4d5e6f"])]
Day: TypeAlias = Annotated[
    str, Meta(description="A day of the calendar.", examples=["2030-06-01"], extra_json_schema={"format": "date"})
]
Milliseconds: TypeAlias = Annotated[int, Meta(description="Epoch milliseconds.", examples=[1893456000000])]


class Done(Fields):
    """The answer of a call that has nothing else to say."""

    response: Annotated[str, Meta(examples=["SUCCESS"])] = "SUCCESS"


class Empty(Fields):
    """An object without fields."""


_SHAPES: dict[Callable[..., Any], Shape] = {}


def takes(
    request: object = None,
    *,
    query: type[Fields] | None = None,
    uploads: type[Fields] | None = None,
    produces: str = "",
    result: object = None,
    also: Mapping[int, str] = MappingProxyType({}),
) -> Callable[[Handler], Handler]:
    """Say what a handler takes: the envelope's `request` object, the parameters after `?`, the fields of a form.

    `produces`: the media types of an answer without envelope, blanks between. `result`: what stands in the answer,
    where the handler's return type does not say it. `also`: further answers, status → what it means.
    """

    def note(handler: Handler) -> Handler:
        fields = () if query is None else msgspec.structs.fields(query)
        parameters = {field.encode_name: field.type for field in fields}
        _SHAPES[handler] = Shape(request, result, produces, uploads, parameters, also)
        return handler

    return note


def shape_of(handler: Callable[..., Any]) -> Shape | None:
    """What `handler` takes and gives; None, until somebody says it with `takes`."""
    shape = _SHAPES.get(handler)
    if shape is None or shape.produces or shape.result is not None:
        return shape
    given = get_type_hints(handler, include_extras=True)["return"]
    return shape if given is Response else replace(shape, result=given)


class Components:
    """The schemas of a document: each structure once, under its name, and references to it."""

    def __init__(self) -> None:
        self.schemas: dict[str, Any] = {}

    def schema(self, described: object) -> Schema:
        """The JSON Schema of a type; a schema that is written out stays as it is."""
        if isinstance(described, Mapping):
            return described
        (schema,), parts = msgspec.json.schema_components([described], ref_template="#/components/schemas/{name}")
        self.schemas |= parts
        return schema

    def resolve(self, schema: Schema) -> Schema:
        """What a reference points at."""
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"].rpartition("/")[2]]
        return schema

    def example(self, schema: Schema) -> Any:
        """A value of that shape, of the examples in it; of an object what must be there, or all when nothing must."""
        schema = self.resolve(schema)
        if "examples" in schema:
            return schema["examples"][0]
        if "enum" in schema:
            return schema["enum"][0]
        if "anyOf" in schema:
            return self.example(schema["anyOf"][0])
        kind = schema.get("type", "object")
        kind = kind[0] if isinstance(kind, list) else kind
        if kind == "object":
            fields: Mapping[str, Schema] = schema.get("properties", {})
            return {name: self.example(fields[name]) for name in schema.get("required") or fields}
        if kind == "array":
            return [self.example(schema["items"])]
        least = schema.get("minimum", 1)
        return {"string": "…", "integer": least, "number": 1.0, "boolean": True, "null": None}[kind]


@dataclass(frozen=True, slots=True)
class Shape:
    """What one call takes and gives.

    `request`: the envelope's `request` object; None: no body. `result`: the envelope's `result` object.
    `produces`: the media types of an answer without envelope, blanks between.
    `uploads`: the fields of a form, for files.
    `query`: the parameters after `?`. `also`: further answers, status → what it means.
    """

    request: object = None
    result: object = field(default_factory=dict)
    produces: str = ""
    uploads: object = None
    query: Mapping[str, object] = field(default_factory=dict)
    also: Mapping[int, str] = field(default_factory=dict)
