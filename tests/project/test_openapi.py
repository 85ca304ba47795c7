"""The description of the API: every route is in it, it is right in itself, and the service keeps to it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from jsonschema import Draft202012Validator
from schemathesis.checks import CHECKS
from schemathesis.config import (
    CoveragePhaseConfig,
    GenerationConfig,
    PhasesConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)

from lernbatch.routes import ROUTES
from lernbatch.web import openapi, schema
from lernbatch.web.routing import Route
from lernbatch.web.schema import Components
from tests.people import ADMIN
from tests.running import Running
from tests.wire_fields import structures

DOCUMENT = openapi.document(ROUTES, "http://127.0.0.1")
EXAMPLES = int(os.environ.get("EXAMPLES", "8"))  # a call; `make fuzz` tries many more, and others each time
CALLED = ("status_code_conformance", "content_type_conformance", "response_schema_conformance")
PROJECT = ProjectConfig(
    generation=GenerationConfig(max_examples=EXAMPLES, deterministic="EXAMPLES" not in os.environ),
    # Every boundary of every field is thousands of calls: the rooms' own tests have those that matter.
    phases=PhasesConfig(coverage=CoveragePhaseConfig(enabled=False)),
)
CONFIG = SchemathesisConfig(projects=ProjectsConfig(default=PROJECT))
# The gateway's paths lead to the same handlers.
tried = schemathesis.openapi.from_dict(DOCUMENT, config=CONFIG).exclude(path_regex="^/api/")


def test_every_route_is_described() -> None:
    described = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    paths = [(route.method, path) for route in ROUTES for path in (route.path, route.gateway) if path]
    assert described == {(method, path.replace(":path}", "}")) for method, path in paths}


def test_every_handler_says_what_it_takes_and_gives() -> None:
    assert [route.path for route in ROUTES if schema.shape_of(route.handler) is None] == []


def test_no_structure_of_one_room_hides_one_of_another() -> None:
    """Schemas are known by the names of their structures, so two of one name would be one."""
    names = [structure.__name__ for structure in structures()]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def test_every_operation_has_a_name_of_its_own_and_a_summary() -> None:
    found = [operation for methods in DOCUMENT["paths"].values() for operation in methods.values()]
    names = [operation["operationId"] for operation in found]
    assert len(names) == len(set(names))
    assert all(operation["summary"] for operation in found)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_schemas_are_right_and_fit_their_own_examples(route: Route) -> None:
    shape = schema.shape_of(route.handler)
    assert shape is not None
    components = Components()
    for described in (shape.request, shape.result, *shape.query.values()):
        if described is not None:
            described_as = components.schema(described)
            whole = {**described_as, "components": {"schemas": components.schemas}}
            Draft202012Validator.check_schema(whole)
            Draft202012Validator(whole).validate(components.example(described_as))


# Words of the team, numbers of paragraphs and of cases: nobody outside knows what they mean.
INSIDE_WORDS = re.compile(
    r"\b(contract|reference|defect|successor|parked|due row|sandbox|structure|room|actor|envelope of|evaluat\w+)\b|§"
    r"|\b[A-Z]{1,2}\d{1,3}\b"
)


def texts(part: object) -> Iterator[str]:
    """What the document says in sentences."""
    if isinstance(part, dict):
        yield from (part[key] for key in ("summary", "description") if isinstance(part.get(key), str))
        for key, value in part.items():
            if key not in ("example", "examples"):
                yield from texts(value)
    elif isinstance(part, list):
        for value in part:
            yield from texts(value)


def test_the_description_says_nothing_in_our_own_words() -> None:
    assert [text for text in texts(DOCUMENT) if INSIDE_WORDS.search(text)] == []


def test_every_call_has_a_title_of_a_few_words() -> None:
    titles = [call["summary"] for calls in DOCUMENT["paths"].values() for call in calls.values()]
    assert [title for title in titles if not 8 <= len(title) <= 60 or not title[0].isupper() or "/" in title] == []


def test_every_body_and_answer_has_an_example_of_its_own_shape() -> None:
    wrong = []
    for path, calls in DOCUMENT["paths"].items():
        for method, call in calls.items():
            contents = {"request": call.get("requestBody", {}).get("content", {})}
            contents |= {status: answer["content"] for status, answer in call["responses"].items()}
            for place, content in contents.items():
                for media in content.values():
                    schema = {**media["schema"], "components": DOCUMENT["components"]}
                    if "example" not in media or not Draft202012Validator(schema).is_valid(media["example"]):
                        wrong.append(f"{method} {path} {place}")
    assert wrong == []


@pytest.fixture
def flawless(service: Running) -> Iterator[Running]:
    """The service, which must not meet an error that nobody foresaw."""
    before = bugs(service)
    yield service
    assert bugs(service) == before


def bugs(service: Running) -> float:
    page = service.http.get("/metrics").text
    return float(next(line.split()[1] for line in page.splitlines() if line.startswith("lernbatch_bugs_total ")))


def checks() -> Any:  # of the library's two kinds its own types let only one in
    return CHECKS.get_by_names(list(CALLED))


def tries(examples: int) -> settings:
    phases = [Phase.explicit, Phase.generate]
    return settings(max_examples=examples, deadline=None, phases=phases, suppress_health_check=list(HealthCheck))


@tried.parametrize()
@tries(EXAMPLES)
def test_whatever_comes_in_nothing_undocumented_goes_out(case: schemathesis.Case[Any], flawless: Running) -> None:
    response = case.call(base_url=flawless.url, headers=flawless.headers(ADMIN))
    case.validate_response(response, checks=checks())


@tried.parametrize()
@tries(max(EXAMPLES // 4, 1))
def test_nor_to_somebody_without_a_token(case: schemathesis.Case[Any], flawless: Running) -> None:
    response = case.call(base_url=flawless.url)
    case.validate_response(response, checks=checks())
