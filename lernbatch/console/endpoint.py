"""One page as an ASGI application: from the request to its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute
from starlette.types import Receive, Scope, Send

from lernbatch import log
from lernbatch.console import failures, forms, refusals, rendering, rules
from lernbatch.console.model import FormProblem
from lernbatch.console.visit import Page, Visit, see_other
from lernbatch.database import db
from lernbatch.errors import LernbatchError, NotFound, Upstream
from lernbatch.services import Services
from lernbatch.session import actions as sessions
from lernbatch.session import rules as session_rules
from lernbatch.session.model import KeptForm, Session
from lernbatch.session.provider import SignInRefused
from lernbatch.sunbird.http import BUDGET, TOKEN_HEADER, Budget
from lernbatch.web import admission, audit
from lernbatch.web.caller import NOBODY
from lernbatch.web.headers import headers_of
from lernbatch.web.request import Call
from lernbatch.web.routing import Access, Route
from lernbatch.web.tokens import CLIENT_HEADER, CLIENT_TOKEN_HEADER, MANAGED_HEADER
from lernbatch.wording import words

SIGN_IN = "/console/sign-in"
LANGUAGE_COOKIE, THEME_COOKIE = "lernbatch-language", "lernbatch-theme"
KEPT = "kept"  # the parameter of a page that is to show a kept form
PREFERENCES = {"language": LANGUAGE_COOKIE, "theme": THEME_COOKIE}
KEPT_SECONDS = 365 * 86_400  # of a preference
_FORM_AGAIN = (400, 409, 412, 413, 422)  # the statuses of refusals that another form answers
_OF_THE_API = (TOKEN_HEADER.lower(), MANAGED_HEADER, CLIENT_HEADER, CLIENT_TOKEN_HEADER)


class PageEndpoint:
    """A page at its path. The session's cookie says who asks; tokens in headers do not count here."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.route = Route("GET", page.path, _is_no_call, Access.OPEN, raw=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        services: Services = request.app.state.services
        BUDGET.set(Budget(services.config.upstream_calls_per_request))
        visit = self._visit(request, services)
        try:
            response = await self._answer(visit)
        except Exception as error:  # noqa: BLE001 - the one place where every failure becomes a page
            response = await failures.answer(visit, error)
        finally:
            if "lernbatch.held" in scope:
                services.bodies.free(scope)
        if response.status_code in audit.REFUSALS:
            await audit.refused(visit.call.http, self.route, services, response.status_code)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.update(rendering.security_headers(services.config))
        await response(scope, receive, send)

    def _visit(self, request: Request, services: Services) -> Visit:
        scope = request.scope
        scope["lernbatch.path"] = self.route.fill(request.path_params)
        headers = {name: value for name, value in headers_of(scope).items() if name not in _OF_THE_API}
        scope["lernbatch.headers"] = headers
        message_id, most_bytes = scope["lernbatch.message_id"], services.config.max_body_bytes
        call = Call(services, NOBODY, {}, request.path_params, message_id, request, most_bytes)
        language = words.choose(request.cookies.get(LANGUAGE_COOKIE), headers.get("accept-language", ""))
        theme = request.cookies.get(THEME_COOKIE)
        return Visit(
            page=self.page,
            console=request.app.state.console,
            call=call,
            words=words.Words(language, services.clock.now(), services.clock.zone),
            theme=theme if theme in rendering.THEMES else None,
            session=None,
        )

    async def _answer(self, visit: Visit) -> Response:
        request = visit.call.http
        is_post = request.method == "POST"
        if not is_post and (chosen := PREFERENCES.keys() & visit.query.keys()):
            return _with_preferences(visit, chosen)
        db.anonymous.set(True)  # until the cookie has said who it is
        await _sign_in(visit)
        config = visit.services.config
        db.anonymous.set(visit.session is None)
        if visit.session is None:
            admission.check_rate(self.route, request, NOBODY, visit.services)
        elif not self.page.seen_by(visit.caller, config):
            raise rules.NotYours
        if is_post:
            visit.call.largest_body_bytes = self.page.most_bytes(config, is_signed_in=visit.session is not None)
            form = await forms.read(visit.call)
            visit.form, visit.lists, visit.files = form.values, form.lists, form.files
        if visit.session is None and not self.page.is_open:
            return await _ask_to_sign_in(visit)
        if not is_post:
            if visit.session is not None and KEPT in visit.query:
                kept = await sessions.take_kept_form(visit.services, visit.session)
                if kept is not None and kept.path == visit.path:
                    visit.form = kept.values
                    visit.problems.append(
                        FormProblem(visit.words._("You were signed out. Look it over and send it again."))
                    )
            return await self.page.show(visit)
        return await self._post(visit)

    async def _post(self, visit: Visit) -> Response:
        """Do what the form says; when it is refused, the page again, filled in, with the reason."""
        write = self.page.posts.get(visit.form.get(forms.DO, ""))
        if write is None:
            raise NotFound
        try:
            session_rules.check_site(visit.call.headers.get("sec-fetch-site"))
            if visit.session is not None:
                session_rules.check_csrf(visit.session.csrf, visit.path, visit.form.get(forms.TOKEN, ""))
            if write.audit is None:
                return await write.handler(visit)
            visit.call.request = {name: value for name, value in visit.form.items() if name not in forms.FRAME}
            return await audit.noting(visit.call, write.audit, lambda _: write.handler(visit))
        except session_rules.FormNotOurs as error:
            visit.status = error.http_status
            text = visit.words._("This form lay open too long, so nothing was saved. Look it over and send it again.")
            visit.problems.append(FormProblem(text))
        except LernbatchError as error:
            if error.http_status not in _FORM_AGAIN:
                raise
            visit.status = error.http_status
            visit.problems.append(refusals.told(error, visit.words))
        return await self.page.show(visit)


async def _is_no_call(call: Call) -> Response:
    """A page's route has no handler of the API."""
    raise NotFound


async def _sign_in(visit: Visit) -> None:
    """Find out who asks, by the cookie."""
    cookie = visit.call.http.cookies.get(cookie_name(visit.call.http))
    session = await sessions.find(visit.services, cookie) if cookie else None
    if session is None:
        return
    session = await _refreshed(visit, session)
    if session is None:
        return
    try:  # the session's token is read as the API reads it
        caller = visit.services.tokens.caller({TOKEN_HEADER: session.grant.access_token}, required=True)
    except LernbatchError:  # it does not count any more
        await sessions.end(visit.services, session.session_id, session.user_id)
        return
    visit.session, visit.call.caller = session, caller
    visit.call.http.scope["lernbatch.headers"] = {
        **visit.call.headers,
        TOKEN_HEADER.lower(): session.grant.access_token,
    }


async def _refreshed(visit: Visit, session: Session) -> Session | None:
    """The session, with new tokens where the old ones are about to end; None, when the provider gives none."""
    services = visit.services
    if not session_rules.needs_refresh(session, services.clock.now()):
        return session
    async with visit.console.refreshing.setdefault(session.session_id, asyncio.Lock()):
        current = await sessions.read(services, session.session_id)  # somebody else may have been first
        if current is None or not session_rules.needs_refresh(current, services.clock.now()):
            return current
        try:
            grant = await visit.console.provider.refresh(current.grant, services.clock.now())
        except Upstream:
            return current  # while its token lasts
        except SignInRefused as refused:
            log.info("a session was not prolonged", reason=str(refused))
            again = await sessions.read(services, session.session_id)  # another process was first
            if again is not None and again.grant != current.grant:
                return again
            await sessions.end(services, session.session_id, session.user_id)
            return None
        return await sessions.renew(services, current, grant)


async def _ask_to_sign_in(visit: Visit) -> Response:
    """Lead to the sign-in page and back; what was typed comes along."""
    if visit.call.http.method != "POST":
        query = visit.call.http.url.query
        address = visit.path + (f"?{query}" if query else "")
        return see_other(f"{SIGN_IN}?{urlencode({'next': address})}" if address != rules.HOME else SIGN_IN)
    values = {name: value for name, value in visit.form.items() if name not in forms.FRAME}
    kept = sessions.keep_form(visit.services, KeptForm(visit.path, values))
    sign_in = next(page for page in visit.console.pages if page.path == SIGN_IN)
    visit.page, visit.status = sign_in, HTTPStatus.UNAUTHORIZED
    visit.form = {"next": visit.path, "kept": kept}
    return await sign_in.show(visit)


def _with_preferences(visit: Visit, chosen: Iterable[str]) -> Response:
    """The same page in the language or theme that a link names, from now on."""
    left = {name: value for name, value in visit.query.items() if name not in PREFERENCES}
    response = see_other(quote(visit.path) + (f"?{urlencode(left)}" if left else ""))
    choices = {"language": words.languages(), "theme": rendering.THEMES}
    for name in chosen:
        value = visit.query[name]
        is_known = value in choices[name]
        response.set_cookie(
            PREFERENCES[name],
            value if is_known else "",
            max_age=KEPT_SECONDS if is_known else 0,
            path="/",
            secure=not is_plain(visit.call.http),
            httponly=True,
            samesite="lax",
        )
    return response


def is_plain(request: Request) -> bool:
    """Whether the browser speaks to this machine itself without TLS, where it would refuse a secure cookie."""
    return request.url.scheme == "http" and session_rules.is_loopback(headers_of(request.scope).get("host", ""))


def cookie_name(request: Request) -> str:
    """The session's cookie; browsers take the prefix only of one that is Secure."""
    return "lernbatch" if is_plain(request) else "__Secure-lernbatch"


def set_session(response: Response, request: Request, cookie: str) -> None:
    """Give the browser its session; it is sent back to the console alone."""
    response.set_cookie(
        cookie_name(request), cookie, path="/console", secure=not is_plain(request), httponly=True, samesite="lax"
    )


def starlette_routes(pages: Iterable[Page]) -> list[StarletteRoute]:
    """Every page as Starlette takes it, and the files beside them."""
    rows = [StarletteRoute(f"{rendering.FILES.prefix}{{name}}", StaticEndpoint(), methods=["GET"], name="PAGE static")]
    for page in pages:
        methods = ["GET", "POST"] if page.posts else ["GET"]
        rows.append(StarletteRoute(page.path, PageEndpoint(page), methods=methods, name=f"PAGE {page.path}"))
    return rows


class StaticEndpoint:
    """A style sheet, a script or a font."""

    route = Route("GET", f"{rendering.FILES.prefix}{{name}}", _is_no_call, Access.OPEN, raw=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        try:
            response = await rendering.FILES.serve(request.path_params["name"], headers_of(request.scope))
        except NotFound:
            response = Response("There is no such file.\n", 404, media_type="text/plain")
        response.headers["X-Content-Type-Options"] = "nosniff"
        await response(scope, receive, send)
