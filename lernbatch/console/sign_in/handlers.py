"""Pages of signing in, signing out and of one's sessions."""

from __future__ import annotations

from starlette.responses import Response

from lernbatch import log
from lernbatch.console import endpoint, rendering, rules
from lernbatch.console.sign_in import view
from lernbatch.console.visit import Visit, see_other
from lernbatch.errors import NotAuthenticated, NotFound
from lernbatch.session import actions as sessions
from lernbatch.session import rules as session_rules
from lernbatch.session.model import Grant
from lernbatch.session.provider import SignInRefused
from lernbatch.sunbird.http import TOKEN_HEADER
from lernbatch.web.private import counted_address


async def show(visit: Visit) -> Response:
    """GET /console/sign-in: in a demo the bundled people by role."""
    is_local = session_rules.signs_in_locally(visit.services.config)
    people = await visit.console.local_people.listed() if is_local else []
    context = {
        "people": view.people(people, visit.words),
        "is_local": is_local,
        "provider": visit.console.provider.host if session_rules.signs_in_at_provider(visit.services.config) else None,
        "has_failed": "failed" in visit.query,
        "next": rules.safe_next(visit.form.get("next") or visit.query.get("next")),
        "kept": visit.form.get("kept", ""),
        "has_signed_out": "signed-out" in visit.query,
    }
    return await rendering.page(visit, "sign_in/page.html", context)


async def choose(visit: Visit) -> Response:
    """POST /console/sign-in: one of the bundled people, whom anybody may be in a demo."""
    if not session_rules.signs_in_locally(visit.services.config):
        raise NotFound
    _check_rate(visit)
    person_and_token = await visit.console.local_people.token(visit.form.get("user", ""))
    if person_and_token is None:
        visit.refuse(visit.words._("There is no such person any more. Choose another one."))
        return await show(visit)
    person, token = person_and_token
    kept = sessions.kept_form(visit.services, visit.form.get("kept", ""))
    cookie, _ = await sessions.begin(visit.services, person.user_id, person.name, Grant(token), kept)
    address = rules.safe_next(visit.form.get("next"))
    return _signed_in(visit, cookie, f"{address}?{endpoint.KEPT}=1" if kept else address)


async def go_to_provider(visit: Visit) -> Response:
    """POST /console/sign-in, do=provider: on to the provider, with a code challenge, a state and a nonce."""
    services = visit.services
    if not session_rules.signs_in_at_provider(services.config):
        raise NotFound
    _check_rate(visit)
    pending, address = await visit.console.provider.begin(rules.safe_next(visit.form.get("next")), services.clock.now())
    kept = sessions.kept_form(services, visit.form.get("kept", ""))
    return _signed_in(visit, await sessions.begin_pending(services, pending, kept), address)


def _check_rate(visit: Visit) -> None:
    """Raises: TooOften."""
    services, address = visit.services, counted_address(visit.call.http, visit.services.config)
    services.rates.check("sign in", address, services.config.sign_ins_per_minute, services.clock.now())


async def come_back(visit: Visit) -> Response:
    """GET /console/callback: from the provider, with a code. What does not fit leads to signing in again."""
    services = visit.services
    cookie = visit.call.http.cookies.get(endpoint.cookie_name(visit.call.http))
    taken = await sessions.take_pending(services, cookie) if cookie else None
    if taken is None:
        return see_other(f"{endpoint.SIGN_IN}?failed=1")
    pending, kept = taken
    try:
        grant, name = await visit.console.provider.finish(pending, visit.query, services.clock.now())
        caller = services.tokens.caller({TOKEN_HEADER: grant.access_token}, required=True)
    except (SignInRefused, NotAuthenticated) as refused:
        log.warning("somebody could not sign in", reason=str(refused))
        return see_other(f"{endpoint.SIGN_IN}?failed=1")
    assert caller.user_id is not None
    cookie, _ = await sessions.begin(services, caller.user_id, name or caller.user_id, grant, kept)
    return _signed_in(visit, cookie, f"{pending.next}?{endpoint.KEPT}=1" if kept else pending.next)


def _signed_in(visit: Visit, cookie: str, address: str) -> Response:
    response = see_other(address)
    endpoint.set_session(response, visit.call.http, cookie)
    return response


async def leave(visit: Visit) -> Response:
    """POST /console/sign-out"""
    assert visit.session is not None
    await sessions.end(visit.services, visit.session.session_id, visit.session.user_id)
    back = f"{endpoint.SIGN_IN}?signed-out=1"
    elsewhere = None
    if session_rules.signs_in_at_provider(visit.services.config):
        public_url, now = visit.services.config.base_url, visit.services.clock.now()
        elsewhere = await visit.console.provider.sign_out_address(visit.session.grant, f"{public_url}{back}", now)
    response = see_other(elsewhere or back)
    response.delete_cookie(endpoint.cookie_name(visit.call.http), path="/console")
    return response


async def show_leave(visit: Visit) -> Response:
    """GET /console/sign-out: asks, for who came by a link."""
    return await rendering.page(visit, "sign_in/leave.html", {})


async def show_sessions(visit: Visit) -> Response:
    """GET /console/sessions: where the reader is signed in."""
    assert visit.session is not None
    running = await sessions.all_of(visit.services, visit.session.user_id)
    context = {"sessions": view.sessions(running, visit.session)}
    return await rendering.page(visit, "sign_in/sessions.html", context)


async def end_session(visit: Visit) -> Response:
    """POST /console/sessions: end one of them."""
    assert visit.session is not None
    try:
        session_id = bytes.fromhex(visit.form.get("session", ""))
    except ValueError:
        raise NotFound from None
    await sessions.end(visit.services, session_id, visit.session.user_id)
    return see_other(visit.path)
