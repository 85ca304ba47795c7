"""Every page of the console: path, handlers, place in the navigation, whose it is. One row a page.

The order is that of the navigation; the first page of a reader is where `/console/` leads.
"""

from __future__ import annotations

from lernbatch.console.batches import handlers as batches
from lernbatch.console.certificates import handlers as certificates
from lernbatch.console.checking import handlers as checking
from lernbatch.console.course import handlers as course
from lernbatch.console.dates import handlers as dates
from lernbatch.console.endpoint import SIGN_IN
from lernbatch.console.landing import handlers as landing
from lernbatch.console.learner import handlers as learner
from lernbatch.console.learners import handlers as learners
from lernbatch.console.mentor import handlers as mentor
from lernbatch.console.my import handlers as my
from lernbatch.console.operation import handlers as operation
from lernbatch.console.overview import handlers as overview
from lernbatch.console.public import handlers as public
from lernbatch.console.reports import handlers as reports
from lernbatch.console.roster import handlers as roster
from lernbatch.console.rules import creates, manages, operates
from lernbatch.console.sign_in import handlers as sign_in
from lernbatch.console.visit import Page, Write
from lernbatch.console.webhooks import handlers as webhooks
from lernbatch.wording.words import N_

# fmt: off
PAGES: tuple[Page, ...] = (
    Page("/", landing.enter, is_open=True),
    Page("/console", landing.enter, is_open=True),
    Page("/console/", landing.lead),

    # signing in
    Page(SIGN_IN, sign_in.show, {"choose": Write(sign_in.choose), "provider": Write(sign_in.go_to_provider)},
         is_open=True),
    Page("/console/callback", sign_in.come_back, is_open=True),
    Page("/console/sign-out", sign_in.show_leave, {"sign-out": Write(sign_in.leave)}),
    Page("/console/sessions", sign_in.show_sessions, {"end": Write(sign_in.end_session)}),

    # batches
    Page("/console/batches", batches.show,
         {"save-view": Write(batches.save_view), "forget-view": Write(batches.forget_view)},
         nav=N_("Batches"), seen_by=manages),
    Page("/console/batches/list.csv", batches.download, seen_by=manages),
    Page("/console/batches/new", dates.show_new, {"create": Write(dates.create, "batch.create")}, seen_by=creates),
    Page("/console/batches/{batch_id}", overview.show, {"add": Write(overview.add, "enrolment.enrol")},
         tab=N_("Overview"), seen_by=manages),
    Page("/console/batches/{batch_id}/learners", learners.show,
         {"find": Write(learners.find), "contact": Write(learners.contact), "undo": Write(learners.undo),
          "remove": Write(learners.remove), "again": Write(learners.issue_again, "certificate.award"),
          "save-view": Write(learners.save_view), "forget-view": Write(learners.forget_view)},
         tab=N_("Learners"), seen_by=manages),
    Page("/console/batches/{batch_id}/learners/list.csv", learners.download, seen_by=manages),
    Page("/console/batches/{batch_id}/learners/{user_id}", learner.show,
         {"contact": Write(learner.contact), "undo": Write(learner.undo),
          "remove": Write(learner.remove, "enrolment.unenrol")}, seen_by=manages),
    Page("/console/batches/{batch_id}/roster", roster.show, {"read": Write(roster.read)}, tab=N_("Roster"),
         seen_by=manages, large=True),
    Page("/console/batches/{batch_id}/roster/empty.csv", roster.download_example, seen_by=manages),
    Page("/console/batches/{batch_id}/roster/changes/{change_id}", roster.show_undo,
         {"undo": Write(roster.undo, "bulk.undo")}, seen_by=manages),
    Page("/console/batches/{batch_id}/roster/{draft_id}", roster.show_plan,
         {"apply": Write(roster.apply, "bulk.apply"), "discard": Write(roster.discard)}, seen_by=manages),
    Page("/console/batches/{batch_id}/roster/{draft_id}/plan.csv", roster.download_plan, seen_by=manages),
    Page("/console/batches/{batch_id}/roster/{draft_id}/faulty.csv", roster.download_faulty, seen_by=manages),
    Page("/console/batches/{batch_id}/rules", dates.show,
         {"check": Write(dates.check), "save": Write(dates.save, "batch.update"),
          "check-rule": Write(dates.check_rule), "save-rule": Write(dates.save_rule, "certificate.attach")},
         tab=N_("Dates and rules"), seen_by=manages),
    Page("/console/batches/{batch_id}/certificates", certificates.show,
         {"find": Write(certificates.find), "attach": Write(certificates.attach, "certificate.attach"),
          "look": Write(certificates.look), "retry": Write(certificates.retry)},
         tab=N_("Certificates"), seen_by=manages),
    Page("/console/batches/{batch_id}/certificates/list.zip", certificates.download, seen_by=manages),
    Page("/console/batches/{batch_id}/certificates/{certificate_id}", certificates.show_one,
         {"change": Write(certificates.change, "certificate.change"),
          "again": Write(certificates.issue_again, "certificate.award")}, seen_by=manages),
    Page("/console/batches/{batch_id}/reports", reports.show_of_batch, {"ask": Write(reports.ask, "exhaust.submit")},
         tab=N_("Reports"), seen_by=manages),
    Page("/console/reports", reports.show, nav=N_("Reports"), seen_by=manages),
    Page("/console/reports/{request_id}", reports.show_one, seen_by=manages),

    # a mentor's list
    Page("/console/mentor", mentor.show, {"contact": Write(mentor.contact), "undo": Write(mentor.undo)},
         nav=N_("My learners"), seen_by=creates),
    Page("/console/mentor/order", mentor.explain_order, seen_by=creates),

    # a learner's own
    Page("/console/my", my.show, nav=N_("My courses")),
    Page("/console/my/certificates", my.show_certificates, nav=N_("Certificates")),
    Page("/console/my/{batch_id}/course", course.show, {"finish": Write(course.finish)}),
    Page("/console/my/{batch_id}", my.show_batch, {"leave": Write(my.leave, "enrolment.leave")}),

    # a batch for anybody
    Page("/b/{batch_id}", public.lead, is_open=True),
    Page("/console/b/{batch_id}", public.show, {"join": Write(public.join, "enrolment.join")}, is_open=True),

    # a certificate for anybody; its own page is one of the API's
    Page("/console/check", checking.show, {"check": Write(checking.check)}, is_open=True,
         open_file_bytes=checking.LARGEST_FORM),

    # webhooks
    Page("/console/webhooks", webhooks.show, {"add": Write(webhooks.add)}, nav=N_("Webhooks"),
         seen_by=webhooks.seen_by),
    Page("/console/webhooks/{webhook_id}", webhooks.show_one,
         {"save": Write(webhooks.save), "switch": Write(webhooks.switch), "test": Write(webhooks.test),
          "rotate": Write(webhooks.rotate), "replay": Write(webhooks.replay), "delete": Write(webhooks.delete)},
         seen_by=webhooks.seen_by),

    # operation
    Page("/console/operation", operation.show,
         {"again": Write(operation.send_again, "operation.again"), "run": Write(operation.run, "operation.run")},
         nav=N_("Operation"), seen_by=operates),
    Page("/console/operation/settings", operation.settings, seen_by=operates),

    # the last: whatever no page above has
    Page("/console/{path:path}", landing.nowhere, {"": Write(landing.nowhere)}, is_open=True),
)
# fmt: on
