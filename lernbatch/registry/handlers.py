"""The paths of the registries that we replace, from our records (contract jobs §4.6 to §4.8).

Portals read certificates there: RC's search, download and key, and certreg's v1 and v2.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, unquote_to_bytes

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.responses import Response

from lernbatch.batch.rules import is_unbounded, may_manage
from lernbatch.certificate import imported, pictures, record, verification
from lernbatch.certificate.model import Certificate, ImportedCertificate
from lernbatch.credential import keys
from lernbatch.database import db, sql
from lernbatch.drawing.svg import BadPicture
from lernbatch.errors import Missing, NotAnObject, NotFound, Refused, Unauthorized
from lernbatch.registry import wire
from lernbatch.web import audit
from lernbatch.web.envelope import decode
from lernbatch.web.request import Call
from lernbatch.web.schema import takes

Q = sql.load("lernbatch.registry")
LIMIT = 100
Issued = TypeVar("Issued", bound=Certificate | ImportedCertificate)
_STAFF = ("CONTENT_CREATOR", "COURSE_CREATOR", "COURSE_MENTOR")


@dataclass(frozen=True, slots=True)
class BatchOwners:
    """Who manages a batch."""

    batch_id: str
    created_by: str | None
    mentors: Sequence[str]
    created_for: Sequence[str]


class InvalidCertificate(Refused):
    """No certificate has that id and access code."""

    code = "INVALID_PARAMETER_VALUE"
    message = "Invalid certificate id or access code."


_RECORD = {  # an example
    "osid": "351cf1ef-5c07-5b7f-a881-0e71c2e92bf1",
    "status": "ACTIVE",
    "recipient": {"id": "5f1c7a3e-5b5c-4d6e-8f00-1a2b3c4d5e6f", "name": "Asha Kumari"},
    "training": {"id": "do_31412345678901234561", "name": "Early mathematics", "batchId": "01412345678901234567"},
}


@takes(produces="application/json", shown=[_RECORD])
async def search(call: Call) -> Response:
    """POST /api/rc/certificate/v1/search: Search the certificates of a learner. The caller's own, or of learners whom
    the caller manages.
    """
    body = decode(await call.read_body() or b"{}")
    if not isinstance(body, dict):
        raise NotAnObject
    filters = _object(body.get("filters"))
    recipient, training = _object(filters.get("recipient")), _object(filters.get("training"))
    user_id = _equal(recipient.get("id")) or _equal(filters.get("recipientId"))
    course_id = _equal(training.get("id")) or _equal(filters.get("courseId"))
    batch_id = _equal(training.get("batchId")) or _equal(filters.get("batchId"))
    certificates, others = await _of_learner(call, user_id or call.caller.subject, course_id, batch_id)
    return _json(
        [
            *(record.show_entity(each, call.services.config.base_url, names_learner=True) for each in certificates),
            *(wire.show_imported(each, imported.record_of(call.services, each), names_learner=True) for each in others),
        ]
    )


@takes(produces="application/json", shown=_RECORD)
async def download(call: Call) -> Response:
    """GET /api/rc/certificate/v1/download/{certificate_id}: Download a certificate's record. Or its picture, as the
    header `Accept` asks.
    """
    certificate = await _certificate(call)
    accepted = call.headers.get("accept", "")
    if isinstance(certificate, ImportedCertificate):  # its record as its registry gave it, or the picture that is in it
        if pictures.MEDIA_TYPES["svg"] in accepted:
            media, _, picture_data = _print_uri(call, certificate).partition(",")
            is_base64 = media.endswith(";base64")
            body = base64.b64decode(picture_data) if is_base64 else unquote_to_bytes(picture_data)
            return Response(body, media_type=pictures.MEDIA_TYPES["svg"], headers=pictures.protection("svg"))
        record_of, names_learner = imported.record_of(call.services, certificate), await _knows(call, certificate)
        return _json(wire.show_imported(certificate, record_of, names_learner=names_learner))
    form = next((form for form in ("svg", "pdf", "png") if pictures.MEDIA_TYPES[form] in accepted), None)
    if form is None:
        shown = record.show_entity(
            certificate, call.services.config.base_url, names_learner=await _knows(call, certificate)
        )
        # Portals parse the signed part themselves.
        return _json({**shown, "_osSignedData": msgspec.json.encode(shown["_osSignedData"]).decode()})
    picture = await _picture(call, certificate, form)
    return Response(picture, media_type=pictures.MEDIA_TYPES[form], headers=pictures.protection(form))


@takes(
    produces="application/json",
    shown={"osid": "key-1", "alg": "Ed25519", "value": "-----BEGIN PUBLIC KEY-----\n…\n-----END PUBLIC KEY-----\n"},
)
async def key(call: Call) -> Response:
    """GET /api/rc/certificate/v1/key/{key_id}: Get a public key. As PEM, by its name."""
    issuer_key = keys.key_set(call.services.config).find(call.parameters["key_id"])
    if issuer_key is None:
        imported_pem = await imported.key(call.services, call.parameters["key_id"])
        if imported_pem is None:
            raise NotFound
        return _json({"osid": call.parameters["key_id"], "alg": "RSA", "value": imported_pem})
    pem = issuer_key.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return _json({"osid": issuer_key.name, "alg": "Ed25519", "value": pem})


@takes(
    wire.RegistrySearch, example={"query": {"match_phrase": {"recipient.id": "5f1c7a3e-5b5c-4d6e-8f00-1a2b3c4d5e6f"}}}
)
async def legacy_search(call: Call) -> wire.RegistrySearchAnswer:
    """POST /certs/v1/registry/search and POST /certs/v2/registry/search: Search the certificates of a learner, in the
    older form. Of the recipient who is named anywhere in the query.
    """
    user_id = _named(call.request, "recipient") or call.caller.subject
    certificates, others = await _of_learner(call, user_id, None, None)
    content = [wire.show_hit(certificate) for certificate in certificates]
    content += [
        wire.show_imported_hit(certificate, imported.record_of(call.services, certificate)) for certificate in others
    ]
    return wire.RegistrySearchAnswer(response=wire.RegistryHits(count=len(content), content=content))


@takes()
async def legacy_download(call: Call) -> wire.PrintableCertificate:
    """GET /certs/v2/registry/download/{certificate_id}: Get a certificate's picture. The SVG as a data URL."""
    certificate = await _certificate(call)
    if isinstance(certificate, ImportedCertificate):
        return wire.PrintableCertificate(print_uri=_print_uri(call, certificate))
    picture = (await _picture(call, certificate, "svg")).decode()
    return wire.PrintableCertificate(print_uri=f"data:image/svg+xml,{quote(picture, safe='')}")


@takes(wire.PdfRequest)
async def legacy_download_by_url(call: Call) -> wire.PdfLink:
    """POST /certs/v1/registry/download and POST /api/user/v1/certs/download: Get a link to a certificate's PDF. Of the
    certificate that the address ends with.
    """
    url = call.request.get("pdfUrl")
    if not isinstance(url, str) or not url.strip():
        raise Missing("pdfUrl")
    certificate_id = url.rstrip("/").rpartition("/")[2].partition(".")[0]
    certificate = await verification.find(call.services, certificate_id)
    if certificate is None:
        other = await _imported(call, certificate_id)
        old_url = other and imported.record_of(call.services, other).get("pdfurl")
        if not isinstance(old_url, str) or not old_url:
            raise NotFound
        return wire.PdfLink(signed_url=old_url)
    return wire.PdfLink(signed_url=f"{call.services.config.base_url}/certs/{certificate.certificate_id}.pdf")


@takes()
async def legacy_read(call: Call) -> wire.RegistryRecordAnswer:
    """GET /certs/v1/registry/read/{certificate_id}: Read a certificate's record. In the older form."""
    certificate = await _certificate(call)
    names_learner = await _knows(call, certificate)
    if isinstance(certificate, ImportedCertificate):
        record_of = imported.record_of(call.services, certificate)
        return wire.RegistryRecordAnswer(
            response=wire.show_imported_record(certificate, record_of, names_learner=names_learner)
        )
    return wire.RegistryRecordAnswer(
        response=wire.show_record(certificate, call.services.config.base_url, names_learner=names_learner)
    )


@takes(wire.ValidationRequest)
async def legacy_validate(call: Call) -> wire.RegistryRecordAnswer:
    """POST /certs/v1/registry/validate: Validate a certificate by number and code. Certificates that were issued here
    have no code.

    Source: jobs §4.9. Imported ones are valid with the access code that they came with.
    """
    certificate_id = call.request.get("certId")
    if not isinstance(certificate_id, str) or not certificate_id.strip():
        raise Missing("certId")
    checked = await verification.check(call.services, certificate_id)
    if checked is None and (other := await _imported(call, certificate_id)) is not None:
        code = call.request.get("accessCode")
        if other.validity != "valid" or (other.token and code != other.token):
            raise InvalidCertificate
        record_of = imported.record_of(call.services, other)
        return wire.RegistryRecordAnswer(response=wire.show_imported_record(other, record_of, names_learner=False))
    if checked is None or checked.validity != "valid":
        raise InvalidCertificate
    return wire.RegistryRecordAnswer(
        response=wire.show_record(checked.certificate, call.services.config.base_url, names_learner=False)
    )


@takes(wire.VerificationRequest, example={"id": "https://learning.example/certs/351cf1ef-5c07-5b7f-a881-0e71c2e92bf1"})
async def legacy_verify(call: Call) -> wire.VerificationAnswer:
    """POST /certs/v1/registry/verify: Verify a certificate. By its record, or its `id` alone."""
    address = _object(call.request.get("data")).get("id") or call.request.get("id")
    if not isinstance(address, str) or not address.strip():
        raise Missing("id")
    certificate_id = address.rstrip("/").rpartition("/")[2]
    checked = await verification.check(call.services, certificate_id)
    other = None if checked is not None else await imported.find(call.services, certificate_id)
    validity = checked.validity if checked is not None else other.validity if other is not None else "unknown"
    valid = validity == "valid"
    messages = [] if valid else [f"ERROR: {validity}"]
    return wire.VerificationAnswer(
        response=wire.Verification(valid=valid, messages=messages, error_count=len(messages))
    )


async def _of_learner(
    call: Call, user_id: str | None, course_id: str | None, batch_id: str | None
) -> tuple[list[Certificate], list[ImportedCertificate]]:
    """What a learner holds: one's own, or what comes from batches that the caller manages (see ownership_enforced).

    First ours, then imported ones.
    """
    if not user_id:
        return [], []
    certificates = await verification.of_learner(
        call.services, user_id, course_id=course_id, batch_id=batch_id, active_only=True, limit=LIMIT
    )
    others = await imported.of_learner(call.services, user_id, course_id, batch_id, LIMIT)
    visible, visible_others = await _visible(call, certificates), await _visible(call, others)
    if call.caller.speaks_for(user_id):
        return visible, visible_others
    # Who teaches may ask for anybody's certificates, and be answered none.
    config = call.services.config
    teaches = is_unbounded(call.caller, config) or call.caller.has_role((*_STAFF, *config.administrator_roles))
    if not visible and not visible_others and not teaches:
        raise Unauthorized
    if visible or visible_others:
        await audit.note(call, "registry.search", whom=[user_id])
    return visible, visible_others


async def _visible(call: Call, certificates: Sequence[Issued]) -> list[Issued]:
    """Those of `certificates` whose learners the caller may know: one's own, and those of batches in one's care.

    In one's care are batches that one created or mentors, and those of organisations in which one teaches or
    administers.
    """
    config, caller = call.services.config, call.caller
    if is_unbounded(caller, config):
        return list(certificates)
    batch_ids = list({certificate.batch_id for certificate in certificates})
    owners = {
        row.batch_id: row for row in await db.all(call.services.pool, BatchOwners, Q.owners_of, batch_ids=batch_ids)
    }
    staff = (*_STAFF, *config.administrator_roles)

    def may_see(certificate: Issued) -> bool:
        batch = owners.get(certificate.batch_id)
        is_manager = batch is not None and may_manage(caller, batch, config, staff)
        return is_manager or caller.speaks_for(certificate.user_id)

    return [certificate for certificate in certificates if may_see(certificate)]


async def _knows(call: Call, certificate: Certificate | ImportedCertificate) -> bool:
    """Whether the caller may know whose it is, beyond what the picture says."""
    asking = call.caller.user_id is not None or not call.caller.authentication_enabled
    return asking and bool(await _visible(call, [certificate]))


async def _certificate(call: Call) -> Certificate | ImportedCertificate:
    certificate_id = call.parameters["certificate_id"]
    certificate = await verification.find(call.services, certificate_id) or await _imported(call, certificate_id)
    if certificate is None:
        raise NotFound
    return certificate


async def _imported(call: Call, certificate_id: str) -> ImportedCertificate | None:
    """The imported certificate of that id; None also where its holder was erased."""
    certificate = await imported.find(call.services, certificate_id)
    return None if certificate is None or certificate.is_erased else certificate


def _print_uri(call: Call, certificate: ImportedCertificate) -> str:
    """The picture in an old record, as a data URL. Raises: NotFound, when it has none."""
    uri = wire.imported_picture(imported.record_of(call.services, certificate))
    if uri is None:
        raise NotFound("The record of this certificate has no picture in it; another service issued it.")
    return uri


async def _picture(call: Call, certificate: Certificate, form: str) -> bytes:
    try:
        qr = call.services.config.certificate_qr
        return await pictures.render(call.services, certificate, form, qr, pictures.client_of(call))
    except BadPicture as bad:
        raise NotFound(f"This certificate has no picture: {bad}") from bad


def _equal(value: Any) -> str | None:
    """The text of a filter: {"eq": "u1"} or "u1"."""
    text = value.get("eq") if isinstance(value, dict) else value
    return text if isinstance(text, str) and text else None


def _named(value: Any, part: str) -> str | None:
    """The first text under a key that contains `part`, however deep: clients send queries of their index."""
    waiting = [value]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            for name, inner in here.items():
                text = inner.get("query", inner.get("value")) if isinstance(inner, dict) else inner
                if part in name and isinstance(text, str):
                    return text
            waiting += here.values()
        elif isinstance(here, list):
            waiting += here
    return None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
