"""The JSON of certificates, for the description of the API; `wire.py` reads and shows it."""

from __future__ import annotations

from lernbatch.certificate.wire import CODES_BY_HAND
from lernbatch.web.schema import (
    BATCH_ID,
    COURSE_ID,
    USER_ID,
    Shape,
    flag,
    keyed,
    listed,
    maybe,
    number,
    record,
    text,
    whole,
)

_DONE = record("response", response=text(example="SUCCESS"))
_TEMPLATE_ID = text("The template's asset, or `default` for the one that comes with the service.", example="default")
_BOUND = keyed(number(), "An operator and its threshold: `>=`, `<=`, `eq`, …")
_CRITERIA = record(
    "",
    enrollment=record("status", status=whole("0, 1 or 2.", example=2)),
    assessment=record("score", score=_BOUND),
    assessments=record(
        "",
        mode=text("How several assessments make one score.", one_of=("any", "all", "average")),
        score=_BOUND,
        contents=keyed(_BOUND, "Bounds of single contents."),
        attempts=_BOUND,
    ),
    user=record("rootOrgId", rootOrgId=text(), rootOrgName=text(), userType=text(), userSubType=text()),
)
_SIGNATORY = record("name id designation image", name=text(), id=text(), designation=text(), image=text())
_TEMPLATE = record(
    "identifier criteria",
    identifier=_TEMPLATE_ID,
    criteria=_CRITERIA,
    name=text("The certificate's title, for `default`; else the asset's counts."),
    issuer=record("name url", name=text(), url=text()),
    signatoryList=listed(_SIGNATORY),
    notifyTemplate=record(
        "", subject=text(), emailTemplateType=text(), regards=text(), regardsperson=text(), stateImgUrl=text()
    ),
    additionalProps=record(),
    previewUrl=text(),
    validity=record("days", days=whole("Days after which it expires; none: never.", least=1, most=36_500)),
)
_ON_BATCH = record(
    "batch", batch=record("courseId batchId template", courseId=COURSE_ID, batchId=BATCH_ID, template=_TEMPLATE)
)
_OFF_BATCH = record(
    "batch",
    batch=record(
        "courseId batchId template",
        courseId=COURSE_ID,
        batchId=BATCH_ID,
        template=record("identifier", identifier=_TEMPLATE_ID),
    ),
)
_FINDING = record(
    "rule outcome because",
    rule=text(),
    outcome=text(one_of=("met", "waiting", "unmet", "issued")),
    because=text(),
    evidence=record(),
    parts=listed(record()),
)
_SUMMARY = record(
    "learners templates due",
    learners=whole(),
    templates=listed(
        record(
            "identifier name outcomes reasons failures summary",
            identifier=_TEMPLATE_ID,
            name=text(),
            outcomes=keyed(
                whole(),
                "met, waiting, unmet, issued, failed: each learner is counted once. In a preview of criteria on the "
                "user, what fewer than five share is `fewerThanFive`.",
            ),
            reasons=keyed(whole(), "Why not yet, or not at all."),
            failures=keyed(whole(), "Why who may have earned it has none."),
            summary=text("The same as one sentence."),
        )
    ),
    due=listed(record("learners parked", learners=whole(), parked=flag(), error=maybe(text()), dueAt=text())),
    unreadable=keyed(whole()),
)
_CERTIFICATE_ID = text("The certificate's number.", example="351cf1ef-5c07-5b7f-a881-0e71c2e92bf1")

add_template = Shape(
    request=_ON_BATCH,
    result=record("response", response=text(example="SUCCESS"), warnings=listed(text(), "What its owner should know.")),
)
remove_template = Shape(request=_OFF_BATCH, result=_DONE)
issue = Shape(
    request=record(
        "courseId batchId",
        courseId=COURSE_ID,
        batchId=BATCH_ID,
        userIds=listed(USER_ID, "None: all who completed."),
    ),
    result=record(
        "result",
        result=record(
            "status batchId courseId",
            status=text(),
            batchId=BATCH_ID,
            courseId=COURSE_ID,
            passedOver=record("revoked suspended", revoked=whole("Learners left as they are."), suspended=whole()),
        ),
    ),
    query={"reIssue": text("`true`: replace what was issued.")},
)
preview = Shape(request=_ON_BATCH, result=record("response", response=_SUMMARY, warnings=listed(text())))
explain_batch = Shape(result=record("response", response=_SUMMARY))
explain_learner = Shape(
    result=record(
        "response",
        response=record(
            "templates certificates",
            templates=listed(
                record("identifier name decision", identifier=_TEMPLATE_ID, name=text(), decision=_FINDING)
            ),
            certificates=listed(
                record(
                    "identifier name revision status decision",
                    identifier=text(),
                    name=text(),
                    revision=whole(),
                    status=text(one_of=("active", "suspended", "revoked", "superseded")),
                    decision=_FINDING,
                    reasonCode=maybe(text("Why it is what it is, as anybody may know it.")),
                    reason=maybe(text("The same in the words of who decided; for those who manage the batch.")),
                    changedBy=maybe(text("Who decided; for those who manage the batch.")),
                )
            ),
            due=maybe(record()),
            charactersNoFontCanDraw=text(),
        ),
    )
)
retry = Shape(
    request=record("batchId", batchId=BATCH_ID, userId=USER_ID),
    result=record("response count", response=text(example="SUCCESS"), count=whole()),
)
change_standing = Shape(
    request=record(
        "identifier status reason",
        identifier=_CERTIFICATE_ID,
        status=text(one_of=("revoked", "suspended", "active")),
        reason=text("Why, for those who manage the batch."),
        code=text("Why, for everybody: said on its page.", one_of=CODES_BY_HAND),
    ),
    result=_DONE,
)
bundled = Shape(
    produces="application/zip",
    query={
        "from": text("Issued on this day or later.", example="2026-06-01"),
        "to": text("Issued on this day or earlier.", example="2026-06-30"),
        "form": text(one_of=("pdf", "png", "svg", "json")),
    },
)
show = Shape(
    produces="text/html application/json image/svg+xml image/png application/pdf application/vc application/vc+jwt",
    query={"download": text(), "qr": text(one_of=("URL", "URL-W3C-VC", "W3C-VC"))},
    also={404: "There is no such certificate"},
)
default_template = Shape(produces="image/svg+xml")
style_sheet = Shape(produces="text/css")
status_list = Shape(produces="application/vc")
did_document = Shape(produces="application/did+json")
jwks = Shape(produces="application/json")
