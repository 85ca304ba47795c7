"""Pages of webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from starlette.responses import Response

from lernbatch.batch import rules as batch_rules
from lernbatch.config import Config
from lernbatch.console import rendering, rules
from lernbatch.console.visit import Visit, see_other
from lernbatch.console.webhooks import view
from lernbatch.enrolment import actions as enrolments
from lernbatch.web import audit
from lernbatch.web.caller import Caller
from lernbatch.web.idempotency import Remember, once
from lernbatch.webhook import actions, wire
from lernbatch.webhook.model import GIVEN_UP, TEST, Webhook
from lernbatch.webhook.rules import MOST_OF_ORGANISATION

PATH = "/console/webhooks"
ORGANISATIONS = 100  # of whose names the reader chooses; others are typed


def seen_by(caller: Caller, config: Config) -> bool:
    """Whoever administers an organisation, where there are webhooks."""
    return config.webhooks_enabled and rules.administers(caller, config)


async def show(visit: Visit) -> Response:
    """GET /console/webhooks?organisation=…: those of an organisation; without it, of the reader's first."""
    own = batch_rules.administered(visit.caller, visit.services.config)
    first = own[0] if own else ""
    organisation_id = visit.form.get("organisationId") or visit.query.get("organisation", "").strip() or first
    webhooks: Sequence[Webhook] = []
    if organisation_id:
        webhooks = await actions.webhooks_of(visit.services, visit.caller, organisation_id)
    offered = (own or [])[:ORGANISATIONS]
    organisations = await enrolments.organisations_of(visit.services, {*offered, organisation_id} - {""}) or {}
    names = {org_id: organisation.name for org_id, organisation in organisations.items()}
    context = {
        "organisation_id": organisation_id,
        "organisation_name": names.get(organisation_id, organisation_id),
        "organisations": sorted((names.get(org_id, org_id), org_id) for org_id in offered),
        "may_choose": own is None or len(own) > 1,
        "webhooks": view.webhooks(webhooks, visit.words),
        "may_add": organisation_id and len(webhooks) < MOST_OF_ORGANISATION,
        "most": MOST_OF_ORGANISATION,
        "kinds": view.kinds(visit.lists.get("kinds", []), visit.words),
        "was_deleted": "deleted" in visit.query,
    }
    return await rendering.page(visit, "webhooks/page.html", context)


async def add(visit: Visit) -> Response:
    """POST /console/webhooks, do=add: make one, and show its secret this once."""
    request = {
        "organisationId": visit.form.get("organisationId", ""),
        "url": visit.form.get("url", "").strip(),
        "kinds": visit.lists.get("kinds", []),
    }
    if not request["url"]:
        visit.refuse(visit.words._("Write the address."), "url")
        return await show(visit)
    call = visit.api(request)
    new = wire.read_new(call.request)
    secret: str | None = None

    async def work(remember: Remember[str]) -> str:
        nonlocal secret
        webhook_id, secret = await actions.create(visit.services, visit.caller, new, audit.by(call), remember)
        return webhook_id

    webhook_id = await once(call, work)
    return await _with_secret(visit, webhook_id, secret)


async def show_one(visit: Visit) -> Response:
    """GET /console/webhooks/{webhook_id}: where it leads, what it hears, and its log."""
    webhook_id = visit.parameters["webhook_id"]
    webhook = await actions.own_webhook(visit.services, visit.caller, webhook_id)
    log = await actions.log_of(visit.services, visit.caller, webhook_id)
    chosen = visit.lists.get("kinds", []) if "url" in visit.form else webhook.kinds
    context = {
        "webhook": view.webhook(webhook, visit.words),
        "back": f"{PATH}?{urlencode({'organisation': webhook.organisation_id})}",
        "kinds": view.kinds(chosen, visit.words),
        "deliveries": view.deliveries(log, visit.words),
        "may_replay": any(delivery.state == GIVEN_UP and delivery.kind != TEST for delivery in log),
        "most": actions.LOGGED_AT_MOST,
        "done": visit.query.get("done", ""),
    }
    return await rendering.page(visit, "webhooks/one.html", context)


async def save(visit: Visit) -> Response:
    """POST …/{webhook_id}, do=save: another address, or other kinds."""
    url = visit.form.get("url", "").strip()
    if not url:
        visit.refuse(visit.words._("Write the address."), "url")
        return await show_one(visit)
    return await _change(visit, "saved", url=url, kinds=visit.lists.get("kinds", []))


async def switch(visit: Visit) -> Response:
    """POST …/{webhook_id}, do=switch: off, or on; one that failed begins anew."""
    return await _change(visit, "switched", active=visit.form.get("active") == "yes")


async def test(visit: Visit) -> Response:
    """POST …/{webhook_id}, do=test: send a test at once."""
    webhook_id = visit.parameters["webhook_id"]
    attempt = await actions.test(visit.services, visit.caller, webhook_id, audit.by(visit.call))
    return see_other(f"{visit.path}?done={'taken' if attempt.is_taken else 'not-taken'}")


async def rotate(visit: Visit) -> Response:
    """POST …/{webhook_id}, do=rotate: a new secret, which is shown this once."""
    webhook_id, call = visit.parameters["webhook_id"], visit.api({})
    secret: str | None = None

    async def work(remember: Remember[str]) -> str:
        nonlocal secret
        secret = await actions.rotate(visit.services, visit.caller, webhook_id, audit.by(call), remember)
        return webhook_id

    await once(call, work)
    return await _with_secret(visit, webhook_id, secret)


async def replay(visit: Visit) -> Response:
    """POST …/{webhook_id}, do=replay: what was given up is sent again."""
    await actions.replay(visit.services, visit.caller, visit.parameters["webhook_id"], audit.by(visit.call))
    return see_other(f"{visit.path}?done=replayed")


async def delete(visit: Visit) -> Response:
    """POST …/{webhook_id}, do=delete"""
    webhook_id = visit.parameters["webhook_id"]
    webhook = await actions.own_webhook(visit.services, visit.caller, webhook_id)
    await actions.delete(visit.services, visit.caller, webhook_id, audit.by(visit.call))
    return see_other(f"{PATH}?{urlencode({'organisation': webhook.organisation_id, 'deleted': 1})}")


async def _change(visit: Visit, done: str, **change: object) -> Response:
    call = visit.api({"webhookId": visit.parameters["webhook_id"], **change})
    await actions.update(visit.services, visit.caller, wire.read_change(call.request), audit.by(call))
    return see_other(f"{visit.path}?done={done}")


async def _with_secret(visit: Visit, webhook_id: str, secret: str | None) -> Response:
    """The new secret of a webhook; None: the same form came before, and its secret was shown then."""
    address = f"{PATH}/{quote(webhook_id, safe='')}"
    if secret is None:
        return see_other(address)
    return await rendering.page(visit, "webhooks/secret.html", {"address": address, "secret": secret})
