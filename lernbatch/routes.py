"""Every HTTP entrance: method, path, handler. The whole API on one page.

`gateway` is the public path of the same call, so that a client needs no gateway in front of us.
"""

from __future__ import annotations

from lernbatch.batch import handlers as batch
from lernbatch.batch.search import handlers as search
from lernbatch.certificate import handlers as certificate
from lernbatch.http import Access, Entrance
from lernbatch.ops import handlers as ops

CREATORS = ("CONTENT_CREATOR", "COURSE_CREATOR", "COURSE_MENTOR")

# fmt: off
ENTRANCES: list[Entrance] = [
    # batches
    Entrance("POST", "/v1/course/batch/create", batch.create, gateway="/api/course/v1/batch/create", roles=CREATORS),
    Entrance("POST", "/private/v1/course/batch/create", batch.create_privately, Access.PRIVATE),
    Entrance("PATCH", "/v1/course/batch/update", batch.update, gateway="/api/course/v1/batch/update", roles=CREATORS),
    Entrance("GET", "/v1/course/batch/read/{batch_id}", batch.read, gateway="/api/course/v1/batch/read/{batch_id}"),
    Entrance("POST", "/v1/course/batch/search", search.search, Access.OPEN, gateway="/api/course/v1/batch/list",
             form_d=True),
    Entrance("POST", "/v1/batch/participants/list", batch.list_participants,
             gateway="/api/course/v1/batch/participants/list"),

    # certificates
    Entrance("PATCH", "/v1/course/batch/cert/template/add", certificate.add_template,
             gateway="/api/course/batch/cert/v1/template/add", roles=CREATORS),
    Entrance("PATCH", "/v1/course/batch/cert/template/remove", certificate.remove_template,
             gateway="/api/course/batch/cert/v1/template/remove", roles=CREATORS),
    Entrance("POST", "/v1/course/batch/cert/issue", certificate.issue, gateway="/api/course/batch/cert/v1/issue"),
    Entrance("GET", "/certs/templates/default.svg", certificate.default_template, Access.OPEN, raw=True),
    Entrance("GET", "/certs/static/page.css", certificate.style_sheet, Access.OPEN, raw=True),
    Entrance("GET", "/certs/status/{purpose}/{number}", certificate.status_list, Access.OPEN, raw=True),
    Entrance("GET", "/certs/{name}", certificate.show, Access.OPEN, raw=True),
    Entrance("GET", "/.well-known/did.json", certificate.did_document, Access.OPEN, raw=True),
    Entrance("GET", "/.well-known/jwks.json", certificate.jwks, Access.OPEN, raw=True),

    # operations
    Entrance("GET", "/health", ops.health_of_all, Access.OPEN),
    Entrance("GET", "/service/health", ops.health_of_service, Access.OPEN, raw=True),
    Entrance("GET", "/livez", ops.live, Access.OPEN, raw=True),
    Entrance("GET", "/readyz", ops.ready, Access.OPEN, raw=True),
    Entrance("GET", "/metrics", ops.metrics, Access.OPEN, raw=True),
    Entrance("GET", "/openapi.json", ops.describe, Access.OPEN, raw=True),
    Entrance("GET", "/docs", ops.explain, Access.OPEN, raw=True),
]
# fmt: on
