"""Words to say what JSON a call takes and gives: plain JSON Schema, shorter to write and to read.

A room's `shapes.py` holds one `Shape` a handler, under the handler's name; `/openapi.json` is made of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

Schema: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """What one call takes and gives.

    `request`: the envelope's `request` object; None: no body. `result`: the envelope's `result` object.
    `produces`: the media types of an answer without envelope, blanks between.
    `uploads`: the fields of a form, for files.
    `query`: the parameters after `?`. `also`: further answers, status → what it means.
    """

    request: Schema | None = None
    result: Schema = field(default_factory=dict)
    produces: str = ""
    uploads: Schema | None = None
    query: Mapping[str, Schema] = field(default_factory=dict)
    also: Mapping[int, str] = field(default_factory=dict)


def text(about: str = "", *, example: str | None = None, one_of: tuple[str, ...] = (), **more: Any) -> Schema:
    """A string."""
    return _told("string", about, example, **({"enum": list(one_of)} if one_of else {}), **more)


def day(about: str = "", *, example: str = "2030-06-01") -> Schema:
    """A day of the calendar, `2030-06-01`."""
    return _told("string", about, example, format="date")


def whole(about: str = "", *, example: int | None = None, least: int | None = None, most: int | None = None) -> Schema:
    """A number without fraction."""
    bounds = {"minimum": least, "maximum": most}
    return _told("integer", about, example, **{key: bound for key, bound in bounds.items() if bound is not None})


def number(about: str = "", *, example: float | None = None) -> Schema:
    return _told("number", about, example)


def flag(about: str = "") -> Schema:
    """True or false."""
    return _told("boolean", about, None)


def listed(of: Schema, about: str = "") -> Schema:
    """Any number of the same."""
    return _told("array", about, None, items=of)


def record(needed: str = "", shared: Mapping[str, Schema] = MappingProxyType({}), /, **fields: Schema) -> Schema:
    """An object with these fields and those of `shared`; `needed`: the names of what must be there.

    Other fields may always stand beside them.
    """
    required = {"required": needed.split()} if needed else {}
    return _told("object", "", None, properties={**shared, **fields}, **required)


def about(schema: Schema, said: str) -> Schema:
    """The same, with something said of it."""
    return {**schema, "description": said}


def keyed(values: Schema, about: str = "") -> Schema:
    """An object whose keys are ids."""
    return _told("object", about, None, additionalProperties=values)


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    kind = schema["type"]
    changed = {**schema, "type": [kind, "null"]}
    return {**changed, "enum": [*schema["enum"], None]} if "enum" in schema else changed


def _told(kind: str, about: str, example: object, **more: Any) -> Schema:
    said = {"description": about} if about else {}
    shown = {"examples": [example]} if example is not None else {}
    return {"type": kind, **said, **more, **shown}


def example(schema: Schema) -> Any:
    """A value of that shape, of the examples in it; only what must be there of an object, or all when nothing must."""
    if "examples" in schema:
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        fields: Mapping[str, Schema] = schema.get("properties", {})
        return {name: example(fields[name]) for name in schema.get("required", fields)}
    if kind == "array":
        return [example(schema["items"])]
    return {"string": "…", "integer": 1, "number": 1.0, "boolean": True}[kind]


DONE = record("response", response=text(example="SUCCESS"))
EMPTY = record()
COURSE_ID = text("The course; `collectionId` means the same.", example="do_31412345678901234561")
BATCH_ID = text("The batch.", example="01412345678901234567")
USER_ID = text("A person.", example="5f1c7a3e-5b5c-4d6e-8f00-1a2b3c4d5e6f")
