"""What is true of the console: whose page is whose, and where signing in leads."""

from __future__ import annotations

from urllib.parse import urlsplit

from lernbatch.batch.rules import MANAGER_ROLES
from lernbatch.config import Config
from lernbatch.errors import Forbidden
from lernbatch.session.rules import signs_in_at_provider
from lernbatch.web.caller import Caller

HOME = "/console/"


def safe_next(path: str | None) -> str:
    """Where to go after signing in: a page of the console, never another site."""
    if path is None or not path.startswith("/console/") or any(c in path for c in "\\\r\n") or len(path) > 2000:
        return HOME
    return path


def manages(caller: Caller, config: Config) -> bool:
    """Whether batches are any of the caller's business: who makes, mentors or administers them."""
    return caller.has_role((*MANAGER_ROLES, *config.administrator_roles))


def creates(caller: Caller, _: Config) -> bool:
    """Whether the caller may make batches, as the API's route asks for it."""
    return caller.has_role(MANAGER_ROLES)


def administers(caller: Caller, config: Config) -> bool:
    return caller.has_role(config.administrator_roles)


def mentors(caller: Caller, _: Config) -> bool:
    return caller.has_role(("COURSE_MENTOR",))


def operates(caller: Caller, config: Config) -> bool:
    """Whether the caller looks after the installation itself: by a role that is held for no one organisation."""
    return caller.administers((), config.operator_roles)


def learns(caller: Caller, _: Config) -> bool:
    """Everybody who is signed in may learn."""
    return caller.user_id is not None


class NotYours(Forbidden):
    """A page of people with other roles."""


def form_targets(config: Config) -> list[str]:
    """Where forms of a page may lead, redirects included, as the Content-Security-Policy names it."""
    issuer = urlsplit(config.sign_in_issuer)
    return ["'self'", f"{issuer.scheme}://{issuer.netloc}"] if signs_in_at_provider(config) else ["'self'"]
