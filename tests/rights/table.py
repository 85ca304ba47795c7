"""Who may do what: a row for every route, a letter for every caller, on the service's path and on the gateway's.

+  allowed: the answer is about the matter, no longer about who asks
-  401, no usable token (contract batches §1.4, form C)
r  403, the gateway's words: none of the roles, or the call about oneself names somebody else
u  401, the matter is not theirs (form A)
f  403, not for them, whoever owns the matter
i  400 INVALID_USER_ID: the successor is nobody, or of another organisation; both are told alike
n  404: there is no such thing, or it is somebody else's; both are told alike
j  200 with `failed`: likewise, as the analytics paths say it
k  403, the consumer may not ask without a user
"""

from __future__ import annotations

CALLERS = (
    "nobody",
    "learner",
    "stale token",
    "foreign mentor",
    "own mentor",
    "creator",
    "foreign administrator",
    "own administrator",
    "reporter",
    "machine",
    "private network",
    "page of another origin",
)

# fmt: off
#                                                        nobody              foreign administrator
#                                                        | learner           | own administrator
#                                                        | | stale token     | | reporter
#                                                        | | | foreign mentor| | | machine
#                                                        | | | | own mentor  | | | | private network
#                                                        | | | | | creator   | | | | | page of another origin
ROWS: dict[str, str] = {
    # batches
    "POST /v1/course/batch/create":                      "- r - + + + r r r + - -",
    "POST /private/v1/course/batch/create":              "f f f f f f f f f f + f",
    "PATCH /v1/course/batch/update":                     "- r - u + + r r r u - -",
    "GET /v1/course/batch/read/{batch_id}":              "- + - + + + + + + + - -",
    "POST /v1/course/batch/search":                      "+ + + + + + + + + + + +",
    "POST /v1/batch/participants/list":                  "- + - + + + + + + + - -",
    "POST /v1/course/batch/clone":                       "- r - u + + r r r u - -",
    "POST /v1/course/batch/preview":                     "- r - u + + r r r u - -",
    "POST /v1/course/batch/ownership/transfer":          "- u - u u u i + u u - -",
    "POST /v1/course/create":                            "- r - + + + r r r + - -",
    "POST /v1/data/sync":                                "f f f f f f f f f f + f",
    "DELETE /v1/cache/clear/{name}":                     "f f f f f f f f f f + f",

    # enrolment
    "POST /v1/course/enroll":                            "- + - + + + + + + + - -",
    "GET /v1/course/batch/join/{batch_id}":              "+ + + + + + + + + + + +",
    "POST /v1/course/unenroll":                          "- + - + + + + + + + - -",
    "POST /v1/user/courses/unenroll":                    "- + - + + + + + + + - -",
    "POST /v1/course/admin/enroll":                      "- u - u + + u + u u - -",
    "POST /v1/course/admin/unenroll":                    "- u - u + + u + u u - -",
    "POST /v1/course/batch/users/add/{batch_id}":        "- u - u + + u + u u - -",
    "POST /v1/course/batch/users/remove/{batch_id}":     "- u - u + + u + u u - -",
    "GET /v1/user/courses/list/{user_id}":               "- + - + + + + + + + - -",
    "GET /private/v1/user/courses/list/{user_id}":       "f f f f f f f f f f + f",
    "POST /v2/user/courses/list":                        "u + u + + + + + + + u u",
    "POST /v2/user/courses/admin/list":                  "- + - u u u u + u u - -",
    "POST /private/v2/user/courses/list":                "f f f f f f f f f f + f",

    # rosters: a file is taken from who manages one of its batches, and each of its lines judged by whose the batch is
    "POST /v1/batch/bulk/enrollment":                    "- u - u + + u + u u - -",
    "POST /v1/batch/bulk/unenrollment":                  "- u - u + + u + u u - -",
    "GET /v1/upload/status/{process_id}":                "- n - n n + n + n n - -",
    "GET /v1/upload/statusDownloadLink/{process_id}":    "- n - n n + n + n n - -",
    "GET /v1/upload/result/{process_id}":                "+ + + + + + + + + + + +",  # whoever holds the link
    "POST /v1/batch/roster/plan":                        "- u - u + + u + u u - -",
    "POST /v1/batch/roster/apply":                       "- u - u + + u + u u - -",
    "POST /v1/batch/roster/undo":                        "- u - u + + u + u u - -",

    # progress
    "POST /v1/content/state/read":                       "- + - + + + + + + + - -",
    "POST /private/v1/content/state/read":               "f f f f f f f f f f + f",
    "PATCH /v1/content/state/update":                    "- + + + + + + + + + - -",
    "PATCH /v1/user/content/state":                      "- + - + + + + + + + - -",
    "POST /v1/activity/agg":                             "- + - u + + u + u u - -",
    "POST /v1/assessment/agg":                           "- + - u + + u + u u - -",
    "POST /v1/group/activity/agg":                       "- + - f + f f f f f - -",  # the members of the group

    # summaries
    "GET /v1/course/enrollment/explain":                 "- + - u + + u + u u - -",
    "POST /v1/collection/summary":                       "+ + + + + + + + + + + +",

    # figures
    "GET /v1/course/batch/figures/{batch_id}":           "- u - u + + u + u u - -",
    "POST /v1/course/batch/figures":                     "- u - u + + u + u u - -",
    "GET /v1/course/batch/cert/figures/{batch_id}":      "- u - u + + u + u u - -",
    "POST /v1/course/batch/learners":                    "- u - u + + u + u u - -",
    "GET /v1/course/enrollment/history":                 "- + - u + + u + u u - -",
    "POST /v1/course/batch/help":                        "- u - u + + u + u u - -",
    "POST /v1/course/batch/contact/add":                 "- u - u + + u + u u - -",
    "POST /v1/course/batch/contact/undo":                "- u - u + + u + u u - -",
    "GET /v1/course/batch/contact/list":                 "- u - u + + u + u u - -",

    # certificates
    "PATCH /v1/course/batch/cert/template/add":          "- r - u + + r r r u - -",
    "PATCH /v1/course/batch/cert/template/remove":       "- r - u + + r r r u - -",
    "POST /v1/course/batch/cert/issue":                  "- u - u + + u + u u - -",
    "POST /v1/course/batch/cert/template/preview":       "- u - u + + u + u u - -",
    "GET /v1/course/batch/cert/explain/{batch_id}":      "- u - u + + u + u u - -",
    "GET /v1/course/batch/cert/explain/{batch_id}/{user_id}":
                                                        "- + - u + + u + u u - -",
    "POST /v1/course/batch/cert/retry":                  "- u - u + + u + u u - -",
    "PATCH /v1/course/batch/cert/status":                "- u - u + + u + u u - -",
    "GET /v1/course/batch/cert/download/{batch_id}":     "- u - u + + u + u u - -",
    "GET /certs/templates/default.svg":                  "+ + + + + + + + + + + +",
    "GET /certs/static/page.css":                        "+ + + + + + + + + + + +",
    "GET /certs/status/{purpose}/{number}":              "+ + + + + + + + + + + +",
    "GET /certs/{name}":                                 "+ + + + + + + + + + + +",
    "GET /.well-known/did.json":                         "+ + + + + + + + + + + +",
    "GET /.well-known/jwks.json":                        "+ + + + + + + + + + + +",

    # exhausts
    "POST /v1/jobrequest/submit":                        "- r - f + + f + + f - -",
    "GET /v1/jobrequest/list/{tag}":                     "- r - + + + + + + f - -",  # of what is theirs
    "POST /dataset/v1/request/submit":                   "k r k f + + f + + k k k",
    "GET /dataset/v1/request/read/{tag}":                "k r k j + + j + + k k k",
    "GET /dataset/v1/request/list/{tag}":                "k r k + + + + + + k k k",
    "POST /dataset/v1/request/search":                   "k r k + + + + + + k k k",
    "GET /v1/exhaust/files/{path:path}":                 "+ + + + + + + + + + + +",  # whoever holds the link

    # the registries that certificates used to be read from
    "POST /api/rc/certificate/v1/search":                "- + - + + + + + u u - -",  # of what is theirs
    "GET /api/rc/certificate/v1/download/{certificate_id}":
                                                        "+ + + + + + + + + + + +",
    "GET /api/rc/certificate/v1/key/{key_id}":           "+ + + + + + + + + + + +",
    "POST /certs/v1/registry/search":                    "- + - + + + + + u u - -",  # of what is theirs
    "POST /certs/v2/registry/search":                    "- + - + + + + + u u - -",  # of what is theirs
    "POST /certs/v1/registry/validate":                  "+ + + + + + + + + + + +",
    "POST /certs/v1/registry/verify":                    "+ + + + + + + + + + + +",
    "POST /certs/v1/registry/download":                  "- + - + + + + + + + - -",
    "POST /api/user/v1/certs/download":                  "- + - + + + + + + + - -",
    "GET /certs/v2/registry/download/{certificate_id}":  "- + - + + + + + + + - -",
    "GET /certs/v1/registry/read/{certificate_id}":      "- + - + + + + + + + - -",

    # webhooks
    "POST /v1/webhook/create":                           "- u - u u u u + u u - -",
    "GET /v1/webhook/list":                              "- u - u u u u + u u - -",
    "PATCH /v1/webhook/update":                          "- n - n n n n + n n - -",
    "POST /v1/webhook/delete":                           "- n - n n n n + n n - -",
    "POST /v1/webhook/secret/rotate":                    "- n - n n n n + n n - -",
    "POST /v1/webhook/test":                             "- n - n n n n + n n - -",
    "GET /v1/webhook/log":                               "- n - n n n n + n n - -",
    "POST /v1/webhook/replay":                           "- n - n n n n + n n - -",

    # accounts
    "POST /private/v1/user/account/merge":               "f f f f f f f f f f + f",
    "POST /private/v1/user/account/delete":              "f f f f f f f f f f + f",

    # operations
    "GET /health":                                       "+ + + + + + + + + + + +",
    "GET /healthz":                                      "+ + + + + + + + + + + +",
    "GET /service/health":                               "+ + + + + + + + + + + +",
    "GET /livez":                                        "+ + + + + + + + + + + +",
    "GET /readyz":                                       "+ + + + + + + + + + + +",
    "GET /metrics":                                      "+ + + + + + + + + + + +",
    "GET /openapi.json":                                 "+ + + + + + + + + + + +",
    "GET /docs":                                         "+ + + + + + + + + + + +",
    "GET /docs/{name}":                                  "+ + + + + + + + + + + +",
}
# fmt: on
