"""HTTP routes for operators: health, readiness, metrics, the description of the API."""

from __future__ import annotations

import asyncio

import msgspec
from msgspec import UNSET
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from lernbatch.database import db
from lernbatch.ops import description, gauges, health, wire
from lernbatch.web import envelope
from lernbatch.web.answers import json_response
from lernbatch.web.request import Call
from lernbatch.web.schema import Empty, takes


@takes()
async def health_of_all(call: Call) -> wire.Health:
    """GET /health and GET /healthz: Read the health of every part. Always 200; what is wrong stands in the answer.

    The health gate, if there is one, goes by what is asked on the operators' port, if there is one.
    """
    shown = wire.show_checks("Complete health check api", await health.checks(call.services))
    port: int | None = call.http.app.state.operators_port
    if call.services.config.health_gate_enabled and port in (None, call.http.scope["server"][1]):
        call.http.app.state.unhealthy = not shown.healthy
    config = call.services.config
    return wire.Health(response=shown, takeover=config.takeover if config.is_muted else UNSET)


@takes(produces="application/json", shown=msgspec.to_builtins(wire.show_service_health("2030-06-01 06:30:00:000+0000")))
async def health_of_service(call: Call) -> Response:
    """GET /service/health: Read the health of this process. Of it alone."""
    now = envelope.timestamp(call.services.clock.now())
    return json_response(msgspec.json.encode(wire.show_service_health(now)), 200)


@takes(result=Empty)
async def clear_cache(call: Call) -> Response:
    """DELETE /v1/cache/clear/{name}: Clear a cache. There is none to clear; the call is answered for those who make it.

    Source: the reference's answer, code and all.
    """
    now, path = call.services.clock.now(), call.http.scope["lernbatch.path"]
    body, _ = envelope.success(path, call.message_id, now, {}, response_code="success")
    return json_response(body, 200)


@takes(produces="text/plain")
async def live(call: Call) -> Response:
    """GET /livez: Ask whether the process lives. If it does not answer, start it again."""
    return PlainTextResponse("ok\n")


@takes(produces="text/plain", also={503: "Do not send requests here now"})
async def ready(call: Call) -> Response:
    """GET /readyz: Ask whether to send requests here. 503 while stopping, or without a database that is whole."""
    if call.http.app.state.leaving:
        return PlainTextResponse("leaving\n", 503)
    try:
        async with asyncio.timeout(health.TIMEOUT_SECONDS):
            await health.database_answers(call.services)
            lacking = await call.http.app.state.schema.lacking(call.services)
    except db.UNREACHABLE:
        return PlainTextResponse("no database\n", 503)
    if lacking:
        return PlainTextResponse(f"the database lacks {lacking}\n", 503)
    return PlainTextResponse("ok\n")


@takes(produces="text/plain")
async def metrics(call: Call) -> Response:
    """GET /metrics: Read the metrics, for Prometheus. Of all processes of the service, whichever of them is asked."""
    return Response(await gauges.page(call.services), media_type=CONTENT_TYPE_LATEST)


@takes(produces="application/json", shown={"openapi": "3.1.0", "info": {"title": "Lernbatch"}, "paths": {}})
async def describe(call: Call) -> Response:
    """GET /openapi.json: Get this description. OpenAPI 3.1, for programs."""
    routes = call.http.app.state.routes
    described = await asyncio.to_thread(description.description, routes, call.services.config.public_url)
    if "gzip" in call.headers.get("accept-encoding", ""):
        headers = {"content-encoding": "gzip", "vary": "Accept-Encoding"}
        return json_response(await asyncio.to_thread(lambda: described.compressed), 200, headers)
    return json_response(described.content, 200, {"vary": "Accept-Encoding"})


@takes(produces="text/html")
async def explain(_: Call) -> Response:
    """GET /docs: Read this description as a page. For people."""
    return HTMLResponse(description.page(), headers={"Content-Security-Policy": description.SECURITY_POLICY})


@takes(produces="text/css text/javascript", also={404: "There is no such file"})
async def send_file(call: Call) -> Response:
    """GET /docs/{name}: Get a file of that page. A style sheet or a script."""
    return await description.FILES.serve(call.parameters["name"], call.headers)
