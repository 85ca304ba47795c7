"""What a call takes and gives, told once: typed structures of a room's `wire.py`, from which requests are read, answers
are shown, and `/openapi.json` is made.

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


# What a text looks like whose field says no example of its own, by the field's name.
EXAMPLES = {
    "addedBy": "5f1c7a3e-5b5c-4d6e-8f00-1a2b3c4d5e6f",
    "addedHow": "by-hand",
    "at": "2030-06-01T06:30:00Z",
    "attemptId": "a-1",
    "because": "2 of 3 contents are completed",
    "by": "5f1c7a3e-5b5c-4d6e-8f00-1a2b3c4d5e6f",
    "changedBy": "5f1c7a3e-5b5c-4d6e-8f00-1a2b3c4d5e6f",
    "charactersNoFontCanDraw": "\u2fd5",
    "completedOn": "2030-06-01T06:30:00Z",
    "contactId": "6a1f0c52-77d1-4f5e-9a34-0f2f6f0a9b11",
    "contactedOn": "2030-06-01T06:30:00Z",
    "countedAt": "2030-06-01T06:30:00Z",
    "courseLogoUrl": "https://content.example/early-mathematics.png",
    "courseName": "Early mathematics",
    "createdBy": "5f1c7a3e-5b5c-4d6e-8f00-1a2b3c4d5e6f",
    "createdDate": "2030-06-01 12:00:00:000+0530",
    "createdFor": "0130000000000000001",
    "dataset": "progress-exhaust",
    "description": "The first run",
    "detail": "do_31412345678901234562",
    "district": "Pune",
    "downloadUrls": "https://learning.example/v1/exhaust/files/progress.zip",
    "dueAt": "2030-06-01T06:30:00Z",
    "enrolledDate": "2030-06-01T06:30:00Z",
    "err": "CLIENT_ERROR",
    "errmsg": "The user service does not answer.",
    "error": "The user service does not answer.",
    "failureResult": "[]",
    "file": "batchId,userIds\n01412345678901234567,5f1c7a3e-5b5c-4d6e-8f00-1a2b3c4d5e6f\n",
    "groupId": "g-1",
    "id": "do_31412345678901234562",
    "identifier": "351cf1ef-5c07-5b7f-a881-0e71c2e92bf1",
    "lastAccessTime": "2030-06-01T06:30:00Z",
    "lastReadContentId": "do_31412345678901234562",
    "manifestUrl": "https://learning.example/v1/exhaust/files/manifest.json",
    "message": "Operation is completed.",
    "metric": "completedCount",
    "name": "Early mathematics",
    "nextCursor": "eyJhZnRlciI6IjAxNDEifQ",
    "note": "She comes back after the exams.",
    "objectType": "course",
    "printUri": "data:image/svg+xml,%3Csvg%3E%3C/svg%3E",
    "reason": "2 of 3 contents are completed",
    "reasonCode": "issued-in-error",
    "requestId": "0D1F6A1E5D6B4A539D3C6F3F6A4A2C10",
    "requestedBy": "5f1c7a3e-5b5c-4d6e-8f00-1a2b3c4d5e6f",
    "requestedChannel": "0130000000000000001",
    "resmsgid": "8b1f6a1e",
    "role": "member",
    "rule": "every content is completed",
    "schoolId": "29010100101",
    "signedUrl": "https://learning.example/v1/upload/result/01412345678901234567?token=0f2f",
    "since": "2030-06-01T06:30:00Z",
    "state": "Maharashtra",
    "status": "success",
    "statusMessage": "The file is ready.",
    "successResult": "[]",
    "summary": "2 of 3 learners have it",
    "tag": "do_1_b1:0130000000000000001",
    "takeover": "copy",
    "type": "Course",
    "unitId": "do_31412345678901234563",
    "updatedDate": "2030-06-02 12:00:00:000+0530",
    "versionKey": "1893456000000",
}
_EXAMPLES_BY_FORMAT = {"date": "2030-06-01", "date-time": "2030-06-01T06:30:00Z"}


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
    example: object = None,
    shown: object = None,
) -> Callable[[Handler], Handler]:
    """Say what a handler takes: the envelope's `request` object, the parameters after `?`, the fields of a form.

    `produces`: the media types of an answer without envelope, blanks between. `result`: what stands in the answer,
    where the handler's return type does not say it. `also`: further answers, status → what it means.
    `example`: of `request`, where the examples of its fields do not make one. `shown`: an example of an answer without
    envelope in JSON.
    """

    def note(handler: Handler) -> Handler:
        fields = () if query is None else msgspec.structs.fields(query)
        parameters = {field.encode_name: field.type for field in fields}
        _SHAPES[handler] = Shape(request, result, produces, uploads, parameters, also, example, shown)
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

    def named(self, name: str, schema: Schema) -> Schema:
        """A reference to `schema`, which is kept under that name."""
        self.schemas[name] = schema
        return {"$ref": f"#/components/schemas/{name}"}

    def resolve(self, schema: Schema) -> Schema:
        """What a reference points at."""
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"].rpartition("/")[2]]
        return schema

    def example(self, schema: Schema, *, whole: bool = False, name: str = "") -> Any:
        """A value of that shape, of the examples in it; of an object what must be there, or with `whole` all.

        `name`: of the field whose value it is.
        """
        schema = self.resolve(schema)
        if "examples" in schema:
            return schema["examples"][0]
        if "enum" in schema:
            return schema["enum"][0]
        if "anyOf" in schema:
            return self.example(schema["anyOf"][0], whole=whole, name=name)
        kind = schema.get("type", "object")
        kind = kind[0] if isinstance(kind, list) else kind
        if kind == "object":
            fields: Mapping[str, Schema] = schema.get("properties", {})
            names = fields if whole else schema.get("required", ())
            return {name: self.example(fields[name], whole=whole, name=name) for name in names}
        if kind == "array":
            return [self.example(schema["items"], whole=whole, name=name)]
        if kind == "string":
            return EXAMPLES.get(name) or _EXAMPLES_BY_FORMAT.get(schema.get("format", ""), "text")
        return {"integer": schema.get("minimum", 1), "number": 1.0, "boolean": True, "null": None}[kind]


@dataclass(frozen=True, slots=True)
class Shape:
    """What one call takes and gives.

    `request`: the envelope's `request` object; None: no body. `result`: the envelope's `result` object.
    `produces`: the media types of an answer without envelope, blanks between.
    `uploads`: the fields of a form, for files.
    `query`: the parameters after `?`. `also`: further answers, status → what it means.
    `example`: of the request. `shown`: an example of an answer without envelope in JSON.
    """

    request: object = None
    result: object = field(default_factory=dict)
    produces: str = ""
    uploads: object = None
    query: Mapping[str, object] = field(default_factory=dict)
    also: Mapping[int, str] = field(default_factory=dict)
    example: object = None
    shown: object = None
