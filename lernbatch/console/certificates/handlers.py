"""Pages of a batch's certificates."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote, urlencode

from starlette.responses import Response, StreamingResponse

from lernbatch.certificate import actions, bundle, sample, verification
from lernbatch.certificate.model import Certificate
from lernbatch.certificate.sample import DrawnSample
from lernbatch.certificate.wire import read_change, read_issue, read_span
from lernbatch.console import batch_frame, cursors, people, rendering
from lernbatch.console.batch_frame import BatchDay
from lernbatch.console.certificates import view
from lernbatch.console.dates.award import RuleForm, read_number
from lernbatch.console.visit import Visit, see_other
from lernbatch.course import actions as courses
from lernbatch.errors import NotFound
from lernbatch.figures import actions as figures
from lernbatch.figures.wire import LONGEST_NAME
from lernbatch.person.names import is_searchable
from lernbatch.person.profiles import make_findable
from lernbatch.template.model import Template
from lernbatch.template.wire import Attachment, read_attachment, read_template, read_templates

ROWS = 50  # of a page


async def show(visit: Visit, name: str | None = None, looked_at: Template | None = None) -> Response:
    """GET /console/batches/{batch_id}/certificates; `name`: only those of a learner, or of a number.

    `looked_at`: a template that is drawn with names of the batch.
    """
    day = await batch_frame.managed(visit)
    services, batch = visit.services, day.batch
    templates = read_templates(batch.templates)
    course = await courses.snapshot(services, batch.course_id)
    groups = await figures.certificate_groups(services, batch) if templates else []
    assert visit.session is not None
    days, since, until = _days(visit)
    about, after = f"certificates {batch.batch_id} {since} {until}", visit.query.get("after")
    secret = visit.session.csrf
    before = view.place(cursors.read(secret, about, after)) if after else None
    names_are_known = name is None or await make_findable(services, batch.batch_id)
    samples: list[DrawnSample] = []
    if looked_at is not None:
        samples = await sample.draw(services, batch, looked_at, visit.session.name, visit.session.user_id)
    rows = await verification.issued_in(services, batch.batch_id, since, until, before, name, limit=ROWS + 1)
    more = cursors.make(secret, about, view.keys(rows[ROWS - 1])) if len(rows) > ROWS else None
    context = {
        **batch_frame.frame(visit, day),
        **view.page(templates, course, groups, visit.words),
        "issued": view.issued(rows[:ROWS], visit.words),
        "more": more and urlencode({**days, "after": more}),
        "samples": view.samples(samples),
        "days": days,
        "days_query": urlencode(days),
        "name_asked": name,
        "names_are_known": names_are_known,
        "done": visit.query.get("done"),
        "count": visit.query.get("count"),
    }
    return await rendering.page(visit, "certificates/page.html", context)


async def download(visit: Visit) -> Response:
    """GET …/certificates/list.zip: the valid ones of the days that are shown, as PDFs, made while they are sent."""
    day = await batch_frame.managed(visit)
    _, since, until = _days(visit)
    parts = bundle.stream(visit.services, day.batch.batch_id, since, until, "pdf")
    headers = {"Content-Disposition": f'attachment; filename="certificates-{day.batch.batch_id}.zip"'}
    return StreamingResponse(parts, media_type="application/zip", headers=headers)


def _days(visit: Visit) -> tuple[dict[str, str], datetime, datetime]:
    """The days that the address names, and the moments from and before which they lie. Raises: InvalidParameter."""
    days = {name: visit.query[name] for name in ("from", "to") if visit.query.get(name)}
    since, until, _form = read_span(days, visit.services.clock.zone)
    return days, since, until


async def find(visit: Visit) -> Response:
    """POST …, do=find: the certificates of a name, an id or a number. A form, so that no name stands in an address."""
    name = visit.form.get("learner", "").strip()
    if not is_searchable(name) or len(name) > LONGEST_NAME:
        text = visit.words._("Write at least two letters of a word of the name, the whole id, or the whole number.")
        visit.refuse(text, "learner")
        return await show(visit)
    return await show(visit, name)


async def look(visit: Visit) -> Response:
    """POST …, do=look: how certificates of an attached template look, or those that `attach` would give."""
    day = await batch_frame.managed(visit)
    template_id = visit.form.get("template", "")
    stored = day.batch.templates.get(template_id)
    if stored is None:
        attachment = _read(visit, day)
        if attachment is None:
            return await show(visit)
        template_id = attachment.template_id
        stored, _ = await actions.compose_preview(visit.services, visit.caller, day.batch, attachment)
    return await show(visit, looked_at=read_template(template_id, stored))


async def attach(visit: Visit) -> Response:
    """POST …, do=attach: our own template, with a title, who signs, and the least score if one is asked for."""
    attachment = _read(visit, await batch_frame.managed(visit))
    if attachment is None:
        return await show(visit)
    result = await actions.attach(visit.services, visit.caller, attachment)
    return see_other(f"{visit.path}?done=attached&count={result.due}")


def _read(visit: Visit, day: BatchDay) -> Attachment | None:
    """The template of the form, as the API reads it; None when it was refused already."""
    form, _ = visit.form, visit.words._
    for field, sentence in (
        ("title", _("Write the title that stands on the certificate.")),
        ("signatory", _("Write the name of the person who signs.")),
    ):
        if not form.get(field, "").strip():
            visit.refuse(sentence, field)
    percent = None
    try:
        percent = read_number(form.get("percent", ""), 100)
    except ValueError:
        visit.refuse(_("The least score is a number from 0 to 100."), "percent")
    if visit.problems:
        return None
    request = {"batch": view.attachment(day.batch.course_id, day.batch.batch_id, form, RuleForm(percent, None))}
    return read_attachment(request)


async def retry(visit: Visit) -> Response:
    """POST …, do=retry: what failed and was given up is tried again."""
    day = await batch_frame.managed(visit)
    count = await actions.retry(visit.services, day.batch.batch_id)
    visit.services.wake.now()
    return see_other(f"{visit.path}?done=retried&count={count}")


async def show_one(visit: Visit) -> Response:
    """GET …/certificates/{certificate_id}: one, with what can be done about it and what the public page would say."""
    day = await batch_frame.managed(visit)
    certificate = await _certificate(visit, day)
    names = await people.names(visit, [certificate.user_id, *filter(None, [certificate.changed_by])])
    context = {**batch_frame.frame(visit, day), **view.one(certificate, names, visit.words)}
    return await rendering.page(visit, "certificates/one.html", context)


async def change(visit: Visit) -> Response:
    """POST …/certificates/{certificate_id}, do=change: revoke, suspend or reinstate it, with a reason."""
    day, form, _ = await batch_frame.managed(visit), visit.form, visit.words._
    certificate_id = (await _certificate(visit, day)).certificate_id
    if not form.get("reason", "").strip():
        visit.refuse(_("Write why. Those who manage the batch can read it later."), "reason")
    if not form.get("status"):
        visit.refuse(_("Choose what is to become of it."), "status")
    if not form.get("code"):
        visit.refuse(_("Choose what the public page says, or that it gives no reason."), "code")
    if visit.problems:
        return await show_one(visit)
    request = {key: form[key] for key in ("status", "reason", "code")}
    if request["code"] == view.NO_CODE:
        del request["code"]
    await actions.change_status(visit.services, visit.caller, read_change({"identifier": certificate_id, **request}))
    return see_other(f"{visit.path}?done=changed")


async def issue_again(visit: Visit) -> Response:
    """POST …/certificates/{certificate_id}, do=again: issue it anew, with the name as it is now."""
    day = await batch_frame.managed(visit)
    certificate = await _certificate(visit, day)
    request = {"courseId": day.batch.course_id, "batchId": day.batch.batch_id, "userIds": [certificate.user_id]}
    await actions.queue_issue(visit.services, visit.caller, read_issue(request), again=True)
    address = f"/console/batches/{quote(day.batch.batch_id, safe='')}/certificates"
    return see_other(f"{address}?done=again&count=1")


async def _certificate(visit: Visit, day: BatchDay) -> Certificate:
    """That of the address. Raises: NotFound, also when another batch issued it."""
    certificate = await verification.find(visit.services, visit.parameters["certificate_id"])
    if certificate is None or certificate.batch_id != day.batch.batch_id:
        raise NotFound
    return certificate
