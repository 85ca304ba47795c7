"""HTTP routes of certificates: read, call, answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET
from starlette.responses import Response, StreamingResponse

from lernbatch.certificate import (
    actions,
    bundle,
    explain,
    imported,
    page,
    pictures,
    rules,
    verification,
    wire,
    wire_verification,
)
from lernbatch.credential import keys
from lernbatch.credential import status_list as status
from lernbatch.drawing.design import default_design
from lernbatch.drawing.qr import QR_KINDS
from lernbatch.drawing.svg import BadPicture
from lernbatch.errors import NotFound
from lernbatch.template.wire import (
    AttachedTemplate,
    TemplateAttachment,
    TemplateDetachment,
    read_attachment,
    read_detachment,
)
from lernbatch.web.answers import Answer
from lernbatch.web.request import Call
from lernbatch.web.schema import Done, takes

_PUBLIC = {"Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff"}


@takes(TemplateAttachment)
async def add_template(call: Call) -> AttachedTemplate:
    """PATCH /v1/course/batch/cert/template/add: Attach a certificate template. Whoever fulfils its criteria gets a
    certificate.
    """
    attached = await actions.attach(call.services, call.caller, read_attachment(call.request))
    return AttachedTemplate(warnings=attached.warnings or UNSET)


@takes(TemplateDetachment)
async def remove_template(call: Call) -> Done:
    """PATCH /v1/course/batch/cert/template/remove: Detach a certificate template. What was issued stays."""
    await actions.detach(call.services, call.caller, read_detachment(call.request))
    return Done()


@takes(wire.CertificateIssue, query=wire.IssueQuery, result=wire.IssueAnswer)
async def issue(call: Call) -> Mapping[str, Any]:
    """POST /v1/course/batch/cert/issue: Issue certificates. Queues those who completed the batch, or those who are
    named; `reIssue=true` makes them anew.
    """
    request = wire.read_issue(call.request)
    again = call.query.get("reIssue", "").lower() == "true"
    issue = await actions.queue_issue(call.services, call.caller, request, again=again)
    message = f"Certificates issue action for Course Batch Id {request.batch_id} submitted Successfully!"
    ids = {"batchId": request.batch_id, "courseId": request.course_id, "collectionId": request.course_id}
    return {
        "result": {
            "status": message,
            **ids,
            **wire.show_passed_over(issue.passed_over.revoked, issue.passed_over.suspended),
        }
    }


@takes(TemplateAttachment, result=wire.TemplatePreview)
async def preview(call: Call) -> Mapping[str, Any]:
    """POST /v1/course/batch/cert/template/preview: Preview a certificate template. Whom it would be for, without
    attaching it.
    """
    attachment = read_attachment(call.request)
    batch = await actions.managed_batch(call.services, call.caller, attachment.batch_id, attachment.course_id)
    stored, doubts = await actions.compose_preview(call.services, call.caller, batch, attachment)
    summary = await explain.batch(call.services, attachment.batch_id, {attachment.template_id: stored})
    return {"response": explain.show_batch(explain.without_small_groups(summary)), "warnings": doubts}


@takes(result=wire.BatchSummaryAnswer)
async def explain_batch(call: Call) -> Mapping[str, Any]:
    """GET /v1/course/batch/cert/explain/{batch_id}: Explain a batch's certificates. How its learners stand towards its
    templates.
    """
    batch = await actions.managed_batch(call.services, call.caller, call.parameters["batch_id"])
    return {"response": explain.show_batch(await explain.batch(call.services, batch.batch_id))}


@takes(result=wire.LearnerSummaryAnswer)
async def explain_learner(call: Call) -> Mapping[str, Any]:
    """GET /v1/course/batch/cert/explain/{batch_id}/{user_id}: Explain a learner's certificates. Learners may ask of
    themselves.
    """
    batch_id, user_id = call.parameters["batch_id"], call.parameters["user_id"]
    oneself = call.caller.speaks_for(user_id)
    if not oneself:
        await actions.managed_batch(call.services, call.caller, batch_id)
    explained = await explain.learner(call.services, batch_id, user_id)
    return {"response": explain.show_learner(explained, manages=not oneself)}


@takes(wire.CertificateRetry)
async def retry(call: Call) -> wire.RetriedCertificates:
    """POST /v1/course/batch/cert/retry: Try failed certificates again. Those of a batch, or of one learner."""
    batch_id, user_id = wire.read_retry(call.request)
    await actions.managed_batch(call.services, call.caller, batch_id)
    return wire.RetriedCertificates(count=await actions.retry(call.services, batch_id, user_id))


@takes(wire.CertificateStatusChange)
async def change_standing(call: Call) -> Done:
    """PATCH /v1/course/batch/cert/status: Revoke, suspend or reinstate a certificate. With a reason for those who
    manage the batch, and a code for everybody.
    """
    await actions.change_status(call.services, call.caller, wire.read_change(call.request))
    return Done()


@takes(query=wire.BundleQuery, produces="application/zip")
async def bundled(call: Call) -> Response:
    """GET /v1/course/batch/cert/download/{batch_id}: Download a batch's certificates. As a zip of one file each;
    `from`, `to` and `form` choose.
    """
    batch = await actions.managed_batch(call.services, call.caller, call.parameters["batch_id"])
    since, until, form = wire.read_span(call.query, call.services.clock.zone)
    return StreamingResponse(
        bundle.stream(call.services, batch.batch_id, since, until, form),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="certificates-{batch.batch_id}.zip"'},
    )


@takes(
    query=wire.PageQuery,
    produces="text/html application/json image/svg+xml image/png application/pdf application/vc application/vc+jwt",
    also={404: "There is no such certificate"},
    shown={"standing": "valid", "valid": True, "name": "Early mathematics", "recipientName": "Asha Kumari"},
)
async def show(call: Call) -> Answer:
    """GET /certs/{name}: Show a certificate. Its page, or the same as JSON; with an ending .svg .png .pdf .json .jwt
    that file.
    """
    name, _, form = call.parameters["name"].partition(".")
    if form:
        return await _file(call, name, form)
    takes_json = "application/json" in call.headers.get("accept", "")
    checked = await verification.check(call.services, name)
    if checked is None and (other := await imported.find(call.services, name)) is not None:
        record = wire_verification.show_imported(other, imported.record_of(call.services, other))
        return _json(record) if takes_json else page.imported(record, call.services.clock.zone)
    if takes_json:
        if checked is None:
            raise NotFound
        if checked.validity == rules.WITHDRAWN:
            return _json(wire_verification.show_withdrawn(checked.certificate))
        shown = wire_verification.show_verification(
            checked.certificate, checked.validity, checked.chain, call.services.config.base_url
        )
        return _json({**shown, "proofs": [wire_verification.show_proof(proof) for proof in checked.proofs]})
    return page.certificate(checked, call.services.config.base_url, call.services.clock.zone)


async def _file(call: Call, name: str, form: str) -> Response:
    certificate = await verification.find(call.services, name) if form in pictures.MEDIA_TYPES else None
    if certificate is None:
        other = await imported.find(call.services, name) if form == "json" else None
        if other is None or other.is_erased:
            raise NotFound
        return _json(wire_verification.public_record(other, imported.record_of(call.services, other)))
    qr = call.query.get("qr", call.services.config.certificate_qr)
    try:
        qr = qr if qr in QR_KINDS else "URL"
        body = await pictures.render(call.services, certificate, form, qr, pictures.client_of(call))
    except BadPicture as bad:
        raise NotFound(f"This certificate has no picture: {bad}") from bad
    headers = {**_PUBLIC, **pictures.protection(form), "Cache-Control": "public, max-age=300"}
    if "download" in call.query:
        headers["Content-Disposition"] = f'attachment; filename="certificate-{certificate.certificate_id}.{form}"'
    return Response(body, media_type=pictures.MEDIA_TYPES[form], headers=headers)


@takes(produces="image/svg+xml")
async def default_template(_: Call) -> Response:
    """GET /certs/templates/default.svg: Get the default template. An SVG."""
    source = default_design().source
    headers = {**_PUBLIC, **pictures.protection("svg"), "Cache-Control": "max-age=3600"}
    return Response(source, media_type="image/svg+xml", headers=headers)


@takes(produces="text/css")
async def style_sheet(_: Call) -> Response:
    """GET /certs/static/page.css: Get the style sheet of the certificate page. CSS."""
    return Response(page.style_sheet(), media_type="text/css", headers={**_PUBLIC, "Cache-Control": "max-age=3600"})


@takes(
    produces="application/vc",
    shown={
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "credentialSubject": {"type": "BitstringStatusList", "statusPurpose": "revocation", "encodedList": "uH4sIA…"},
    },
)
async def status_list(call: Call) -> Answer:
    """GET /certs/status/{purpose}/{number}: Get a status list. A signed bitstring, in which a verifier looks a
    certificate up.
    """
    purpose, number = call.parameters["purpose"], call.parameters["number"]
    # ² is a digit too, but none that int reads.
    if purpose not in status.PURPOSES or not (number.isascii() and number.isdigit()) or len(number) > 9:
        raise NotFound
    return _json(await verification.status_list(call.services, purpose, int(number)), "application/vc", seconds=30)


@takes(produces="application/did+json", shown={"id": "did:web:learning.example", "verificationMethod": []})
async def did_document(call: Call) -> Answer:
    """GET /.well-known/did.json: Get the issuer's DID document. Its public keys, for who resolves did:web."""
    return _json(keys.key_set(call.services.config).document, "application/did+json", seconds=300)


@takes(produces="application/json", shown={"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "key-1", "x": "11qY…"}]})
async def jwks(call: Call) -> Answer:
    """GET /.well-known/jwks.json: Get the issuer's JSON Web Keys. The same public keys."""
    return _json(keys.key_set(call.services.config).jwks, seconds=300)


def _json(value: object, media_type: str = "application/json", *, seconds: int = 0) -> Response:
    headers = {**_PUBLIC, "Cache-Control": f"max-age={seconds}" if seconds else "no-store"}
    return Response(msgspec.json.encode(value), media_type=media_type, headers=headers)
