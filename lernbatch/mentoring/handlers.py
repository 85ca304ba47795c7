"""HTTP routes of mentoring: read, call, answer."""

from __future__ import annotations

from lernbatch.errors import Missing
from lernbatch.figures import actions as figures
from lernbatch.mentoring import actions, wire
from lernbatch.web import audit
from lernbatch.web.fields import mandatory
from lernbatch.web.request import Call
from lernbatch.web.schema import Done, takes


@takes(wire.HelpRequest)
async def list_needy(call: Call) -> wire.HelpAnswer:
    """POST /v1/course/batch/help: List whom to help first. And what came of the last contacts."""
    batch_ids, added_by = wire.read_help(call.request)
    managed = await figures.managed_batches(call.services, call.caller, batch_ids)
    return wire.show_help(await actions.help_first(call.services, managed, added_by=added_by))


@takes(query=wire.HistoryQuery)
async def read_history(call: Call) -> wire.HistoryAnswer:
    """GET /v1/course/enrollment/history: Read a learner's history. The caller's own, or of a batch that the caller
    manages.
    """
    user_id, batch_id = call.query.get("userId") or call.subject, call.query.get("batchId")
    if not batch_id:
        raise Missing("batchId")
    return wire.show_history(await actions.history(call.services, call.caller, batch_id, user_id))


@takes(wire.ContactRequest)
async def note_contact(call: Call) -> wire.NotedContacts:
    """POST /v1/course/batch/contact/add: Note that learners were spoken to. They leave the list of whom to help for
    three days.
    """
    new = wire.read_contact(call.request)
    return wire.NotedContacts((await actions.contact(call.services, call.caller, new, audit.by(call))).contact_ids)


@takes(query=wire.ContactsQuery)
async def list_contacts(call: Call) -> wire.ContactsAnswer:
    """GET /v1/course/batch/contact/list: List the contacts with a learner. For who manages the batch."""
    user_id, batch_id = mandatory(call.query, "userId"), mandatory(call.query, "batchId")
    contacts = await actions.contacts_of(call.services, call.caller, batch_id, user_id)
    return wire.ContactsAnswer([wire.show_contact(contact) for contact in contacts])


@takes(wire.ContactToUndo)
async def undo_contact(call: Call) -> Done:
    """POST /v1/course/batch/contact/undo: Take a contact back. Within a day."""
    batch_id, user_id, contact_id = wire.read_undo(call.request)
    await actions.undo(call.services, call.caller, batch_id, user_id, contact_id, audit.by(call))
    return Done()
