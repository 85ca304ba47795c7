"""One route as an ASGI application: from the request to its answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route as StarletteRoute
from starlette.types import Receive, Scope, Send

from lernbatch.config import Config
from lernbatch.database import db
from lernbatch.services import Services
from lernbatch.sunbird.http import BUDGET, Budget
from lernbatch.web import admission, answers, audit, failures
from lernbatch.web.answers import Headed, JsonAnswer
from lernbatch.web.request import Call, read_request
from lernbatch.web.routing import Route


class Endpoint:
    """A route at one of its two paths. An ASGI application saves Starlette's wrapping of functions."""

    def __init__(self, route: Route, *, by_gateway: bool) -> None:
        self.route, self._by_gateway = route, by_gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        services: Services = request.app.state.services
        BUDGET.set(Budget(services.config.upstream_calls_per_request))
        try:
            response = await self._answer(request, services)
        except Exception as error:  # noqa: BLE001 - the one place where every failure becomes an envelope
            response = failures.failed(request, error)
            await failures.publish(request, error, response.status_code)
        finally:
            if "lernbatch.held" in scope:
                services.bodies.free(scope)
        if response.status_code in audit.REFUSALS:
            await audit.refused(request, self.route, services, response.status_code)
        if self.route.is_closed:
            response.raw_headers = [header for header in response.raw_headers if header[0] != answers.CORS[0]]
        await response(scope, receive, send)

    async def _answer(self, request: Request, services: Services) -> Response:
        route, config, scope = self.route, services.config, request.scope
        path = scope["lernbatch.path"] = route.fill(request.path_params)
        message_id: str = scope["lernbatch.message_id"]

        caller = admission.admit(route, request, services)
        if admission.lacks_role(route, caller, config, by_gateway=self._by_gateway):
            return self._denied(config)
        admission.check_rate(route, request, caller, services)
        db.anonymous.set(admission.is_anonymous(route, caller))

        largest_bytes = config.max_file_bytes if route.large else config.max_body_bytes
        body = {} if route.raw else await read_request(route, request, services, largest_bytes)
        is_for_caller = self._by_gateway and route.about_caller
        if is_for_caller and admission.names_another(body, request.path_params, caller, config):
            return self._denied(config)

        call = Call(services, caller, body, request.path_params, message_id, request, largest_bytes)
        what = audit.AUDITED.get(route.path)
        answer = await (audit.noting(call, what, route.handler) if what else route.handler(call))
        if isinstance(answer, Response):
            if not isinstance(answer, JsonAnswer):
                answer.headers.setdefault("cache-control", "no-store")
                answer.headers.setdefault("x-content-type-options", "nosniff")
            return answer
        if isinstance(answer, Headed):
            response = await answers.success(request, path, message_id, services, answer.result)
            response.headers.update(answer.headers)
            return response
        return await answers.success(request, path, message_id, services, answer)

    def _denied(self, config: Config) -> Response:
        """What the gateway would answer, as it does it or in the envelope. Raises: Denied."""
        if self._by_gateway and config.gateway_denial_plain:
            return PlainTextResponse(admission.Denied.message, admission.Denied.http_status)
        raise admission.Denied


def starlette_routes(routes: Iterable[Route]) -> list[StarletteRoute]:
    """Every route as Starlette takes it, on its own path and on the gateway's."""
    rows = []
    for route in routes:
        for path in filter(None, (route.path, route.gateway)):
            endpoint = Endpoint(route, by_gateway=path == route.gateway)
            rows.append(StarletteRoute(path, endpoint, methods=[route.method], name=f"{route.method} {path}"))
    return rows


class HasRoute(Protocol):
    """What answers a route: an endpoint of the API, or a page."""

    @property
    def route(self) -> Route: ...


def route_of(starlette_route: StarletteRoute) -> Route:
    """The route that a row of our tables made Starlette's of."""
    endpoint: HasRoute = starlette_route.app  # type: ignore[assignment]  # Starlette knows it as an ASGI application
    return endpoint.route
