"""Every page of the console: path, handlers, place in the navigation, whose it is. One row a page.

The order is that of the navigation; the first page of a reader is where `/console/` leads.
"""

from __future__ import annotations

from lernbatch.console.batches import handlers as batches
from lernbatch.console.dates import handlers as dates
from lernbatch.console.endpoint import SIGN_IN
from lernbatch.console.landing import handlers as landing
from lernbatch.console.operation import handlers as operation
from lernbatch.console.overview import handlers as overview
from lernbatch.console.rules import creates, manages, operates
from lernbatch.console.sign_in import handlers as sign_in
from lernbatch.console.visit import Page, Write
from lernbatch.console.words import N_

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
    Page("/console/batches", batches.show, nav=N_("Batches"), seen_by=manages),
    Page("/console/batches/list.csv", batches.download, seen_by=manages),
    Page("/console/batches/new", dates.show_new, {"create": Write(dates.create, "batch.create")}, seen_by=creates),
    Page("/console/batches/{batch_id}", overview.show, {"add": Write(overview.add, "enrolment.enrol")},
         tab=N_("Overview"), seen_by=manages),
    Page("/console/batches/{batch_id}/rules", dates.show,
         {"check": Write(dates.check), "save": Write(dates.save, "batch.update")},
         tab=N_("Dates and rules"), seen_by=manages),

    # operation
    Page("/console/operation", operation.show,
         {"again": Write(operation.send_again, "operation.again"), "run": Write(operation.run, "operation.run")},
         nav=N_("Operation"), seen_by=operates),
    Page("/console/operation/settings", operation.settings, seen_by=operates),

    # the last: whatever no page above has
    Page("/console/{path:path}", landing.nowhere, {"": Write(landing.nowhere)}, is_open=True),
)
# fmt: on
