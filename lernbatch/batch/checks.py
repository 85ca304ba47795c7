"""What other services confirm before a batch is written: called before a transaction, never inside one."""

from __future__ import annotations

from collections.abc import Sequence

from lernbatch.batch import rules
from lernbatch.course import actions as courses
from lernbatch.course.model import Course
from lernbatch.errors import Malformed, Upstream
from lernbatch.services import Services
from lernbatch.sunbird.http import mappings, text
from lernbatch.web.caller import Caller


async def check_course(services: Services, course_id: str) -> Course:
    """Return the course, a published collection whose progress is tracked.

    Raises: course.rules.InvalidCourse, also when the content service does not answer (C19).
    """
    return await courses.offerable(services, course_id)


async def check_organisations(services: Services, org_ids: Sequence[str]) -> None:
    """Raises: rules.InvalidOrganisation, when one does not exist or the service does not answer (C20, U16, U27)."""
    if not org_ids:
        return
    try:
        missing = await services.sunbird.organisations.missing(org_ids)
    except Upstream as unknown:
        raise rules.InvalidOrganisation from unknown
    if missing:
        raise rules.InvalidOrganisation


async def check_own_organisations(services: Services, caller: Caller, org_ids: Sequence[str]) -> None:
    """Check that the caller belongs to these organisations or administers them.

    The token's roles are looked at first; the user service is called only for organisations that they do not name.
    Raises: rules.ForeignOrganisation; Upstream.
    """
    config = services.config
    if rules.is_unbounded(caller, config) or config.enrol_across_organisations:
        return
    roles = config.administrator_roles
    others = rules.foreign_organisations(caller, org_ids, caller.organisation_ids, roles)
    if not others:
        return
    person = await services.sunbird.users.profile(caller.user_id or "", caller.token)
    own_ids = set()
    if person is not None and not person.is_deleted:
        own_ids = {text(place.get("organisationId")) for place in mappings(person.fields.get("organisations"))}
        own_ids.add(person.root_org_id)
    if rules.foreign_organisations(caller, others, own_ids - {""}, roles):
        raise rules.ForeignOrganisation


async def check_mentors(services: Services, creator: str | None, mentors: Sequence[str], token: str | None) -> None:
    """Check that the mentors exist and belong to the creator's root organisation (C21 to C24, U28).

    Raises: rules.UnknownCreator, rules.InvalidUser, rules.ForeignMentor; the user service's refusal of the creator
    (contract batches §5.2); Malformed, when the user service does not answer for the mentors.
    """
    if not mentors:
        return
    users = services.sunbird.users
    owner = await users.profile(creator, token) if creator else None
    if owner is None:
        raise rules.UnknownCreator
    try:
        people = await users.profiles(mentors, token)
    except Upstream as failed:
        raise Malformed from failed
    for user_id in mentors:
        mentor = people.get(user_id)
        if mentor is None or mentor.is_deleted:
            raise rules.InvalidUser
        if not owner.root_org_id or mentor.root_org_id != owner.root_org_id:
            raise rules.ForeignMentor(user_id)
