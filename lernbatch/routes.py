"""Every HTTP route: method, path, handler. The whole API on one page.

`gateway` is the public path of the same call, so that a client needs no gateway in front of us.
"""

from __future__ import annotations

from lernbatch.account import handlers as account
from lernbatch.batch import handlers as batch
from lernbatch.batch.rules import MANAGER_ROLES
from lernbatch.batch.search import handlers as search
from lernbatch.bulk import handlers as bulk
from lernbatch.certificate import handlers as certificate
from lernbatch.course import handlers as course
from lernbatch.enrolment import handlers as enrolment
from lernbatch.errors import Malformed, NotAnObject
from lernbatch.exhaust import analytics
from lernbatch.exhaust import handlers as exhaust
from lernbatch.figures import handlers as figures
from lernbatch.mentoring import handlers as mentoring
from lernbatch.ops import handlers as ops
from lernbatch.progress import handlers as progress
from lernbatch.registry import handlers as registry
from lernbatch.summary import handlers as summary
from lernbatch.web.routing import Access, Route
from lernbatch.webhook import handlers as webhook

REPORTERS = ("ORG_ADMIN", "REPORT_ADMIN", "CONTENT_CREATOR", "COURSE_MENTOR")
LEARNERS = ("PUBLIC",)

# fmt: off
ROUTES: list[Route] = [
    # batches
    Route("POST", "/v1/course/batch/create", batch.create, gateway="/api/course/v1/batch/create", roles=MANAGER_ROLES),
    Route("POST", "/private/v1/course/batch/create", batch.create_privately, Access.PRIVATE),
    Route("PATCH", "/v1/course/batch/update", batch.update, gateway="/api/course/v1/batch/update", roles=MANAGER_ROLES),
    Route("GET", "/v1/course/batch/read/{batch_id}", batch.read, gateway="/api/course/v1/batch/read/{batch_id}",
          roles=LEARNERS),
    Route("POST", "/v1/course/batch/search", search.search, Access.OPEN, gateway="/api/course/v1/batch/list",
          unreadable=Malformed),
    Route("POST", "/v1/batch/participants/list", batch.list_participants,
          gateway="/api/course/v1/batch/participants/list"),
    Route("POST", "/v1/course/batch/clone", batch.clone, gateway="/api/course/v1/batch/clone", roles=MANAGER_ROLES,
          unreadable=NotAnObject, is_dear=True),
    Route("POST", "/v1/course/batch/preview", batch.preview_change,
          gateway="/api/course/v1/batch/preview", roles=MANAGER_ROLES, unreadable=NotAnObject),
    Route("POST", "/v1/course/batch/ownership/transfer", batch.transfer_ownership, unreadable=NotAnObject),
    Route("POST", "/v1/course/create", course.create, gateway="/api/course/v1/create", roles=MANAGER_ROLES),
    Route("POST", "/v1/data/sync", batch.sync, Access.INTERNAL, unreadable=Malformed),
    Route("DELETE", "/v1/cache/clear/{name}", ops.clear_cache, Access.INTERNAL),

    # enrolment
    Route("POST", "/v1/course/enroll", enrolment.enrol, gateway="/api/course/v1/enrol", roles=LEARNERS,
          about_caller=True),
    Route("GET", "/v1/course/batch/join/{batch_id}", enrolment.read_join_offer, Access.OPEN),
    Route("POST", "/v1/course/unenroll", enrolment.unenrol, gateway="/api/course/v1/unenrol", roles=LEARNERS,
          about_caller=True),
    Route("POST", "/v1/user/courses/unenroll", enrolment.unenrol, unreadable=NotAnObject),
    Route("POST", "/v1/course/admin/enroll", enrolment.enrol_others),
    Route("POST", "/v1/course/admin/unenroll", enrolment.unenrol_others),
    Route("POST", "/v1/course/batch/users/add/{batch_id}", enrolment.add_users,
          gateway="/api/course/v1/batch/user/add/{batch_id}", unreadable=NotAnObject),
    Route("POST", "/v1/course/batch/users/remove/{batch_id}", enrolment.remove_users,
          gateway="/api/course/v1/batch/user/remove/{batch_id}", unreadable=NotAnObject),
    Route("GET", "/v1/user/courses/list/{user_id}", enrolment.list_own,
          gateway="/api/course/v1/user/enrollment/list/{user_id}", about_caller=True),
    Route("GET", "/private/v1/user/courses/list/{user_id}", enrolment.list_privately, Access.PRIVATE,
          gateway="/api/course/private/v1/user/enrollment/list/{user_id}"),
    Route("POST", "/v2/user/courses/list", enrolment.list_own, Access.OPEN,
          gateway="/api/course/v2/user/enrollment/list", about_caller=True),
    Route("POST", "/v2/user/courses/admin/list", enrolment.list_of_other),
    Route("POST", "/private/v2/user/courses/list", enrolment.list_of_named, Access.PRIVATE,
          gateway="/api/course/private/v2/user/enrollment/list"),

    # bulk enrolment
    Route("POST", "/v1/batch/bulk/enrollment", bulk.enrol_file, raw=True, large=True,
          gateway="/api/course/v1/batch/bulk/enrollment", is_dear=True),
    Route("POST", "/v1/batch/bulk/unenrollment", bulk.unenrol_file, raw=True, large=True,
          gateway="/api/course/v1/batch/bulk/unenrollment", is_dear=True),
    Route("GET", "/v1/upload/status/{process_id}", bulk.read_status),
    Route("GET", "/v1/upload/statusDownloadLink/{process_id}", bulk.link_result),
    Route("GET", "/v1/upload/result/{process_id}", bulk.download_result, Access.OPEN, raw=True),
    Route("POST", "/v1/batch/roster/plan", bulk.plan, large=True, unreadable=NotAnObject, is_dear=True),
    Route("POST", "/v1/batch/roster/apply", bulk.apply, large=True, unreadable=NotAnObject, is_dear=True),
    Route("POST", "/v1/batch/roster/undo", bulk.undo, unreadable=NotAnObject),

    # progress
    Route("POST", "/v1/content/state/read", progress.read_content_state,
          gateway="/api/course/v1/content/state/read", roles=LEARNERS, about_caller=True),
    Route("POST", "/private/v1/content/state/read", progress.read_content_state_privately, Access.PRIVATE,
          gateway="/api/course/private/v1/content/state/read"),
    Route("PATCH", "/v1/content/state/update", progress.update_content_state, Access.LATE_USER,
          gateway="/api/course/v1/content/state/update", roles=LEARNERS, about_caller=True),
    Route("PATCH", "/v1/user/content/state", progress.update_content_state),
    Route("POST", "/v1/activity/agg", progress.aggregate_activity),
    Route("POST", "/v1/assessment/agg", progress.aggregate_assessment),
    Route("POST", "/v1/group/activity/agg", progress.read_group_activity, gateway="/api/data/v1/group/activity/agg"),

    # summaries
    Route("GET", "/v1/course/enrollment/explain", summary.explain_enrolment),
    Route("POST", "/v1/collection/summary", summary.summarise, Access.OPEN, gateway="/api/v1/collection/summary"),

    # figures of batches and their learners
    Route("GET", "/v1/course/batch/figures/{batch_id}", figures.read_figures),
    Route("POST", "/v1/course/batch/figures", figures.list_figures, unreadable=NotAnObject),
    Route("GET", "/v1/course/batch/cert/figures/{batch_id}", figures.read_certificate_groups),
    Route("POST", "/v1/course/batch/learners", figures.list_learners, unreadable=NotAnObject),
    Route("GET", "/v1/course/enrollment/history", mentoring.read_history),
    Route("POST", "/v1/course/batch/help", mentoring.list_needy, unreadable=NotAnObject),
    Route("POST", "/v1/course/batch/contact/add", mentoring.note_contact, unreadable=NotAnObject),
    Route("POST", "/v1/course/batch/contact/undo", mentoring.undo_contact, unreadable=NotAnObject),
    Route("GET", "/v1/course/batch/contact/list", mentoring.list_contacts),

    # certificates
    Route("PATCH", "/v1/course/batch/cert/template/add", certificate.add_template,
          gateway="/api/course/batch/cert/v1/template/add", roles=MANAGER_ROLES),
    Route("PATCH", "/v1/course/batch/cert/template/remove", certificate.remove_template,
          gateway="/api/course/batch/cert/v1/template/remove", roles=MANAGER_ROLES),
    Route("POST", "/v1/course/batch/cert/issue", certificate.issue, gateway="/api/course/batch/cert/v1/issue"),
    Route("POST", "/v1/course/batch/cert/template/preview", certificate.preview, unreadable=NotAnObject, is_dear=True),
    Route("GET", "/v1/course/batch/cert/explain/{batch_id}", certificate.explain_batch),
    Route("GET", "/v1/course/batch/cert/explain/{batch_id}/{user_id}", certificate.explain_learner),
    Route("POST", "/v1/course/batch/cert/retry", certificate.retry, unreadable=NotAnObject),
    Route("PATCH", "/v1/course/batch/cert/status", certificate.change_standing, unreadable=NotAnObject),
    Route("GET", "/v1/course/batch/cert/download/{batch_id}", certificate.bundled, raw=True, is_dear=True),
    Route("GET", "/certs/templates/default.svg", certificate.default_template, Access.OPEN, raw=True),
    Route("GET", "/certs/static/page.css", certificate.style_sheet, Access.OPEN, raw=True),
    Route("GET", "/certs/status/{purpose}/{number}", certificate.status_list, Access.OPEN, raw=True),
    Route("GET", "/certs/{name}", certificate.show, Access.OPEN, raw=True),
    Route("GET", "/.well-known/did.json", certificate.did_document, Access.OPEN, raw=True),
    Route("GET", "/.well-known/jwks.json", certificate.jwks, Access.OPEN, raw=True),

    # exhausts
    Route("POST", "/v1/jobrequest/submit", exhaust.submit, gateway="/api/course/v1/jobrequest/submit",
          roles=REPORTERS, is_dear=True),
    Route("GET", "/v1/jobrequest/list/{tag}", exhaust.list_of_tag, gateway="/api/course/v1/jobrequest/list/{tag}",
          roles=REPORTERS),
    Route("POST", "/dataset/v1/request/submit", analytics.submit_dataset, Access.OPEN,
          gateway="/api/dataset/v1/request/submit", roles=REPORTERS, raw=True, is_dear=True),
    Route("GET", "/dataset/v1/request/read/{tag}", analytics.read_dataset, Access.OPEN,
          gateway="/api/dataset/v1/request/read/{tag}", roles=REPORTERS, raw=True),
    Route("GET", "/dataset/v1/request/list/{tag}", analytics.list_datasets, Access.OPEN,
          gateway="/api/dataset/v1/request/list/{tag}", roles=REPORTERS, raw=True),
    Route("POST", "/dataset/v1/request/search", analytics.search_datasets, Access.OPEN,
          gateway="/api/dataset/v1/request/search", roles=REPORTERS, raw=True),
    Route("GET", "/v1/exhaust/files/{path:path}", exhaust.download, Access.OPEN, raw=True),

    # the registries that certificates used to be read from
    Route("POST", "/api/rc/certificate/v1/search", registry.search, raw=True),
    Route("GET", "/api/rc/certificate/v1/download/{certificate_id}", registry.download, Access.OPEN, raw=True),
    Route("GET", "/api/rc/certificate/v1/key/{key_id}", registry.key, Access.OPEN, raw=True),
    Route("POST", "/certs/v1/registry/search", registry.legacy_search, gateway="/api/certreg/v1/certs/search",
          unreadable=NotAnObject),
    Route("POST", "/certs/v2/registry/search", registry.legacy_search, gateway="/api/certreg/v2/certs/search",
          unreadable=NotAnObject),
    Route("POST", "/certs/v1/registry/validate", registry.legacy_validate, Access.OPEN,
          gateway="/api/certreg/v1/certs/validate", unreadable=NotAnObject),
    Route("POST", "/certs/v1/registry/verify", registry.legacy_verify, Access.OPEN,
          gateway="/api/certreg/v1/certs/verify", unreadable=NotAnObject),
    Route("POST", "/certs/v1/registry/download", registry.legacy_download_by_url,
          gateway="/api/certreg/v1/certs/download", unreadable=NotAnObject),
    Route("POST", "/api/user/v1/certs/download", registry.legacy_download_by_url, unreadable=NotAnObject),
    Route("GET", "/certs/v2/registry/download/{certificate_id}", registry.legacy_download,
          gateway="/api/certreg/v2/certs/download/{certificate_id}"),
    Route("GET", "/certs/v1/registry/read/{certificate_id}", registry.legacy_read,
          gateway="/api/certreg/v1/certs/read/{certificate_id}"),

    # webhooks
    Route("POST", "/v1/webhook/create", webhook.create, unreadable=NotAnObject),
    Route("GET", "/v1/webhook/list", webhook.list_webhooks),
    Route("PATCH", "/v1/webhook/update", webhook.update, unreadable=NotAnObject),
    Route("POST", "/v1/webhook/delete", webhook.delete, unreadable=NotAnObject),
    Route("POST", "/v1/webhook/secret/rotate", webhook.rotate, unreadable=NotAnObject),
    Route("POST", "/v1/webhook/test", webhook.test, unreadable=NotAnObject),
    Route("GET", "/v1/webhook/log", webhook.list_deliveries),
    Route("POST", "/v1/webhook/replay", webhook.replay, unreadable=NotAnObject),

    # accounts
    Route("POST", "/private/v1/user/account/merge", account.merge, Access.PRIVATE, raw=True),
    Route("POST", "/private/v1/user/account/delete", account.forget, Access.PRIVATE, raw=True),

    # operations
    Route("GET", "/health", ops.health_of_all, Access.OPEN, vital=True),
    Route("GET", "/healthz", ops.health_of_all, Access.OPEN, vital=True),
    Route("GET", "/service/health", ops.health_of_service, Access.OPEN, raw=True, vital=True),
    Route("GET", "/livez", ops.live, Access.OPEN, raw=True, vital=True),
    Route("GET", "/readyz", ops.ready, Access.OPEN, raw=True, vital=True),
    Route("GET", "/metrics", ops.metrics, Access.OPEN, raw=True, vital=True, operators=True),
    Route("GET", "/openapi.json", ops.describe, Access.OPEN, raw=True, operators=True),
    Route("GET", "/docs", ops.explain, Access.OPEN, raw=True, operators=True),
    Route("GET", "/docs/{name}", ops.send_file, Access.OPEN, raw=True, operators=True),
]
# fmt: on
