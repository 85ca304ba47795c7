"""From a template and its context to an answer: languages, the frame of every page, headers."""

from __future__ import annotations

import asyncio
import gzip
import secrets
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from starlette.responses import Response

from lernbatch.config import Config
from lernbatch.console import forms, rules
from lernbatch.console.visit import Page, Visit
from lernbatch.session import rules as session_rules
from lernbatch.web.static_files import StaticFiles
from lernbatch.wording import words

if TYPE_CHECKING:
    from jinja2 import Environment

LEAST_COMPRESSED_BYTES = 1000
GZIP_LEVEL = 5
LONGEST_INLINE_BYTES = 64 * 1024  # that are compressed without a thread
THEMES = ("light", "dark")
FILES = StaticFiles("lernbatch.console", "static", "/console/static/")


@cache
def _environment(language: str) -> Environment:
    """The templates in one language; each page's stands in its folder, what they share in `templates`."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # loaded where a page is shown

    environment = Environment(
        loader=PackageLoader("lernbatch.console", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(words.translations(language), newstyle=True)  # type: ignore[attr-defined]
    environment.globals.update(static=FILES.url)
    return environment


async def page(visit: Visit, template: str, context: Mapping[str, Any]) -> Response:
    """The page. `template`: `batches/list.html`."""
    source = _environment(visit.words.code).get_template(template)
    return await answer(visit, source.render({**_frame(visit), **context}))


async def answer(visit: Visit, html: str) -> Response:
    """`html` as an answer, compressed where the browser takes that."""
    body, headers = html.encode(), {"Vary": "Cookie, Accept-Language, Accept-Encoding"}
    if len(body) >= LEAST_COMPRESSED_BYTES and "gzip" in visit.call.headers.get("accept-encoding", ""):
        if len(body) > LONGEST_INLINE_BYTES:
            body = await asyncio.to_thread(gzip.compress, body, GZIP_LEVEL)
        else:
            body = gzip.compress(body, GZIP_LEVEL)
        headers["Content-Encoding"] = "gzip"
    return Response(body, visit.status, headers, media_type="text/html; charset=utf-8")


def security_headers(config: Config) -> dict[str, str]:
    """What every page of the console is sent with."""
    return {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
            f"connect-src 'self'; form-action {' '.join(rules.form_targets(config))}; frame-ancestors 'none'; "
            "base-uri 'none'"
        ),
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }


def _frame(visit: Visit) -> dict[str, Any]:
    """What every template may use beside its own context."""
    speech, session, config = visit.words, visit.session, visit.services.config

    def csrf(path: str) -> str:
        return session_rules.csrf_token(session.csrf, path) if session else ""

    def hidden(do: str) -> Markup:
        """The fields that every form of a page has: what it does, that it is ours, and that it is done once."""
        fields = {forms.DO: do, forms.TOKEN: csrf(visit.path), forms.ONCE: secrets.token_urlsafe(18)}
        inputs = [Markup('<input type="hidden" name="{}" value="{}">').format(*field) for field in fields.items()]
        return Markup("").join(inputs)

    return {
        "page": visit.page,
        "path": visit.path,
        "parameters": visit.parameters,
        "query": visit.query,
        "words": speech,
        "number": speech.number,
        "percent": speech.percent,
        "part": speech.part,
        "day": speech.day,
        "moment": speech.moment,
        "ago": speech.ago,
        "lasting": speech.lasting,
        "theme": visit.theme,
        "languages": [(name, words.NAMES[name]) for name in words.languages()],
        "session": session,
        "role": role_text(visit),
        "initials": initials(session.name) if session else "",
        # Pages of learners have none: they are read on cheap phones.
        "has_script": session is not None and visit.page.seen_by is not rules.learns,
        "is_demo": session_rules.signs_in_locally(config),
        "navigation": navigation(visit),
        "request_id": visit.call.message_id,
        "problems": visit.problems,
        "problem_of": {problem.field: problem.text for problem in reversed(visit.problems)}.get,
        "value_of": visit.form.get,
        "values_of": visit.lists.get,
        "was_sent": bool(visit.form),
        "csrf": csrf,
        "hidden": hidden,
    }


def navigation(visit: Visit) -> list[tuple[Page, bool]]:
    """The pages of the main navigation that the reader may see, and whether each is the current one."""
    if visit.session is None:
        return []
    config, caller = visit.services.config, visit.caller
    pages = [page for page in visit.console.pages if page.nav and page.seen_by(caller, config)]
    around = [page.path for page in pages if visit.path == page.path or visit.path.startswith(f"{page.path}/")]
    current = max(around, key=len, default=None)
    return [(page, page.path == current) for page in pages]


def tabs(visit: Visit) -> list[tuple[str, str, bool]]:
    """The tabs of a batch that the reader may see: address, name, and whether each is the current one."""
    config, caller = visit.services.config, visit.caller
    pages = [page for page in visit.console.pages if page.tab and page.seen_by(caller, config)]
    shown = [(page, page.path.format(**visit.parameters)) for page in pages]
    return [(address, page.tab or "", page.path == visit.page.path) for page, address in shown]


def role_text(visit: Visit) -> str:
    """What the reader is here, in a word."""
    _, caller, config = visit.words._, visit.caller, visit.services.config
    if rules.administers(caller, config):
        return _("Administrator")
    if rules.operates(caller, config):
        return _("Operator")
    if caller.has_role(("CONTENT_CREATOR", "COURSE_CREATOR")):
        return _("Batch creator")
    return _("Mentor") if rules.mentors(caller, config) else _("Learner")


def initials(name: str) -> str:
    """Asha Kulkarni → AK: the first letter of the first and of the last word, with its signs."""
    parts = name.split()
    return "".join(words.first_letter(part) for part in (parts[:1] + parts[1:][-1:]))
