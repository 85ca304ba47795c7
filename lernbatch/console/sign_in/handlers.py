"""Pages of signing in, signing out and of one's sessions."""

from __future__ import annotations

from starlette.responses import Response

from lernbatch.console import endpoint, rendering, rules, sessions
from lernbatch.console.sign_in import view
from lernbatch.console.visit import Visit, see_other
from lernbatch.errors import NotFound
from lernbatch.web import audit


async def show(visit: Visit) -> Response:
    """GET /console/sign-in: in a demo the bundled people by role."""
    is_local = rules.signs_in_locally(visit.services.config)
    people = await visit.console.local_people.listed() if is_local else []
    context = {
        "people": view.people(people, visit.words),
        "is_local": is_local,
        "next": rules.safe_next(visit.form.get("next") or visit.query.get("next")),
        "kept": visit.form.get("kept", ""),
        "has_signed_out": "signed-out" in visit.query,
    }
    return await rendering.page(visit, "sign_in/page.html", context)


async def choose(visit: Visit) -> Response:
    """POST /console/sign-in: one of the bundled people, whom anybody may be in a demo."""
    if not rules.signs_in_locally(visit.services.config):
        raise NotFound
    visit.console.sign_ins.check(audit.by(visit.call).from_address or "", visit.services.clock.now())
    person_and_token = await visit.console.local_people.token(visit.form.get("user", ""))
    if person_and_token is None:
        visit.refuse(visit.words._("There is no such person any more. Choose another one."))
        return await show(visit)
    person, token = person_and_token
    kept = sessions.kept_form(visit.services, visit.form.get("kept", ""))
    cookie, _ = await sessions.begin(visit.services, person.user_id, person.name, token, kept)
    wanted = rules.safe_next(visit.form.get("next"))
    response = see_other(f"{wanted}?{endpoint.KEPT}=1" if kept else wanted)
    endpoint.set_session(response, visit.call.http, cookie)
    return response


async def leave(visit: Visit) -> Response:
    """POST /console/sign-out"""
    assert visit.session is not None
    await sessions.end(visit.services, visit.session.session_id, visit.session.user_id)
    response = see_other(f"{endpoint.SIGN_IN}?signed-out=1")
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
